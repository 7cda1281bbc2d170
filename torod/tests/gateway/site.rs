//! The real binary with a configuration file of its own, to be edited, broken and renamed over while it runs.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};

use crate::support::{Answer, SOON, chat_body, port_zero, until, whole};

/// The binary with a configuration file of its own and two providers to choose from.
pub struct Site {
    pub folder: TempDir,
    pub one: Simulator,
    pub two: Simulator,
    key: String,
    child: Option<Child>,
    url: String,
    client: hyper_util::client::legacy::Client<
        hyper_util::client::legacy::connect::HttpConnector,
        http_body_util::Full<bytes::Bytes>,
    >,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The variable `SITE_KEY` of the gateway.
pub const SITE_KEY: &str = "cAnArY7f3a-variable";

const HEAD: &str =
    "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n";

impl Site {
    /// A gateway for `text`, in which `ONE` and `TWO` stand for the providers' URLs.
    pub async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = |model: &str| Settings { models: vec![model.to_owned()], ..Settings::default() };
        let one = Simulator::start(port_zero(), settings("first")).await.unwrap();
        let two = Simulator::start(port_zero(), settings("second")).await.unwrap();
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let mut site = Self { folder, one, two, key: String::new(), child: None, url: String::new(), client };
        site.write(text);
        let made = site.torod(&["token", "create", "--role", "admin", "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        site.key = made["key"].as_str().unwrap().to_owned();
        let ready = site.folder.path().join("ready");
        let log = std::fs::File::create(site.folder.path().join("log")).unwrap();
        let child = site.command(&["serve", "--log-format", "json", "--ready-file", ready.to_str().unwrap()]);
        site.child = Some({ child }.env("SITE_KEY", SITE_KEY).stderr(log).stdout(Stdio::null()).spawn().unwrap());
        until("the gateway is ready", || async { ready.exists() }).await;
        std::fs::read_to_string(&ready).unwrap().trim().clone_into(&mut site.url);
        site
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("torod.toml")
    }

    pub fn text(&self, text: &str) -> String {
        format!("{HEAD}{}", text.replace("ONE", &self.one.url()).replace("TWO", &self.two.url()))
    }

    /// In place, as some editors do.
    pub fn write(&self, text: &str) {
        std::fs::write(self.file(), self.text(text)).unwrap();
    }

    /// A new file in the place of the old one, as others do.
    pub fn rename_over(&self, text: &str) {
        let other = self.folder.path().join(".torod.toml.swp");
        std::fs::write(&other, self.text(text)).unwrap();
        std::fs::rename(other, self.file()).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        // Another build of it, to be measured.
        let other = std::env::var("TOROD_BINARY");
        let mut command = Command::new(other.as_deref().unwrap_or(env!("CARGO_BIN_EXE_torod")));
        command.args(arguments).arg("--config").arg(self.file()).arg("--data-dir").arg(self.folder.path().join("data"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }

    pub fn torod(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub fn hang_up(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log says `text`: it is written by a thread of its own.
    pub async fn logged(&self, text: &str) {
        until(text, || async { self.log().contains(text) }).await;
    }

    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        whole(self.head(method, path, body).await).await
    }

    pub async fn head(&self, method: &str, path: &str, body: &str) -> http::Response<hyper::body::Incoming> {
        self.head_as(&self.key, method, path, body).await
    }

    pub async fn head_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> http::Response<hyper::body::Incoming> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(http_body_util::Full::new(body.to_owned().into()))
            .unwrap();
        tokio::time::timeout(SOON, self.client.request(request)).await.unwrap().unwrap()
    }

    pub async fn send(&self, request: http::Request<http_body_util::Full<bytes::Bytes>>) -> Answer {
        whole(tokio::time::timeout(SOON, self.client.request(request)).await.unwrap().unwrap()).await
    }

    pub async fn chat(&self, model: &str) {
        let answer = self.ask("POST", "/v1/chat/completions", &chat_body(model, "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// How many requests each provider has received since the last look; questions for model lists aside.
    pub fn seen(&self) -> (usize, usize) {
        let count = |simulator: &Simulator| {
            let count = simulator.calls().iter().filter(|call| !call.body.is_empty()).count();
            simulator.clear();
            count
        };
        (count(&self.one), count(&self.two))
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Stops it and hands back its folder.
    pub async fn stop_keeping(mut self) -> TempDir {
        self.end().await;
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub async fn stop(mut self) {
        self.end().await;
    }

    pub async fn end(&mut self) {
        let mut child = self.child.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || child.wait());
        assert!(tokio::time::timeout(SOON, ended).await.unwrap().unwrap().unwrap().success());
    }

    pub async fn status(&self) -> Value {
        self.ask("GET", "/v1/status", "").await.json()
    }

    /// Waits until a configuration later than `before` is in force.
    pub async fn loaded_after(&self, before: &Value) {
        let before = before["config"]["loaded_ms"].as_i64().unwrap();
        until("another configuration is in force", || async {
            self.status().await["config"]["loaded_ms"].as_i64().unwrap() > before
        })
        .await;
    }
}

/// One provider `p` at `url`, which is `ONE` or `TWO`.
pub fn provider(url: &str, more: &str) -> String {
    format!("[[providers]]\nname = \"p\"\nbase_url = \"{url}\"\n{more}\n")
}
