//! A folder of its own, a simulated provider, and torod as a process with nothing of the caller's environment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};

pub(crate) const SOON: Duration = Duration::from_secs(30);
/// A provider's key; it must never be printed.
pub(crate) const KEY: &str = "sk-never-shown-4711";

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) simulator: Simulator,
    /// Where the configuration is, or would be.
    pub(crate) config: PathBuf,
    variables: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }
}

/// A gateway that does not outlive its test.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Running {
    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), Settings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("torod.toml");
        let site = Self { folder, simulator, config, variables: Vec::new() };
        site.write(&format!(
            "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n\n\
             [[providers]]\nname = \"sim\"\nbase_url = \"{}\"\napi_key = \"${{SIM_KEY}}\"\n",
            site.simulator.url()
        ));
        site.with("SIM_KEY", KEY)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(&self.config, text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
        command.args(words).arg("--config").arg(&self.config).arg("--data-dir").arg(self.path("data"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn torod(&self, words: &[&str]) -> Ended {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ended.out.contains(KEY) && !ended.err.contains(KEY), "the key is told: {ended:?}");
        ended
    }

    /// The bytes that a command writes.
    pub(crate) fn piped(&self, words: &[&str]) -> Vec<u8> {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// How a command ended that was given `file` on its standard input.
    pub(crate) fn fed(&self, words: &[&str], file: &Path) -> Ended {
        let output = self.command(words).stdin(File::open(file).unwrap()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) async fn serve(&self, words: &[&str]) -> Running {
        let ready = self.path("ready");
        drop(fs::remove_file(&ready));
        let log = File::options().append(true).create(true).open(self.path("log")).unwrap();
        let mut command = self.command(&["serve"]);
        command.args(words).arg("--ready-file").arg(&ready).stdout(Stdio::null()).stderr(log);
        let mut running = Running { child: command.spawn().unwrap(), url: String::new() };
        let waiting = async {
            while !ready.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, waiting).await;
        let log = || fs::read_to_string(self.path("log")).unwrap();
        assert!(waited.is_ok(), "not ready: {}", log());
        fs::read_to_string(&ready).unwrap().trim().clone_into(&mut running.url);
        running
    }
}
