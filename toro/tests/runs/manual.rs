//! Every command of the manual page runs, as it stands there.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::agents::KNOWN;
use super::support::{Ended, Gateway, said, write_program};

#[test]
fn every_command_of_the_manual_runs() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/toro.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let commands: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(commands.len() > 10, "{commands:?}");
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let key = gateway.make(&json!({ "role": "keymaster", "name": "typed" }))["key"].as_str().unwrap().to_owned();
    let bin = home.folder.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_toro"), bin.join("toro")).unwrap();
    for agent in toro::agents::ALL {
        write_program(&bin, agent.programs[0], "#!/bin/sh\ntrue\n");
    }
    for command in commands {
        let command = command.replace("http://127.0.0.1:8080", &gateway.url());
        let mut script = std::process::Command::new("sh");
        script.args(["-c", &command]).env_clear().env("HOME", home.folder.path()).current_dir(home.work());
        script.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).stdin(std::process::Stdio::null());
        if command.starts_with("toro connect") {
            script.env("TORO_KEY", &key);
        }
        let said = said(script);
        assert_eq!(said.ended, Ended::Code(0), "{command}\n{}{}", said.out, said.err);
    }
    let agents = ["codex", "claude", "opencode", "gemini"];
    for agent in agents {
        assert!(gateway.runs().iter().any(|run| run["labels"]["agent"] == agent), "{agent} was not run");
    }
    for agent in toro::agents::ALL {
        assert!(page.contains(&format!("\n| `{}` |", agent.name)), "the manual does not speak of {}", agent.name);
    }
}
