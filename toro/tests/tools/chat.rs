//! Questions to models, and two of them talking.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::site::Site;
use super::support::{Ended, SOON, ended, on_terminal, said, send, until};

#[test]
fn an_answer_goes_to_the_output_and_its_bill_beside_it() {
    let site = Site::new();
    let told = site.home.run(&["chat", "-m", "sim/crlf", "Hello"]);
    assert_eq!(told.ended, Ended::Code(0), "{}", told.err);
    assert!(!told.out.trim().is_empty() && told.out.ends_with('\n') && !told.out.contains('['), "{}", told.out);
    assert!(told.err.contains(" in") && told.err.contains(" out · no known price · "), "{}", told.err);
    let quiet = site.home.run(&["-q", "chat", "-m", "sim/crlf", "Hello"]);
    assert_eq!((quiet.out, quiet.err), (told.out.clone(), String::new()));
    let json = site.json(&["chat", "-m", "nobody/hello", "--json", "Hello"]);
    assert!(json["error"]["message"].is_string(), "there is no such model: {json}");
    let json = site.json(&["--json", "--model", "sim/think", "chat", "--system", "Be brief.", "Hello"]);
    assert!(!json["text"].as_str().unwrap().is_empty() && json["counts"]["output"].as_u64() > Some(0), "{json}");
    assert_eq!(json["finish"], "stop");
    let priced = site.json(&["chat", "-m", "sim/tool", "--json", "Hello"]);
    let session = priced["session"].as_str().unwrap();
    let usage = site.json(&["usage", "--by", "session", "--json"]);
    let line = usage["rows"].as_array().unwrap().iter().find(|row| row["key"] == session).unwrap().clone();
    assert_eq!(line["cost_nanos"], priced["cost_nanos"]);
    assert!(priced["cost_nanos"].as_u64() > Some(0));
}

#[test]
fn what_is_piped_is_asked_too() {
    let site = Site::new();
    let ask = |words: &[&str], piped: &str| {
        let mut command = site.home.toro(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(piped.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (ended(output.status), String::from_utf8(output.stderr).unwrap())
    };
    let counted = |text: &str| {
        let counts = ["in,", "in "].iter().find_map(|word| text.split(word).next());
        counts.unwrap().rsplit('·').next().unwrap().trim().replace(',', "").parse::<u64>().unwrap()
    };
    let long = "word ".repeat(200);
    let (end, err) = ask(&["chat", "-m", "sim/ok"], &long);
    assert_eq!(end, Ended::Code(0), "{err}");
    let alone = counted(&err);
    let (_, err) = ask(&["chat", "-m", "sim/ok", "Say", "it"], &long);
    assert!(alone > 150 && counted(&err) > alone, "{alone}: {err}");
    let (end, err) = ask(&["chat", "-m", "sim/ok"], "  ");
    assert_eq!((end, err.contains("nothing was asked")), (Ended::Code(2), true), "{err}");
    let (end, err) = ask(&["chat"], "Hello");
    assert_eq!((end, err.contains("Name one: -m MODEL")), (Ended::Code(2), true), "{err}");

    // A pipe that nothing comes out of does not hold up a question that stands in words.
    let (_held, silent) = nix::unistd::pipe().map(|(read, write)| (write, read)).unwrap();
    let mut command = site.home.toro(&["chat", "-m", "sim/ok", "Hello"]);
    command.stdin(Stdio::from(silent));
    assert_eq!(said(command).ended, Ended::Code(0));
}

#[test]
fn what_goes_wrong_in_the_middle_is_told_and_what_came_stays() {
    let site = Site::new();
    for (model, text) in [
        ("sim/die5", "the answer is not whole"),
        ("sim/err200late", "the answer is not whole"),
        ("sim/s429ra2", "toro: "),
        ("sim/s500", "toro: "),
        ("sim/nobody", "toro: "),
    ] {
        let told = site.home.run(&["chat", "-m", model, "Hello"]);
        assert!(matches!(told.ended, Ended::Code(4 | 5)), "{model}: {told:?}");
        assert!(told.err.contains(text) && told.err.lines().count() <= 3, "{model}: {}", told.err);
    }
    let cut = site.home.run(&["chat", "-m", "sim/ok", "--max-tokens", "1", "Hello"]);
    assert_eq!(cut.ended, Ended::Code(0), "{}", cut.err);
}

#[test]
fn ctrl_c_ends_a_single_answer() {
    let site = Site::new();
    let mut child = site
        .home
        .toro(&["chat", "-m", "sim/ok+chunks=5000+interval_ms=20", "Hello"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    send(i32::try_from(child.id()).unwrap(), 2);
    assert_eq!(ended(child.wait().unwrap()), Ended::Code(130));
}

/// A conversation on a terminal.
struct Talk {
    child: std::process::Child,
    keys: std::fs::File,
    shown: mpsc::Receiver<String>,
    seen: String,
}

impl Talk {
    fn begin(site: &Site, words: &[&str]) -> Self {
        let (child, keys) = on_terminal(&site.home, words);
        let (send, shown) = mpsc::channel();
        let mut screen = keys.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                if send.send(String::from_utf8_lossy(&bytes[..count]).into_owned()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, shown, seen: String::new() }
    }

    fn keys(&mut self, keys: &str) {
        self.seen.clear();
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this stands on the screen.
    fn sees(&mut self, text: &str) {
        let end = std::time::Instant::now() + SOON;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(std::time::Instant::now());
            let more = self.shown.recv_timeout(left.max(Duration::from_millis(1)));
            assert!(more.is_ok(), "never saw {text:?}: {:?}", self.seen);
            self.seen += &more.unwrap();
        }
    }

    fn end(mut self) -> Ended {
        let mut status = None;
        until("toro ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        ended(status.unwrap())
    }
}

#[test]
fn a_conversation_remembers_changes_its_model_and_survives_ctrl_c() {
    let site = Site::new();
    let mut talk = Talk::begin(&site, &["chat", "-m", "sim/ok"]);
    talk.sees("Ctrl-D leaves");
    talk.sees("> ");
    talk.keys("Hello\r");
    talk.sees(" out · ");
    talk.sees("> ");
    talk.keys("And again\r");
    talk.sees(" out · ");
    talk.sees("> ");
    let usage = site.json(&["usage", "--by", "session", "--json"]);
    assert_eq!(usage["rows"].as_array().unwrap().len(), 1, "one conversation, one session");
    talk.keys("/model sim/nobody\r");
    talk.sees("toro: ");
    talk.sees("> ");
    talk.keys("Hello?\r");
    talk.sees("toro: ");
    talk.sees("> ");
    talk.keys("/model sim/ok+chunks=5000+interval_ms=20\r");
    talk.sees("Talking with sim/ok+chunks=5000");
    talk.sees("> ");
    talk.keys("Say much\r");
    talk.sees("\r\n");
    std::thread::sleep(Duration::from_millis(300));
    talk.keys("\u{3}");
    talk.sees("[stopped");
    talk.sees("> ");
    talk.keys("\u{3}");
    talk.sees("/quit leaves");
    talk.sees("> ");
    talk.keys("/clear\r");
    talk.sees("Forgotten");
    talk.sees("> ");
    talk.keys("/nonsense\r");
    talk.sees("There is no /nonsense");
    talk.sees("> ");
    talk.keys("/quit\r");
    assert_eq!(talk.end(), Ended::Code(0));
}

#[test]
fn two_models_talk() {
    let site = Site::new();
    let told = site.home.run(&["pingpong", "--models", "sim/ok,sim/tool", "--turn-pairs", "2"]);
    assert_eq!(told.ended, Ended::Code(0), "{}", told.err);
    assert_eq!(told.out.matches("sim/ok: ").count(), 3, "a question and two answers: {}", told.out);
    assert_eq!(told.out.matches("sim/tool: ").count(), 2, "{}", told.out);
    let words = ["pingpong", "--models", "sim/tool", "--starter", "Well?", "--turn-pairs", "1", "--json"];
    let json = site.json(&[&words[..], &["--runs", "3", "--parallel", "2"]].concat());
    let runs = json["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["turns"], &json["error"]), (3, &json!(2), &json!(null)));
    assert!(runs[0]["cost_nanos"].as_u64() > Some(0), "{json}");
    // Each side of each conversation is a session of its own.
    let usage = site.json(&["usage", "--by", "session", "--json"]);
    assert_eq!(usage["rows"].as_array().unwrap().len(), 2 + 6);
    let short = site.json(&["pingpong", "--models", "sim/ok", "--max-tokens", "1", "--json"]);
    assert_eq!((&short["runs"][0]["turns"], &short["runs"][0]["is_cut"]), (&json!(1), &json!(true)));
    let failed = site.home.run(&["pingpong", "--models", "sim/ok,sim/s500", "--turn-pairs", "1"]);
    assert_eq!(failed.ended, Ended::Code(1), "{}", failed.err);
    assert_eq!(site.home.run(&["pingpong", "--models", "a,b,c"]).ended, Ended::Code(2));
    let free = site.home.run(&["pingpong"]);
    assert!(free.ended == Ended::Code(2) && free.err.contains("--models A,B"), "{}", free.err);
}
