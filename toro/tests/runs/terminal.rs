//! On a terminal: keys reach the agent once, and so does the terminal's end; while `toro` is stopped, its token lives.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;

use super::support::{Ended, Gateway, Home, children, ended, is_alive, on_terminal, send, until};

/// Counts the interrupts that it is sent, each by itself, however soon one follows the other.
const COUNTING: &str = "
import os, select, signal
here, there = os.pipe()
os.set_blocking(there, False)
signal.set_wakeup_fd(there)
signal.signal(signal.SIGINT, lambda number, frame: None)
open('begun', 'w').write(str(os.getpid()))
while not os.path.exists('go'):
    if select.select([here], [], [], 0.005)[0]:
        with open('seen', 'a') as file:
            file.write(''.join(f'{number}\\n' for number in os.read(here, 100)))
raise SystemExit(5)
";

fn read(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.work().join(name)).unwrap_or_default()
}

fn end(mut toro: Child) -> Ended {
    let mut status = None;
    until("toro ends", || {
        status = toro.try_wait().unwrap();
        status.is_some()
    });
    ended(status.unwrap())
}

#[test]
fn ctrl_c_reaches_the_agent_once_and_ends_nothing_else() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let (toro, mut keys) = on_terminal(&home, &["wrap", "--", "python3", "-c", COUNTING]);
    until("the agent begins", || !read(&home, "begun").is_empty());
    for times in 1..=5 {
        keys.write_all(b"\x03").unwrap();
        until("it is told", || read(&home, "seen").lines().count() >= times);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(read(&home, "seen"), "2\n".repeat(times));
    }
    // A process that interrupts `toro` means the agent.
    send(i32::try_from(toro.id()).unwrap(), 2);
    until("it is told", || read(&home, "seen").lines().count() >= 6);
    std::fs::write(home.work().join("go"), "").unwrap();
    assert_eq!(end(toro), Ended::Code(5));
    assert_eq!(gateway.runs()[0]["end_reason"], "finished");
}

#[test]
fn a_terminal_that_closes_ends_the_run() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let script = "echo $$ > part; mv part begun; exec sleep 600";
    let (toro, keys) = on_terminal(&home, &["wrap", "--", "sh", "-c", script]);
    until("the agent begins", || !read(&home, "begun").is_empty());
    let pid = read(&home, "begun").trim().parse().unwrap();
    drop(keys);
    assert_eq!(end(toro), Ended::Signal(1));
    until("nobody is left behind", || !is_alive(pid));
    assert_eq!(gateway.runs()[0]["end_reason"], "finished");
}

#[test]
fn what_was_started_to_outlive_its_terminal_does() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let toro = home.toro(&[]);
    let mut command = std::process::Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_toro")).args([
        "wrap",
        "--",
        "sh",
        "-c",
        "echo x > begun; while ! test -e go; do sleep 0.02; done",
    ]);
    command.env_clear().envs(toro.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.work());
    let toro = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the agent begins", || !read(&home, "begun").is_empty());
    send(i32::try_from(toro.id()).unwrap(), 1);
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_alive(i32::try_from(toro.id()).unwrap()));
    std::fs::write(home.work().join("go"), "").unwrap();
    assert_eq!(end(toro), Ended::Code(0));
}

#[test]
fn a_run_that_is_stopped_keeps_its_token() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let mut begun = home.begin(&["--lease", "15"], "while ! test -e go; do sleep 0.02; done; exit 4");
    until("toro has a guard", || children(begun.toro.id()).len() == 2);
    // As Ctrl-Z does.
    begun.signal(19);
    send(begun.pid, 19);
    // Three times what a lease lasts, between signs of life.
    for _ in 0..2 {
        gateway.clock.advance(12_000);
        let before = gateway.lease_end(&begun.key);
        until("the guard gives a sign of life", || gateway.lease_end(&begun.key) > before);
    }
    assert!(gateway.takes(&begun.key));
    std::fs::write(home.work().join("go"), "").unwrap();
    send(begun.pid, 18);
    begun.signal(18);
    assert_eq!(begun.end().0, Ended::Code(4));
    assert!(!gateway.takes(&begun.key));
}

/// Reads what is shown until it holds this, then types that.
fn answer(terminal: &mut File, shown: &mut String, question: &str, typed: &str) {
    let mut bytes = [0; 4096];
    while !shown.contains(question) {
        // Once nobody holds the other end, reading fails.
        let read = terminal.read(&mut bytes).unwrap_or(0);
        assert!(read > 0, "it was not asked `{question}`: {shown}");
        shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    terminal.write_all(typed.as_bytes()).unwrap();
}

/// Reads what is shown until nobody is there any more.
fn rest(terminal: &mut File, shown: &mut String) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = terminal.read(&mut bytes) {
        shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

#[test]
fn a_token_is_asked_for_and_not_shown() {
    let gateway = Gateway::start();
    let key = gateway.make(&json!({ "role": "keymaster", "name": "typed" }))["key"].as_str().unwrap().to_owned();
    let home = Home::new();
    let (toro, mut terminal) = on_terminal(&home, &["connect", &gateway.url()]);
    let mut shown = String::new();
    answer(&mut terminal, &mut shown, "Token", &format!("{key}\r"));
    rest(&mut terminal, &mut shown);
    assert_eq!(end(toro), Ended::Code(0), "{shown}");
    assert!(shown.contains("typed (keymaster)") && !shown.contains(&key[3..]), "{shown}");
    assert!(std::fs::read_to_string(home.config()).unwrap().contains(&key));
}

#[test]
fn an_inferrer_runs_with_its_own_token_where_the_person_wants_that() {
    let gateway = Gateway::start();
    let home = gateway.home("inferrer", &json!({}));
    let question = "Run with the stored token itself?";
    let words = ["wrap", "--", "sh", "-c", "echo $OPENAI_API_KEY > begun; exit 6"];
    for (typed, ended, begins) in [("n\r", 125, false), ("\x03", 130, false), ("\r", 6, true)] {
        let (toro, mut terminal) = on_terminal(&home, &words);
        let mut shown = String::new();
        answer(&mut terminal, &mut shown, question, typed);
        rest(&mut terminal, &mut shown);
        assert_eq!((end(toro), !read(&home, "begun").is_empty()), (Ended::Code(ended), begins), "{typed:?}: {shown}");
    }
    let key = read(&home, "begun").trim().to_owned();
    assert!(std::fs::read_to_string(home.config()).unwrap().contains(&key) && gateway.takes(&key));
    assert_eq!(gateway.runs().len(), 0);
}

#[test]
fn whoever_is_asked_can_be_told_to_end() {
    let gateway = Gateway::start();
    let home = gateway.home("inferrer", &json!({}));
    let (toro, mut terminal) = on_terminal(&home, &["wrap", "--", "true"]);
    answer(&mut terminal, &mut String::new(), "Run with the stored token itself?", "");
    send(i32::try_from(toro.id()).unwrap(), 15);
    assert_eq!(end(toro), Ended::Signal(15));
    let (toro, mut terminal) = on_terminal(&home, &["wrap", "--", "true"]);
    answer(&mut terminal, &mut String::new(), "Run with the stored token itself?", "");
    drop(terminal);
    assert_eq!(end(toro), Ended::Signal(1));
}
