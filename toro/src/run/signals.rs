//! The signals of a run: a thread tells each to the one loop that decides.
//!
//! What keys of the terminal send (Ctrl-C, Ctrl-\) goes to the agent too, since it shares our group; what a process sends to
//! us alone does not, nor the end of the terminal, which Linux tells the first process of its session alone. The kernel says
//! which it was.

use std::sync::mpsc::{Receiver, channel};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;

/// Passed on to the agent.
const PASSED: [i32; 6] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// A signal that we were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which.
    pub signal: i32,
    /// Whether the agent was sent it too.
    pub is_shared: bool,
}

impl Sent {
    /// Whether a child of ours changed.
    pub const fn is_child(self) -> bool {
        self.signal == SIGCHLD
    }

    /// Whether it asks us to end.
    pub const fn is_end(self) -> bool {
        matches!(self.signal, SIGINT | SIGTERM | SIGHUP | SIGQUIT)
    }

    /// Whether it asks the agent to end without fail: interactive agents go on after an interrupt.
    pub const fn is_final(self) -> bool {
        matches!(self.signal, SIGTERM | SIGHUP)
    }
}

/// Listens from now on. Signals that we were started to ignore (by `nohup`, or in the background) stay ignored.
pub fn listen() -> std::io::Result<Receiver<Sent>> {
    let ignored = ignored();
    let is_heard = |signal: &i32| ignored & (1_u64 << (signal - 1)) == 0;
    let heard: Vec<i32> = PASSED.into_iter().filter(is_heard).chain([SIGCHLD]).collect();
    let mut signals = SignalsInfo::<WithOrigin>::new(&heard)?;
    let (tell, told) = channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for origin in signals.forever() {
            let is_key =
                matches!(origin.signal, SIGINT | SIGQUIT) && origin.process.is_none_or(|process| process.pid == 0);
            let sent = Sent { signal: origin.signal, is_shared: is_key };
            if tell.send(sent).is_err() {
                break;
            }
        }
    })?;
    Ok(told)
}

/// The signals that this process was started to ignore, a bit each, as far as the system tells.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
