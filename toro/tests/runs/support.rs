//! A gateway in this process, with a simulated provider, and `toro` as the real binary with a home of its own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_shared::Secret;
use tokenrouter_simulator::{Settings, Simulator};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use toro::client::Client;
use torod::access::system_random;
use torod::clock::Clock;
use torod::config;
use torod::daemon::{Daemon, Options};
use torod::lifecycle::Lifecycle;

/// Nothing that a test waits for takes longer.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How many there were.
static GATEWAYS: AtomicU8 = AtomicU8::new(1);

pub(crate) struct Gateway {
    runtime: Runtime,
    _simulator: Simulator,
    text: String,
    addr: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) admin: String,
    pub(crate) clock: Clock,
    running: Option<(Lifecycle, JoinHandle<bool>)>,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::with(Clock::fixed(Clock::system().now_ms()), "")
    }

    /// One with `more` in its configuration.
    pub(crate) fn knowing(more: &str) -> Self {
        Self::with(Clock::fixed(Clock::system().now_ms()), more)
    }

    /// One whose clock goes on.
    pub(crate) fn of_today() -> Self {
        Self::with(Clock::system(), "")
    }

    fn with(clock: Clock, more: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let simulator =
            runtime.block_on(Simulator::start("127.0.0.1:0".parse().unwrap(), Settings::default())).unwrap();
        let url = simulator.url();
        let text = format!(
            "auto_detect_local_servers = false\nallow_localhost_no_auth = false\n{more}[[providers]]\nname = \"sim\"\n\
             protocols = {{ openai = \"{url}/v1\", responses = \"{url}/v1\", anthropic = \"{url}/anthropic\" }}\n\
             api_key = \"sk-provider\"\n[[providers.models]]\nid = \"ok\"\nprice = {{ input = 1.0, output = 1000.0 }}\n\
             [[providers.models]]\nid = \"tool\"\nprice = {{ input = 1.0, output = 1000.0 }}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        // An address of its own, so that nobody takes its port while it is down.
        let number = GATEWAYS.fetch_add(1, Ordering::Relaxed);
        let addr = SocketAddr::from(([127, 77, std::process::id() as u8, number], 0));
        let mut me =
            Self { runtime, _simulator: simulator, text, addr, folder, admin: String::new(), clock, running: None };
        me.up();
        me
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it where it was before.
    pub(crate) fn up(&mut self) {
        let text = format!("listen_addr = \"{}\"\n{}", self.addr, self.text);
        let options = || Options {
            config: config::parse(&text, "test.toml").map_err(|e| format!("{e:?}")).unwrap(),
            file: None,
            data_dir: self.data(),
            clock: self.clock.clone(),
            random: system_random,
            env: |_| None,
        };
        let (addr, lifecycle, admin, run) = self.runtime.block_on(async {
            let began = Instant::now();
            let daemon = loop {
                match Daemon::start(options()).await {
                    // A program that another test begins at this moment has our files open until it has begun.
                    Err(e) if e.to_string().contains("another torod is using") && began.elapsed() < SOON => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    started => break started.unwrap(),
                }
            };
            let admin = if self.admin.is_empty() {
                daemon.setup().make_admin(Some("test".into())).await.unwrap().key
            } else {
                self.admin.clone()
            };
            let (addr, lifecycle) = (daemon.addr(), daemon.lifecycle());
            (addr, lifecycle, admin, tokio::runtime::Handle::current().spawn(daemon.run()))
        });
        (self.addr, self.admin, self.running) = (addr, admin, Some((lifecycle, run)));
    }

    pub(crate) fn down(&mut self) {
        let (lifecycle, run) = self.running.take().unwrap();
        lifecycle.stop_softly();
        assert!(self.runtime.block_on(async { tokio::time::timeout(SOON, run).await }).unwrap().unwrap());
    }

    pub(crate) fn client(&self, key: &str) -> Client {
        Client::to(&self.url().parse().unwrap(), Some(Secret::from(key)), None).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.runtime.block_on(self.client(&self.admin).get(path)).unwrap()
    }

    pub(crate) fn make(&self, token: &Value) -> Value {
        self.runtime.block_on(self.client(&self.admin).post("/admin/api/tokens", token)).unwrap()
    }

    /// Whether the gateway takes this key.
    pub(crate) fn takes(&self, key: &str) -> bool {
        let asked: Result<Value, _> = self.runtime.block_on(self.client(key).get("/admin/api/me"));
        match asked {
            Ok(_) => true,
            Err(e) => {
                assert_eq!(e.status().map(|status| status.as_u16()), Some(401), "{e}");
                false
            }
        }
    }

    /// When the lease of this key ends.
    pub(crate) fn lease_end(&self, key: &str) -> i64 {
        let me: Value = self.runtime.block_on(self.client(key).get("/admin/api/me")).unwrap();
        me["lease"]["ends_ms"].as_i64().unwrap()
    }

    /// All tokens that were made for runs.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let tokens = self.get("/admin/api/tokens?all=true&limit=500")["tokens"].as_array().unwrap().clone();
        tokens.into_iter().filter(|token| token["run"] == true).collect()
    }

    /// A home for `toro` that knows this gateway, by a token of this role and with `more`.
    pub(crate) fn home(&self, role: &str, more: &Value) -> Home {
        let mut wanted = serde_json::json!({ "role": role, "name": format!("stored {role}") });
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let key = self.make(&wanted)["key"].as_str().unwrap().to_owned();
        let home = Home::new();
        home.store(&self.url(), &key);
        home
    }
}

/// Where `toro` runs: nothing of the machine's own settings reaches it.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join(".config/tokenrouter/toro.toml")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn store(&self, url: &str, key: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir_all(self.config().parent().unwrap()).unwrap();
        fs::write(self.config(), format!("default = \"t\"\n[servers.t]\nurl = \"{url}\"\nkey = \"{key}\"\n")).unwrap();
        fs::set_permissions(self.config(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// `toro` with these words. Whoever started the tests may ignore signals, such as `nohup` or a shell's `&` does, and
    /// that would be inherited: `env` takes it back.
    pub(crate) fn toro(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command
            .args(["--default-signal=HUP,INT,QUIT,TERM", env!("CARGO_BIN_EXE_toro")])
            .args(words)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.toro(words))
    }

    /// Starts `toro wrap -- sh -c SCRIPT` and waits until the script has begun; `$B` in it is what says so.
    pub(crate) fn begin(&self, words: &[&str], script: &str) -> Begun {
        let begun = self.folder.path().join(format!("begun-{}", fs::read_dir(self.folder.path()).unwrap().count()));
        let mut all = words.to_vec();
        let script = format!("echo $$ $OPENAI_API_KEY > \"$B.part\" && mv \"$B.part\" \"$B\"; {script}");
        all.extend(["wrap", "--", "sh", "-c", &script]);
        let mut command = self.toro(&all);
        let stderr = self.folder.path().join("stderr");
        command.env("B", &begun).stdout(Stdio::null()).stderr(fs::File::create(&stderr).unwrap());
        let mut toro = command.spawn().unwrap();
        let mut text = String::new();
        until("the script begins", || {
            assert!(toro.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&stderr).unwrap());
            text = fs::read_to_string(&begun).unwrap_or_default();
            !text.is_empty()
        });
        let mut words = text.split_whitespace();
        let pid = words.next().unwrap().parse().unwrap();
        Begun { toro, pid, key: words.next().unwrap().to_owned(), stderr }
    }
}

/// A run that has begun.
pub(crate) struct Begun {
    pub(crate) toro: Child,
    /// The script.
    pub(crate) pid: i32,
    /// The run's key.
    pub(crate) key: String,
    stderr: PathBuf,
}

impl Begun {
    pub(crate) fn signal(&self, signal: i32) {
        send(i32::try_from(self.toro.id()).unwrap(), signal);
    }

    pub(crate) fn end(&mut self) -> (Ended, String) {
        let mut status = None;
        until("toro ends", || {
            status = self.toro.try_wait().unwrap();
            status.is_some()
        });
        (ended(status.unwrap()), fs::read_to_string(&self.stderr).unwrap())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        drop(self.toro.kill());
        drop(self.toro.wait());
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ended: Ended,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn said(mut command: Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { ended: ended(output.status), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Code(code),
        None => Ended::Signal(status.signal().unwrap()),
    }
}

pub(crate) fn send(pid: i32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Whether a process runs; one that only waits to be waited for does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The processes whose parent this is.
pub(crate) fn children(parent: u32) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        fields.split_whitespace().nth(1).is_some_and(|found| found == parent.to_string())
    };
    pids.filter(is_child).collect()
}

/// Waits until `is` holds.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < SOON, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn write_program(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// `toro` in a session of its own on a terminal, and the terminal's other end.
pub(crate) fn on_terminal(home: &Home, words: &[&str]) -> (Child, fs::File) {
    // No other process may hold it, else it would never close.
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(ptsname_r(&master).unwrap())
        .unwrap();
    // A new terminal has no columns at all, and what is asked on it would be one letter a line.
    let size = Command::new("stty").args(["rows", "40", "cols", "160"]).stdin(slave.try_clone().unwrap()).status();
    assert!(size.unwrap().success());
    let plain = home.toro(words);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(plain.get_program()).args(plain.get_args()).current_dir(home.work()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let end = || Stdio::from(slave.try_clone().unwrap());
    let toro = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    (toro, fs::File::from(std::os::fd::OwnedFd::from(master)))
}
