//! The search for secrets: in every form that a text may have, through answers, logs and files.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::support::Answer;

/// Every canary begins with this; what follows tells which it was.
pub const CANARY: &str = "cAnArY7f3a";

/// What must be found nowhere.
pub struct Hunt {
    forms: Vec<(String, Vec<u8>)>,
    pub seen: Vec<String>,
}

impl Hunt {
    /// For the canaries, and the key of a token.
    pub fn of(token: &str) -> Self {
        let mut hunt = Self { forms: Vec::new(), seen: Vec::new() };
        hunt.add(CANARY);
        hunt.add(&token[3..30]);
        hunt
    }

    /// For another secret too, from now on.
    pub fn add(&mut self, secret: &str) {
        let forms = &mut self.forms;
        {
            forms.push(("plain".to_owned(), secret.into()));
            forms.push((
                "hexadecimal".to_owned(),
                secret.bytes().flat_map(|b| format!("{b:02x}").into_bytes()).collect(),
            ));
            let percent = secret.bytes().flat_map(|b| format!("%{b:02X}").into_bytes()).collect();
            forms.push(("percent-encoded".to_owned(), percent));
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                for before in 0..3 {
                    // What stands before and behind it changes the first and the last letters.
                    let text = engine.encode([&vec![0; before][..], secret.as_bytes()].concat());
                    let inner = &text.as_bytes()[(before * 8).div_ceil(6)..text.len() - 2];
                    forms.push((format!("base64 behind {before}"), inner.to_vec()));
                }
            }
        }
    }

    pub fn look(&mut self, place: &str, bytes: &[u8]) {
        for (form, wanted) in &self.forms {
            if let Some(at) = memchr::memmem::find(bytes, wanted) {
                let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
                self.seen.push(format!("{place}, {form}: …{}…", String::from_utf8_lossy(around)));
            }
        }
    }

    pub fn look_at(&mut self, place: &str, answer: &Answer) {
        self.look(place, &answer.body);
        self.look(place, format!("{:?}", answer.headers).as_bytes());
    }

    pub fn look_through(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                self.look_through(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                // Keys are in keys; sockets cannot be read.
                self.look(&path.display().to_string(), &bytes);
            }
        }
    }
}

#[test]
fn the_hunt_finds_what_it_looks_for() {
    let token = format!("tr_{}", "x".repeat(40));
    let canary = format!("{CANARY}-tail");
    for found in [
        canary.clone(),
        STANDARD_NO_PAD.encode(&canary),
        STANDARD_NO_PAD.encode(format!("u:{canary}")),
        URL_SAFE_NO_PAD.encode(format!("a{canary}b")),
        canary.bytes().fold(String::new(), |text, b| text + &format!("{b:02x}")),
        format!("x{}y", "x".repeat(27)),
    ] {
        let mut hunt = Hunt::of(&token);
        hunt.look("here", format!("…{found}…").as_bytes());
        assert!(!hunt.seen.is_empty(), "{found}");
    }
    let mut hunt = Hunt::of(&token);
    hunt.look("here", b"nothing of that kind");
    assert!(hunt.seen.is_empty());
}
