//! How `toro` ends: its exit codes, and what it says when something cannot be done.
//!
//! A run ends as the agent did: with its exit code, or by the signal that ended it. The codes from 125 on are those of
//! `env`, `timeout` and the shells, so that a script can tell "the agent failed" from "the agent never began".

use std::fmt;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: as asked.
    Done,
    /// 1: it cannot be done; the reason was told.
    Failed,
    /// 2: what was typed means nothing; what may have been meant was told.
    Unclear,
    /// 3: no gateway is known, or what is stored of it cannot be read.
    Unconfigured,
    /// 4: the gateway does not answer, or is not the one that was pinned.
    Unreachable,
    /// 5: the gateway refuses: the token is wrong, has ended, or may not do that.
    Refused,
    /// 125: the run did not begin; the reason was told.
    NotBegun,
    /// 126: the program is there and cannot be started.
    NotStarted,
    /// 127: the program is not installed.
    NotInstalled,
    /// 130: Ctrl-C was pressed at a question.
    Interrupted,
    /// The exit code of the agent.
    Code(u8),
    /// The agent was ended by this signal, and so will we be.
    Signal(i32),
}

impl Exit {
    /// The code that a shell sees; for a signal what it says of it.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Unclear => 2,
            Self::Unconfigured => 3,
            Self::Unreachable => 4,
            Self::Refused => 5,
            Self::NotBegun => 125,
            Self::NotStarted => 126,
            Self::NotInstalled => 127,
            Self::Interrupted => 130,
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(signal).unwrap_or(0).saturating_add(128),
        }
    }

    /// Ends the process in this way: by the signal itself where it was one, so that whoever waits for us sees it.
    pub fn end(self) -> ExitCode {
        if let Self::Signal(signal) = self {
            // A core of ours would tell nothing of why the agent died.
            _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
            _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        ExitCode::from(self.code())
    }
}

/// The exit codes, for help texts.
pub const CODES: &str = "Exit codes: a run ends with the agent's own code, or by its signal. Otherwise:\n  \
    0 done   1 failed   2 wrong usage   3 no gateway configured   4 gateway unreachable   5 refused by the gateway\n  \
    125 the run did not begin   126 the program cannot be started   127 the program is not installed";

/// Why something was not done, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How we end for it.
    pub exit: Exit,
    /// What went wrong, without a full stop.
    pub message: String,
    /// What to do about it; may be empty.
    pub advice: String,
}

impl Failure {
    /// One of this kind.
    pub fn new(exit: Exit, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { exit, message: message.into(), advice: advice.into() }
    }

    /// It cannot be done.
    pub fn failed(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message, advice)
    }

    /// What was typed means nothing.
    pub fn unclear(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Exit::Unclear, message, advice)
    }

    /// Whoever reads our output has read enough.
    pub fn broken_pipe() -> Self {
        Self::new(Exit::Done, "", "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end_matches('.'))?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, ". {}", self.advice) }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::broken_pipe(),
            _ => Self::failed(error.to_string(), ""),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => std::io::Error::from(kind).into(),
            None => Self::failed(error.to_string(), ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_sees_what_it_knows() {
        let codes = [Exit::Done, Exit::NotBegun, Exit::NotInstalled, Exit::Code(42), Exit::Signal(15), Exit::Signal(9)];
        assert_eq!(codes.map(Exit::code), [0, 125, 127, 42, 143, 137]);
    }

    #[test]
    fn a_failure_is_a_sentence_or_two() {
        assert_eq!(Failure::failed("it is gone.", "Make another.").to_string(), "it is gone. Make another.");
        assert_eq!(Failure::failed("it is gone", "").to_string(), "it is gone");
    }
}
