//! The commands that the documents show do what they say.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod every;
mod kept;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// The lines of a document's code blocks that call torod, without their comments.
fn shown(text: &str) -> Vec<String> {
    let commands = every::lines(text).into_iter().filter_map(|line| line.split('#').next()).map(str::trim);
    commands.filter(|line| line.starts_with("torod ")).map(str::to_owned).collect()
}

fn torod(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.env_clear().env("HOME", home).stdin(Stdio::null());
    command
}

#[test]
fn the_readmes_everyday_commands_work() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/tokenrouter");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("torod.toml"), document("packaging/torod.toml")).unwrap();
    let commands = shown(&document("README.md"));
    assert!(commands.len() >= 4, "{commands:?}");
    // Usage is read from a database, which the token makes.
    let (tokens, others): (Vec<_>, Vec<_>) = commands.into_iter().partition(|c| c.starts_with("torod token"));
    assert!(!tokens.is_empty());
    for line in tokens.iter().chain(&others) {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if words.first() == Some(&"simulate") {
            let mut child = torod(home.path())
                .args(&words)
                .args(["--listen", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(line.contains("http://127.0.0.1:"), "{line}");
            continue;
        }
        let output = torod(home.path()).args(&words).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_commands_for_watching_work() {
    let home = tempfile::tempdir().unwrap();
    let commands = shown(&document("docs/observing.md"));
    assert!(commands.len() >= 4, "{commands:?}");
    // The database is made by the first thing that is written to it.
    assert!(torod(home.path()).args(["token", "create", "--role", "admin"]).output().unwrap().status.success());
    for line in commands {
        let output = torod(home.path()).args(line.split_whitespace().skip(1)).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_manuals_way_with_providers_works() {
    let home = tempfile::tempdir().unwrap();
    let manual = document("docs/operating/README.md");
    let chapter = manual.split("## Providers\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = shown(chapter);
    assert!(commands.len() >= 10, "{commands:?}");
    for line in commands {
        let mut words: Vec<String> = line.split_whitespace().skip(1).map(|word| word.replace('\'', "")).collect();
        let is_test = words.get(1).is_some_and(|word| word == "test");
        if words.get(1).is_some_and(|word| word == "add") {
            // Nobody is called from a test.
            words.retain(|word| word != "--yes");
            words.extend(["--no-test", "--yes"].map(str::to_owned));
        }
        let mut command = torod(home.path());
        command.env("GROQ_API_KEY", "x").env("WORK_KEY", "x").args(&words);
        if is_test {
            command.arg("--help");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = fs::read_to_string(home.path().join(".config/tokenrouter/torod.toml")).unwrap();
    assert!(text.contains("price = { input = 2.5 }") && !text.contains("\nname = \"work\""), "{text}");
}

#[test]
fn the_manuals_way_with_prices_works() {
    let home = tempfile::tempdir().unwrap();
    let manual = document("docs/operating/README.md");
    let chapter = manual.split("## What it costs\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = shown(chapter);
    assert_eq!(commands.len(), 3, "{commands:?}");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../router/src/catalog/models.json");
    for line in commands {
        let mut command = torod(home.path());
        command.args(line.split_whitespace().skip(1));
        if !line.contains("--forget") {
            // Nobody is called from a test.
            command.arg("--from").arg(&list);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let toml = chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = home.path().join("torod.toml");
    fs::write(&file, toml).unwrap();
    let output = torod(home.path()).arg("--config").arg(&file).args(["config", "check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_manuals_way_with_tokens_works() {
    let home = tempfile::tempdir().unwrap();
    let manual = document("docs/operating/README.md");
    let chapter = manual.split("## Tokens\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = shown(chapter);
    assert!(commands.len() >= 8, "{commands:?}");
    for line in commands {
        let words: Vec<String> = line.split_whitespace().skip(1).map(|word| word.replace('\'', "")).collect();
        let output = torod(home.path()).args(&words).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_manuals_way_with_secrets_works() {
    let home = tempfile::tempdir().unwrap();
    let manual = document("docs/operating/README.md");
    let chapter = manual.split("## Secrets\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = shown(chapter);
    assert_eq!(commands.len(), 3, "{commands:?}");
    for line in commands {
        let mut command = torod(home.path());
        command
            .args(line.split_whitespace().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        _ = child.stdin.take().unwrap().write_all(b"sk-a\n");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let chapter = manual.split("## Where torod connects to\n").nth(1).unwrap();
    let file = home.path().join("torod.toml");
    fs::write(&file, chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    let output = torod(home.path()).arg("--config").arg(&file).args(["config", "check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_way_of_whoever_pays_works() {
    let home = tempfile::tempdir().unwrap();
    // Usage is read from a database, which a token makes.
    assert!(torod(home.path()).args(["token", "create", "--name", "alice"]).output().unwrap().status.success());
    let commands = shown(&document("docs/usage.md"));
    assert!(commands.len() >= 20, "{commands:?}");
    for line in commands {
        let mut command = torod(home.path());
        command.current_dir(home.path()).args(line.split_whitespace().skip(1));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty() || line.contains("--export"), "{line}");
    }
    assert!(home.path().join("every-call.csv").exists() && home.path().join("tokens.csv").exists());
}

#[test]
fn the_way_with_quotas_and_alerts_works_beside_a_running_gateway() {
    let home = tempfile::tempdir().unwrap();
    let text = document("docs/alerts.md");
    let toml = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = home.path().join("torod.toml");
    let provider = "[[providers]]\nname = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n";
    // The webhook of the document is nobody's: a trial must not go there.
    let own = toml.replace("https://alerts.example.com", "http://127.0.0.1:9");
    fs::write(&file, format!("listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n{own}\n{provider}"))
        .unwrap();
    let ready = home.path().join("ready");
    let mut gateway = torod(home.path())
        .env("ALERTS_SECRET", "whsec_c2VjcmV0")
        .args(["serve", "--config"])
        .arg(&file)
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        assert!(gateway.try_wait().unwrap().is_none(), "it did not start");
        std::thread::yield_now();
    }
    let commands = shown(&text);
    assert_eq!(commands.len(), 8, "{commands:?}");
    for line in commands {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let output = torod(home.path()).arg("--config").arg(&file).args(&words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        match line.as_str() {
            "torod alerts acknowledge 12" => assert!(said.contains("There is no such alert"), "{line}: {said}"),
            "torod alerts test" => {
                assert!(said.contains("http://127.0.0.1:9") && said.contains("cannot be reached"), "{line}: {said}");
            }
            _ => assert!(output.status.success(), "{line}: {said}"),
        }
    }
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    // Without a gateway, the database tells.
    for words in [&["alerts"][..], &["alerts", "--all", "--json"], &["provider", "quota"]] {
        let output = torod(home.path()).arg("--config").arg(&file).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let message = text.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let message: tokenrouter_shared::alert::AlertMessage = serde_json::from_str(message).unwrap();
    assert_eq!((message.event.as_str(), message.data.permille), ("alert.firing", Some(50)));
}

#[test]
fn every_command_has_a_help_text_with_an_example() {
    let home = tempfile::tempdir().unwrap();
    let all = torod::cli::Cli::command();
    for name in all.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "version") {
        let output = torod(home.path()).args([name, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Example"), "torod {name} --help shows no example:\n{text}");
    }
}

#[test]
fn completions_are_scripts_that_the_shell_accepts_and_know_every_command() {
    let home = tempfile::tempdir().unwrap();
    let all = torod::cli::Cli::command();
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = torod(home.path()).args(["completions", shell]).output().unwrap().stdout;
        let text = String::from_utf8(script).unwrap();
        for name in all.get_subcommands().map(clap::Command::get_name) {
            assert!(text.contains(name), "{shell} does not know `{name}`");
        }
        let path = home.path().join(format!("torod.{shell}"));
        fs::write(&path, text).unwrap();
        match Command::new(shell).arg(check).arg(&path).status() {
            Ok(status) => assert!(status.success(), "{shell}"),
            // Not every machine has every shell; bash they have.
            Err(e) => assert!(shell != "bash", "{e}"),
        }
    }
}

#[test]
fn the_manuals_way_with_backups_works() {
    let home = tempfile::tempdir().unwrap();
    assert!(torod(home.path()).args(["token", "create", "--role", "admin"]).output().unwrap().status.success());
    let folder = home.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let commands = shown(&document("docs/operating/backup.md"));
    assert!(commands.len() >= 4, "{commands:?}");
    for line in commands {
        let line = line.replace("/var/backups", &folder.display().to_string()).replace("/torod\n", "\n");
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if words.last().is_some_and(|last| last.ends_with("/torod")) {
            fs::create_dir(words.last().unwrap()).unwrap();
        }
        let output = torod(home.path()).current_dir(home.path()).args(&words).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_manuals_way_with_imports_works() {
    let home = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operations/foreign/litellm.yaml");
    fs::copy(fixture, home.path().join("litellm_config.yaml")).unwrap();
    let commands = shown(&document("docs/operating/import.md"));
    assert_eq!(commands.len(), 2, "{commands:?}");
    for line in commands {
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if !words.contains(&"--dry-run") {
            words.push("--yes");
        }
        let output = torod(home.path()).current_dir(home.path()).args(&words).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_manuals_variables_are_settings() {
    let home = tempfile::tempdir().unwrap();
    let text = document("docs/operating/environment.md");
    let block = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let variables: Vec<(&str, &str)> = block.lines().filter_map(|line| line.split_once('=')).collect();
    assert!(variables.len() >= 4, "{variables:?}");
    let output = torod(home.path()).envs(variables.clone()).args(["config", "show"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && output.stderr.is_empty(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for (name, _) in variables {
        assert!(told.contains(&format!("# {name}")), "{name}: {told}");
    }
}

#[test]
fn the_manuals_way_of_looking_after_it_works() {
    let home = tempfile::tempdir().unwrap();
    let manual = document("docs/operating/README.md");
    let chapter = manual.split("## Looking after it\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = shown(chapter);
    assert_eq!(commands, ["torod health", "torod doctor", "torod doctor --providers"]);
    // Nobody listens here, and nothing is here: both tell, and change nothing.
    for line in commands {
        let output = torod(home.path()).args(line.split_whitespace().skip(1)).output().unwrap();
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(!home.path().join(".local").exists() && !home.path().join(".config").exists());
}
