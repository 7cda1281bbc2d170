//! No secret is where others look: not in the arguments of any process, not in what is said.

use serde_json::json;

use super::support::{Gateway, children, until, write_program};

fn arguments(pid: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

#[test]
fn arguments_hold_no_key() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let begun = home.begin(&[], "exec sleep 600");
    until("toro has a guard", || children(begun.toro.id()).len() == 2);
    until("the agent runs", || arguments(&begun.pid.to_string()).starts_with("sleep"));
    let stored = std::fs::read_to_string(home.config()).unwrap();
    let stored = stored.split('"').find(|text| text.starts_with("tr_")).unwrap().to_owned();
    let all: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str().filter(|n| n.parse::<u32>().is_ok()).map(arguments))
        .collect();
    assert!(all.iter().any(|line| line.starts_with("toro guard-run")), "{all:?}");
    for line in &all {
        assert!(!line.contains(&begun.key) && !line.contains(&stored), "{line}");
    }
    // The guard has no environment to look into either, and the agent not the stored token.
    for pid in children(begun.toro.id()) {
        let environment = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/environ")).unwrap()).into_owned();
        assert!(!environment.contains(&stored), "{environment}");
        assert_eq!(environment.contains(&begun.key), pid == begun.pid, "{environment}");
    }
}

#[test]
fn throw_away_files_are_ours_alone_and_end_with_the_run() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let programs = home.folder.path().join("programs");
    write_program(
        &programs,
        "claude",
        "#!/bin/sh\necho \"$@\"\necho \"$2\" > file\nstat -c %a \"$2\" \"$(dirname \"$2\")\"\ncat \"$2\"\nenv\n",
    );
    let mut command =
        home.toro(&["--model", "sim/hello", "--model", "haiku=sim/tiny", "claude", "-p", "hi", "--unknown"]);
    command
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("CLAUDE_CONFIG_DIR", "/my/own")
        .env("CLAUDE_CODE_USE_BEDROCK", "1");
    let said = super::support::said(command);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines[0].starts_with("--settings /") && lines[0].ends_with("/settings.json -p hi --unknown"),
        "{}",
        said.out
    );
    assert!(!lines[0].contains("tr_"), "{}", said.out);
    assert_eq!(lines[1..3], ["600", "700"], "{}", said.out);
    let settings: serde_json::Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(settings["env"]["ANTHROPIC_BASE_URL"], gateway.url());
    assert!(settings["env"]["ANTHROPIC_AUTH_TOKEN"].as_str().unwrap().starts_with("tr_"));
    for line in [
        "CLAUDE_CONFIG_DIR=/my/own",
        "ANTHROPIC_MODEL=sim/hello",
        "ANTHROPIC_DEFAULT_OPUS_MODEL=sim/hello",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL=sim/tiny",
    ] {
        assert!(lines.contains(&line), "{line}: {}", said.out);
    }
    assert!(!lines.iter().any(|line| line.starts_with("CLAUDE_CODE_USE_BEDROCK=")), "{}", said.out);
    assert_eq!(settings["env"]["CLAUDE_CODE_USE_BEDROCK"], "");
    let file = std::fs::read_to_string(home.work().join("file")).unwrap();
    assert!(!std::path::Path::new(file.trim()).exists(), "{file}");
}

#[test]
fn throw_away_files_end_with_a_killed_toro_too() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let programs = home.folder.path().join("programs");
    write_program(&programs, "claude", "#!/bin/sh\necho \"$2\" > part; mv part file; exec sleep 600\n");
    let mut command = home.toro(&["claude"]);
    let mut toro = command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).spawn().unwrap();
    let mut file = String::new();
    until("the agent begins and is guarded", || {
        file = std::fs::read_to_string(home.work().join("file")).unwrap_or_default();
        !file.is_empty() && children(toro.id()).len() == 2
    });
    let file = std::path::Path::new(file.trim());
    assert!(file.exists());
    toro.kill().unwrap();
    toro.wait().unwrap();
    until("the folder is gone", || !file.parent().unwrap().exists());
}
