//! The real binary as a process: killed, out of disk, and read for secrets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::assigning_clones,
    reason = "a test may fail by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "what happens outside of the process is timed by the real clock")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};
use torod::store::{Connection, conversations, schema};

const SOON: Duration = Duration::from_secs(30);
const PROVIDER_KEY: &str = "sk-provider-secret-9876543210";

/// A child that does not outlive its test.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Site {
    folder: TempDir,
    _simulator: Simulator,
    key: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Site {
    async fn new(more: &str) -> Self {
        let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), Settings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n{more}\n\
             [[providers]]\nname = \"sim\"\nbase_url = \"{}\"\napi_key = \"${{PROVIDER_KEY}}\"\n",
            simulator.url()
        );
        fs::write(folder.path().join("torod.toml"), text).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut site = Self { folder, _simulator: simulator, key: String::new(), client };
        let made = site.command(&["token", "create", "--name", "test", "--json"]);
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        site.key = made["key"].as_str().unwrap().to_owned();
        site
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn torod(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\"", "sh", env!("CARGO_BIN_EXE_torod")]).args(arguments);
        self.at_home(&mut command);
        command
    }

    /// Nothing of the caller's environment but the path.
    fn at_home(&self, command: &mut Command) {
        command.args(["--config", &self.path("torod.toml"), "--data-dir", &self.path("data")]);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("PROVIDER_KEY", PROVIDER_KEY);
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let output = self.torod(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    async fn start(&self, mut command: Command) -> Running {
        let ready = self.path("ready");
        drop(fs::remove_file(&ready));
        let log = fs::File::options().append(true).create(true).open(self.path("log")).unwrap();
        command.args(["--ready-file", &ready]).stderr(log).stdout(Stdio::null()).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let mut running = Running { child, url: String::new() };
        until("the daemon is ready", || Path::new(&ready).exists()).await;
        running.url = fs::read_to_string(&ready).unwrap().trim().to_owned();
        running
    }

    async fn serve(&self) -> Running {
        self.start(self.torod(&["serve"])).await
    }

    /// Status and body of one chat completion.
    async fn chat(&self, url: &str, model: &str, id: &str) -> Option<(u16, Bytes)> {
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
        let request = Request::post(format!("{url}/v1/chat/completions"))
            .header("authorization", format!("Bearer {}", self.key))
            .header("x-request-id", id)
            .body(Full::new(body.into()))
            .unwrap();
        let answer = self.client.request(request).await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.into_body().collect().await.ok()?.to_bytes()))
    }

    async fn status(&self, url: &str) -> serde_json::Value {
        let request = Request::get(format!("{url}/v1/status"))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Full::default())
            .unwrap();
        let answer = self.client.request(request).await.unwrap().into_body().collect().await.unwrap();
        serde_json::from_slice(&answer.to_bytes()).unwrap()
    }

    fn database(&self) -> Connection {
        schema::open_reader(&self.folder.path().join("data")).unwrap()
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let looking = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, looking).await.is_ok(), "waited in vain: {what}");
}

fn signal(running: &Running, name: &str) {
    let sent = Command::new("kill").args([name, &running.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_under_load_loses_no_answer_older_than_a_tenth_of_a_second() {
    let site = Arc::new(Site::new("").await);
    let mut running = site.serve().await;
    let delivered: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8 {
        let (site, url, delivered) = (Arc::clone(&site), running.url.clone(), Arc::clone(&delivered));
        clients.spawn(async move {
            // About 500 a second in all; a client ends when the daemon does.
            let mut pace = tokio::time::interval(Duration::from_millis(16));
            for n in 0.. {
                pace.tick().await;
                let id = format!("kill-{client}-{n}");
                match site.chat(&url, "ok", &id).await {
                    Some((200, _)) => drop(delivered.lock().unwrap().insert(id, Instant::now())),
                    _ => return,
                }
            }
        });
    }
    until("there is enough load", || delivered.lock().unwrap().len() > 1_000).await;
    let killed = Instant::now();
    signal(&running, "-KILL");
    drop(running.child.wait());
    while clients.join_next().await.is_some() {}

    let again = site.serve().await;
    let rows: Vec<String> = {
        let database = site.database();
        let mut statement = database.prepare("SELECT request_id FROM usage WHERE request_id LIKE 'kill-%'").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let unique: HashSet<&String> = rows.iter().collect();
    assert_eq!(unique.len(), rows.len(), "a row stands there twice");
    let delivered = delivered.lock().unwrap().clone();
    let due = delivered.iter().filter(|(_, at)| killed.duration_since(**at) > Duration::from_millis(100));
    let missing: Vec<&String> = due.map(|(id, _)| id).filter(|id| !unique.contains(id)).collect();
    assert!(missing.is_empty(), "{} of {} rows are missing: {missing:?}", missing.len(), delivered.len());
    assert_eq!(site.chat(&again.url, "ok", "after").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_full_disk_costs_no_inference_and_what_is_lost_is_shown_until_there_is_space_again() {
    let site = Site::new("[usage]\nqueue = 1000\n").await;
    // Files may not grow beyond 128 KiB: to SQLite that is a disk without space.
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -S -f 256; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_torod"), "serve"]);
    site.at_home(&mut command);
    let running = site.start(command).await;
    let mut sent = 0;
    let mut status = serde_json::Value::Null;
    while sent < 20_000 && (status["usage"]["lost"].as_u64().unwrap_or(0) == 0 || !status["usage"]["error"].is_string())
    {
        for _ in 0..200 {
            assert_eq!(site.chat(&running.url, "ok", "full").await.unwrap().0, 200);
            sent += 1;
        }
        status = site.status(&running.url).await;
    }
    let usage = &status["usage"];
    assert!(usage["lost"].as_u64().unwrap() > 0, "{usage}");
    assert!(usage["error"].is_string() && usage["waiting"].as_u64().unwrap() <= 1_000, "{usage}");
    let log = fs::read_to_string(site.path("log")).unwrap();
    assert!(log.contains("WARN"), "the operator is told: {log}");

    // With space again everything is written as before, and what was lost meanwhile stands there as a gap.
    let lost = usage["lost"].as_i64().unwrap();
    let pid = running.child.id().to_string();
    let widened = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
    assert!(widened.success());
    let heals = async {
        while site.status(&running.url).await["usage"]["waiting"] != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, heals).await.unwrap();
    assert_eq!(site.chat(&running.url, "ok", "again").await.unwrap().0, 200);
    until("the row is written", || {
        let count = "SELECT count(*) FROM usage WHERE request_id = 'again'";
        site.database().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap() == 1
    })
    .await;
    let usage = &site.status(&running.url).await["usage"];
    assert!(usage["error"].is_null() && usage["lost"].as_i64().unwrap() >= lost, "{usage}");
    let gap = "SELECT coalesce(sum(records), 0) FROM usage_gap";
    assert_eq!(site.database().query_row(gap, [], |row| row.get::<_, i64>(0)).unwrap(), usage["lost"]);
}

#[tokio::test]
async fn no_secret_is_in_any_output_or_file() {
    let site = Site::new("[log]\nlevel = \"trace\"\n").await;
    let running = site.serve().await;
    for model in ["ok", "s401", "s500", "html502", "err200", "nothing-of-that-name"] {
        site.chat(&running.url, model, "secrets").await.unwrap();
    }
    for arguments in [&["token", "list", "--all"][..], &["usage", "--json"], &["config", "show"], &["config", "check"]]
    {
        let said = site.command(arguments);
        for text in [said.stdout, said.stderr] {
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains(PROVIDER_KEY) && !text.contains(&site.key), "{arguments:?}: {text}");
        }
    }
    let lists = site.path("data/models");
    until("the model lists are kept", || fs::read_dir(&lists).is_ok_and(|mut kept| kept.next().is_some())).await;
    signal(&running, "-TERM");
    until("the control socket is gone", || !Path::new(&site.path("data/torod.sock")).exists()).await;
    drop(running);
    let mut files = vec![site.folder.path().join("log"), site.folder.path().join("torod.toml")];
    let mut folders = vec![site.folder.path().join("data")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.iter().any(|file| file.parent().unwrap().ends_with("models")), "the model lists are among them");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        for secret in [PROVIDER_KEY, &site.key] {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "a secret is in {}", file.display());
        }
    }
    let toml = fs::read_to_string(site.path("torod.toml")).unwrap();
    assert!(toml.contains("${PROVIDER_KEY}"));
}

#[tokio::test]
async fn a_demo_has_something_to_show_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.args(["demo", "--listen", "127.0.0.1:0"]).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", home.path()).env("TMPDIR", home.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = Running { child, url: String::new() };
    let folder = || {
        let mut entries = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("torod-demo-")))
    };
    let count = |open: &dyn Fn(&Path) -> Option<Connection>, table: &str| {
        let counted = |connection: Connection| {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).ok()
        };
        folder().and_then(|path| open(&path)).and_then(counted).unwrap_or(0)
    };
    let rows = |path: &Path| schema::open_reader(path).ok();
    let talks = |path: &Path| conversations::open_reader(path).ok().flatten();
    until("requests are there", || count(&rows, "usage") > 5).await;
    until("the log is kept", || count(&rows, "log WHERE target = 'request'") > 5).await;
    until("what was said is kept", || count(&talks, "exchange") > 5).await;
    signal(&running, "-TERM");
    until("the folder is gone", || folder().is_none()).await;
}

#[tokio::test]
async fn commands_work_with_and_without_a_daemon() {
    let site = Site::new("").await;
    let names = |output: Output| -> Vec<String> {
        let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        list.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(site.command(&["token", "list", "--json"])), ["test"]);
    let running = site.serve().await;
    let key = String::from_utf8(site.command(&["token", "create", "--name", "while it runs"]).stdout).unwrap();
    assert!(key.starts_with("tr_"));
    assert_eq!(names(site.command(&["token", "list", "--json"])), ["test", "while it runs"]);
    assert_eq!(site.chat(&running.url, "ok", "x").await.unwrap().0, 200);
    site.command(&["token", "revoke", "test"]);
    let (status, body) = site.chat(&running.url, "ok", "x").await.unwrap();
    assert_eq!(status, 401, "revocation holds at once");
    assert!(String::from_utf8_lossy(&body).contains("token_revoked"));
    let usage = || -> serde_json::Value { serde_json::from_slice(&site.command(&["usage", "--json"]).stdout).unwrap() };
    until("the row is there", || usage()["total"]["requests"] == 1).await;
    let usage = usage();
    assert_eq!((usage["total"]["requests"].as_u64(), usage["rows"][0]["names"][0].as_str()), (Some(1), Some("ok")));
    let table = String::from_utf8(site.command(&["usage"]).stdout).unwrap();
    assert!(table.contains("requests") && table.contains("ok"), "{table}");
    assert!(!site.torod(&["token", "revoke", "nobody"]).output().unwrap().status.success());
    let second = site.torod(&["serve"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another torod is using"));
    signal(&running, "-TERM");
    until("it has stopped", || !Path::new(&site.path("data/torod.sock")).exists()).await;
    assert_eq!(names(site.command(&["token", "list", "--json"])), ["while it runs"]);
}

#[tokio::test]
async fn tokens_are_listed_by_use_the_last_one_first() {
    let site = Site::new("").await;
    for (name, used_ms) in [("early", Some(60_000)), ("late", Some(120_000)), ("never", None)] {
        site.command(&["token", "create", "--name", name]);
        let set = "UPDATE token SET last_used_ms = ?1 WHERE name = ?2";
        let connection = schema::open_writer(&site.folder.path().join("data")).unwrap();
        connection.execute(set, (used_ms, name)).unwrap();
    }
    site.command(&["token", "revoke", "test"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let list: serde_json::Value = serde_json::from_slice(&site.command(arguments).stdout).unwrap();
        list.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
    };
    let by_use = ["token", "list", "--sort", "used", "--json"];
    let here = [names(&by_use), names(&[&by_use[..], &["--reverse"]].concat())];
    assert_eq!(here, [["late", "early", "never"], ["never", "early", "late"]]);
    let _running = site.serve().await;
    assert_eq!([names(&by_use), names(&[&by_use[..], &["--reverse"]].concat())], here, "as the daemon says it");
}

#[tokio::test]
async fn a_list_without_tokens_says_whether_there_are_any() {
    let site = Site::new("").await;
    let said = |arguments: &[&str]| String::from_utf8(site.command(arguments).stdout).unwrap();
    assert_eq!(said(&["token", "list", "--search", "zzz"]), "no token matches; --all also looks at those that ended\n");
    assert_eq!(said(&["token", "list", "--role", "keymaster", "--all"]), "no token matches\n");
    site.command(&["token", "revoke", "test"]);
    assert_eq!(said(&["token", "list"]), "no tokens; `torod token create` makes one\n");
}

#[tokio::test]
async fn tokens_are_named_where_they_ended() {
    let site = Site::new("").await;
    let said = |arguments: &[&str]| String::from_utf8(site.command(arguments).stdout).unwrap();
    site.command(&["token", "create", "--name", "team", "--role", "keymaster"]);
    site.command(&["token", "create", "--name", "ci", "--parent", "team"]);
    let listed = said(&["token", "list", "--parent", "team"]);
    assert!(listed.contains("ci") && !listed.contains("parent"), "{listed}");
    let shown: serde_json::Value = serde_json::from_str(&said(&["token", "show", "team", "--json"])).unwrap();
    assert!(!listed.contains(shown["id"].as_str().unwrap()), "{listed}");
    let ended = said(&["token", "revoke", "team"]);
    let lines: Vec<&str> = ended.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("revoked team (tok_"), "{ended}");
    assert!(lines[1].starts_with("revoked ci (tok_") && lines[1].ends_with("), which was below it"), "{ended}");
    let shown = said(&["token", "show", "ci"]);
    assert!(shown.contains("revoked, with team above it"), "{shown}");
    assert_eq!(said(&["token", "revoke", "ci"]), "ci had ended already\n");
}
