//! Every example of a help text works as it stands there.

use super::site::Site;
use super::support::{Ended, said, write_program};

/// The commands whose examples ask a gateway.
const COMMANDS: [&str; 9] = ["status", "models", "usage", "runs", "chat", "pingpong", "token", "doctor", "setup"];

fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let own =
        help.lines().skip_while(|line| !line.starts_with("Example")).skip(1).take_while(|line| line.starts_with("  "));
    let mut all: Vec<String> = own.map(|line| line.trim().to_owned()).collect();
    assert!(!all.is_empty(), "`{}` has no example", command.get_name());
    all.extend(command.get_subcommands().flat_map(examples));
    all
}

#[test]
fn every_example_runs() {
    let site = Site::new();
    let run = site.run_of("codex", 0);
    let bin = site.home.folder.path().join("bin");
    write_program(&bin, "toro", &format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_toro")));
    for (name, text) in [("codex", "echo codex"), ("claude", "echo 2.1"), ("fzf", "head -n 1"), ("git", "echo diff")] {
        write_program(&bin, name, &format!("#!/bin/sh\n{text}\n"));
    }
    let config = std::fs::read_to_string(site.home.config()).unwrap();
    std::fs::write(
        site.home.config(),
        format!("{config}{}", config.split_once('\n').unwrap().1.replace("servers.t", "servers.work")),
    )
    .unwrap();
    let tree = toro::cli::tree();
    let mut count = 0;
    for name in COMMANDS {
        for line in examples(tree.find_subcommand(name).unwrap()) {
            // A conversation needs a terminal; another test has one. A token can be made again and be ended again.
            if line == "toro chat" {
                continue;
            }
            let line = line.replace("tok_0123456789abcdef", &run);
            // Nobody is there to be asked.
            let is_asked = line.starts_with("toro setup ") && !line.contains("--dry-run");
            let line = if is_asked { line + " --yes" } else { line };
            let mut command = site.home.toro(&[]);
            let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &line]).env_clear().current_dir(site.home.work()).stdin(std::process::Stdio::null());
            shell.envs(command.env("PATH", path).get_envs().filter_map(|(name, value)| Some((name, value?))));
            let said = said(shell);
            // 1: no such model, nothing was found wrong but the like.
            let is_fine = matches!(said.ended, Ended::Code(0)) || (name == "models" && said.ended == Ended::Code(1));
            assert!(is_fine, "{line}: {:?}\n{}{}", said.ended, said.out, said.err);
            count += 1;
        }
    }
    assert!(count > 30, "only {count} examples were found");
}
