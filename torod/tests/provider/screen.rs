//! A terminal for a process: what it shows, without the codes for colours and places, and keys for it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::pty::{Winsize, openpty};

use crate::site::SOON;

pub(crate) struct Screen {
    keys: File,
    shown: Arc<Mutex<Vec<u8>>>,
    seen: usize,
    child: Child,
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Screen {
    /// Starts `command` with a terminal of its own.
    pub(crate) fn start(command: Command) -> Self {
        Self::of_width(command, 200)
    }

    /// The same with so many characters in a line.
    pub(crate) fn of_width(mut command: Command, columns: u16) -> Self {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        drop(pty.slave);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut master, kept) = (File::from(pty.master.try_clone().unwrap()), Arc::clone(&shown));
        // Ends when the process does: a terminal without anybody on it cannot be read.
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = master.read(&mut piece) {
                kept.lock().unwrap().extend_from_slice(&piece[..n]);
            }
        });
        Self { keys: File::from(pty.master), shown, seen: 0, child }
    }

    /// Everything that was shown so far.
    pub(crate) fn text(&self) -> String {
        plain(&self.shown.lock().unwrap())
    }

    /// Waits until `words` are shown, behind what was waited for before.
    pub(crate) async fn wait(&mut self, words: &str) {
        let looking = async {
            loop {
                let text = self.text();
                if let Some(at) = text.get(self.seen..).and_then(|new| new.find(words)) {
                    self.seen += at + words.len();
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let is_there = tokio::time::timeout(SOON, looking).await.is_ok();
        assert!(is_there, "waited in vain for `{words}` in:\n{}", self.text());
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// How the process ended.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let looking = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(SOON, looking).await;
        ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.text()))
    }
}

/// Without the escape sequences.
fn plain(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != 0x1b {
            text.push(byte);
        } else if rest.next_if_eq(&b'[').is_some() {
            while rest.next().is_some_and(|byte| !(0x40..0x7f).contains(&byte)) {}
        } else {
            rest.next();
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
