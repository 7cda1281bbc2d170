# Homebrew: torod and toro from source, with a service for `brew services`. In a tap: Formula/tokenrouter.rb
class Tokenrouter < Formula
  desc "One endpoint for many LLM providers, and the launcher of coding agents"
  homepage "https://github.com/tokenrouter/tokenrouter"
  url "https://github.com/tokenrouter/tokenrouter.git", tag: "v0.1.0"
  license "MIT"
  head "https://github.com/tokenrouter/tokenrouter.git", branch: "main"

  depends_on "node" => :build
  depends_on "python@3.13" => :build
  depends_on "rust" => :build

  def install
    system "make", "web"
    # One after the other: built together they would share the features of their crates.
    system "cargo", "install", *std_cargo_args(path: "torod")
    system "cargo", "install", *std_cargo_args(path: "toro")
    generate_completions_from_executable(bin/"torod", "completions")
    generate_completions_from_executable(bin/"toro", "completions")
    system "python3", "packaging/manual", bin/"torod", buildpath/"pages"
    man1.install Dir["pages/*.1"]
    man5.install "pages/torod.toml.5"
    system bin/"toro", "man", man1
    pkgshare.install "packaging/torod.toml", "packaging/grafana", "packaging/prometheus"
    doc.install Dir["docs/operating/*"]
  end

  service do
    run [opt_bin/"torod", "serve", "--config", etc/"tokenrouter/torod.toml", "--data-dir", var/"lib/tokenrouter"]
    keep_alive crashed: true
    log_path var/"log/tokenrouter.log"
    error_log_path var/"log/tokenrouter.log"
    working_dir HOMEBREW_PREFIX
  end

  def caveats
    <<~EOS
      `brew services start tokenrouter` runs torod with #{etc}/tokenrouter/torod.toml and its data in
      #{var}/lib/tokenrouter. Commands for that gateway name both:
        torod --config #{etc}/tokenrouter/torod.toml --data-dir #{var}/lib/tokenrouter token create --role admin
      To try it without anything left behind: torod demo
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/torod version")
    assert_match version.to_s, shell_output("#{bin}/toro version")
    system bin/"torod", "--config", pkgshare/"torod.toml", "config", "check"
  end
end
