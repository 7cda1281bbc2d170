//! A home of its own, a simulated provider, and torod as a process with nothing of the caller's environment.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};

pub(crate) const SOON: Duration = Duration::from_secs(30);
/// The only key that the provider accepts; it must never be printed.
pub(crate) const KEY: &str = "sk-never-shown-4711";

pub(crate) struct Site {
    pub(crate) home: TempDir,
    pub(crate) simulator: Simulator,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ended = Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ended.out.contains(KEY) && !ended.err.contains(KEY), "the key is told:\n{}{}", ended.out, ended.err);
        ended
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        let settings = Settings { api_key: Some(KEY.to_owned()), interval: Duration::ZERO, ..Settings::default() };
        let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), settings).await.unwrap();
        Self { home: tempfile::tempdir().unwrap(), simulator }
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.url()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join(".config/tokenrouter/torod.toml")
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    pub(crate) fn write(&self, text: &str) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), text).unwrap();
    }

    /// torod with this home and the key in the variable `SIM_KEY`.
    pub(crate) fn torod(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
        command.args(arguments).env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin");
        command.env("SIM_KEY", KEY).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.torod(arguments).output().unwrap())
    }

    /// The same with something to read.
    pub(crate) fn tell(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = self.torod(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who refuses its arguments does not read.
        _ = child.stdin.take().unwrap().write_all(input);
        Ended::of(child.wait_with_output().unwrap())
    }

    /// `provider add` of the simulator as `sim`.
    pub(crate) fn add(&self, more: &[&str]) -> Ended {
        let url = self.url();
        let mut arguments = vec!["provider", "add", &url, "--name", "sim", "--key-env", "SIM_KEY"];
        arguments.extend(more);
        self.run(&arguments)
    }
}
