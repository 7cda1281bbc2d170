//! The real binary with a configuration file, over scripted providers: for signals and for what commands say.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;

use crate::rig::HEAD;
use crate::support::{Answer, SOON, chat_body, until, whole};

pub struct Site {
    pub folder: TempDir,
    pub key: String,
    pub url: String,
    pub child: Child,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.args(arguments).arg("--config").arg(folder.path().join("torod.toml"));
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder.path()).stdin(Stdio::null());
    command
}

/// What `torod config check` says of a file.
pub fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("torod.toml"), text).unwrap();
    command(&folder, &["config", "check"]).output().unwrap()
}

impl Site {
    /// A daemon for `text`, which stands below the usual head.
    pub async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("torod.toml"), format!("{HEAD}{text}")).unwrap();
        let made = command(&folder, &["token", "create", "--role", "admin", "--json"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let ready = folder.path().join("ready");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut serve = command(&folder, &["serve", "--ready-file", ready.to_str().unwrap()]);
        let child = serve.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let key = made["key"].as_str().unwrap().to_owned();
        let mut site = Self { folder, key, url: String::new(), child, client };
        until("the daemon is ready", || async { ready.exists() }).await;
        std::fs::read_to_string(&ready).unwrap().trim().clone_into(&mut site.url);
        site
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("torod.toml")
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.file(), format!("{HEAD}{text}")).unwrap();
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub async fn head(&self, method: &str, path: &str, body: &str) -> http::Response<Incoming> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body.to_owned().into()))
            .unwrap();
        tokio::time::timeout(SOON, self.client.request(request)).await.unwrap().unwrap()
    }

    pub async fn chat(&self, model: &str, more: &str) -> Answer {
        whole(self.head("POST", "/v1/chat/completions", &chat_body(model, more)).await).await
    }
}
