//! A gateway that hangs, a mistake of ours, and what the help texts promise.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Instant;

use serde_json::json;
use toro::cli::Globals;
use toro::clock::Clock;
use toro::commands::Context;
use toro::exit::Exit;
use toro::printer::Printer;
use toro::run::wanted::RunFlags;
use toro::run::{Start, run};

use super::support::{Ended, Gateway, Home, SOON, ended, send, until};

#[test]
fn a_gateway_that_hangs_can_be_left() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    home.store(&format!("http://{}", deaf.local_addr().unwrap()), "tr_x");
    let mut toro = home.toro(&["wrap", "--", "touch", "begun"]).spawn().unwrap();
    let (mut line, _) = deaf.accept().unwrap();
    assert!(line.read(&mut [0; 16]).unwrap() > 0);
    let begin = Instant::now();
    send(i32::try_from(toro.id()).unwrap(), 2);
    let mut status = None;
    until("toro ends", || {
        status = toro.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(ended(status.unwrap()), Ended::Signal(2));
    assert!(begin.elapsed() < SOON / 3 && !home.work().join("begun").exists());
}

#[test]
fn what_answers_and_is_no_gateway_is_told() {
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    home.store(&format!("http://{}", site.local_addr().unwrap()), "tr_x");
    let serve = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut line, _) = site.accept().unwrap();
        let mut head = [0; 4096];
        let _ = line.read(&mut head).unwrap();
        let page = "<html>\u{1b}[2J</html>";
        write!(line, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len()).unwrap();
    });
    let said = home.run(&["wrap", "--", "true"]);
    serve.join().unwrap();
    assert_eq!(said.ended, Ended::Code(125), "{}", said.err);
    assert!(said.err.contains("is no tokenrouter gateway") && !said.err.contains('\u{1b}'), "{}", said.err);
}

#[test]
fn a_mistake_of_ours_leaves_no_token() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let context = Context {
        printer: Printer::new(None, true),
        globals: Globals { config: Some(home.config()), ..Globals::default() },
        flags: RunFlags::default(),
        env: |_| None,
        clock: Clock,
    };
    let key = std::cell::RefCell::new(String::new());
    let break_off = |_: &mut toro::agents::plan::Plan, launch: &toro::agents::launch::Launch<'_>| {
        launch.key.expose().clone_into(&mut key.borrow_mut());
        assert!(gateway.takes(&key.borrow()));
        std::panic::resume_unwind(Box::new("a mistake"));
    };
    let start = Start {
        agent: toro::agents::find("codex").unwrap(),
        program: Some("true"),
        title: "true",
        arguments: Vec::new(),
        flags: &context.flags,
        change: Some(&break_off),
    };
    let failure = run(&context, &start).unwrap_err();
    assert_eq!(failure.exit, Exit::NotBegun, "{failure}");
    assert!(failure.message.contains("a mistake of ours"), "{failure}");
    assert!(!gateway.takes(&key.borrow()));
}

/// The commands after `Example:` in a help text.
fn examples(help: &str) -> Vec<String> {
    let after = help.split("Example:\n").nth(1).unwrap_or_default();
    let lines = after.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.filter(|line| line.contains("toro")).map(str::to_owned).collect()
}

#[test]
fn every_example_of_our_help_runs() {
    let mut gateway = Gateway::start();
    gateway.down();
    gateway.up();
    let home = gateway.home("keymaster", &json!({}));
    let stored = std::fs::read_to_string(home.config()).unwrap();
    let key = stored.split('"').find(|text| text.starts_with("tr_")).unwrap().to_owned();
    let programs = home.folder.path().join("programs");
    let own = std::path::Path::new(env!("CARGO_BIN_EXE_toro")).parent().unwrap();
    // What the examples call besides toro.
    let shown = std::fs::read_to_string(home.config()).unwrap();
    for (name, text) in [
        ("python", "exit 0".to_owned()),
        ("make", "exit 0".to_owned()),
        ("fish", "exit 0".to_owned()),
        ("pass", format!("echo {key}")),
    ] {
        super::support::write_program(&programs, name, &format!("#!/bin/sh\n{text}\n"));
    }
    super::support::write_program(&home.work(), "tool", "#!/bin/sh\nexit 0\n");
    let mut seen = 0;
    for command in ["connect", "set-key", "env", "wrap", "completions", "man", "version"] {
        let help = home.run(&[command, "--help"]);
        assert_eq!(help.ended, Ended::Code(0), "{}", help.err);
        let found = examples(&help.out);
        assert!(!found.is_empty(), "{command} shows no example: {}", help.out);
        for line in found {
            // Elsewhere than in the help there is a gateway; other shells and pagers than ours are not called.
            let line = line
                .replace("https://gateway.example.com", &gateway.url())
                .replace("https://10.0.0.5:8443 --fingerprint sha256:2D71…", &gateway.url());
            let line = line.split(" | source").next().unwrap().split(" | Invoke-Expression").next().unwrap();
            let line = line.split(" | man ").next().unwrap().replace("~/", "$HOME/");
            let mut shell = home.toro(&[]);
            let envs: Vec<_> = shell.get_envs().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect();
            shell = std::process::Command::new("bash");
            shell
                .args(["-euo", "pipefail", "-c"])
                .arg(format!("mkdir -p $HOME/.local/share/bash-completion/completions; {line}"))
                .env_clear()
                .envs(envs)
                .env("PATH", format!("{}:{}:/usr/bin:/bin", programs.display(), own.display()))
                .env("TOROD_DATA_DIR", gateway.data())
                .stdin(std::process::Stdio::null())
                .current_dir(home.work());
            if line.contains("set-key") && !line.contains('|') {
                shell.stdin(std::fs::File::open(key_file(&home, &key)).unwrap());
            }
            if line.contains("--server work") {
                let both = format!("{shown}[servers.work]\nurl = \"{}\"\nkey = \"{key}\"\n", gateway.url());
                std::fs::write(home.config(), both).unwrap();
            }
            let said = super::support::said(shell);
            assert_eq!(said.ended, Ended::Code(0), "{line}: {}", said.err);
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen}");
    let script = home.run(&["completions", "bash"]).out;
    assert!(script.contains("codex") && script.contains("--budget"), "agents and options are completed");
    let page = home.folder.path().join(".local/share/man/man1/toro.1");
    assert!(std::fs::read_to_string(page).unwrap().contains("codex"));
}

fn key_file(home: &Home, key: &str) -> std::path::PathBuf {
    let file = home.work().join("key");
    std::fs::write(&file, key).unwrap();
    file
}
