//! A daemon in this process on port 0 with a folder, a token and a simulated provider of its own.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};
use tokio::task::JoinHandle;
use torod::access::system_random;
use torod::clock::Clock;
use torod::config;
use torod::daemon::{Daemon, Options};
use torod::lifecycle::Lifecycle;

/// Nothing that a test waits for takes longer.
pub const SOON: Duration = Duration::from_secs(20);
pub const PROVIDER_KEY: &str = "sk-provider-key-0123456789";

pub struct TestDaemon {
    pub simulator: Simulator,
    pub key: String,
    pub url: String,
    pub folder: TempDir,
    pub app: std::sync::Arc<torod::app::App>,
    pub lifecycle: Lifecycle,
    pub metrics_addr: Option<SocketAddr>,
    pub client: Client<HttpConnector, Full<Bytes>>,
    run: JoinHandle<bool>,
}

/// What came back, whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub fn port_zero() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Every request is one call and failures have no consequences, so that tests of other things see what they ask for.
const ONE_CALL: &str = "[routing]\nattempts = 1\nprobe = false\nbreaker = { failures = 1000, recovery = \"1ms\", \
                        connection_failures = 1000, connection_recovery = \"1ms\", credential_recovery = \"1ms\" }\n";

/// A configuration with one provider `sim` at `url`; `more` stands before its table, `inside` in it.
pub fn configuration(url: &str, more: &str, inside: &str) -> String {
    format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n{more}\n{ONE_CALL}\
         [[providers]]\nname = \"sim\"\nprotocols = {{ openai = \"{url}/v1\", responses = \"{url}/v1\", anthropic = \"{url}/anthropic\" }}\n\
         api_key = \"{PROVIDER_KEY}\"\n{inside}\n"
    )
}

impl TestDaemon {
    pub async fn start() -> Self {
        Self::with("", "").await
    }

    pub async fn with(more: &str, inside: &str) -> Self {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let text = configuration(&simulator.url(), more, inside);
        Self::configured(simulator, &text, Clock::system()).await
    }

    pub async fn configured(simulator: Simulator, text: &str, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(simulator, text, clock, folder).await
    }

    pub async fn in_folder(simulator: Simulator, text: &str, clock: Clock, folder: TempDir) -> Self {
        let me = Self::at_once(simulator, text, clock, folder).await;
        me.lists_are_read().await;
        me.simulator.clear();
        me
    }

    /// One with variables in its environment.
    pub async fn with_env(more: &str, env: fn(&str) -> Option<String>) -> Self {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let text = configuration(&simulator.url(), more, "");
        let folder = tempfile::tempdir().unwrap();
        let me = Self::in_environment(simulator, &text, Clock::system(), folder, env).await;
        me.lists_are_read().await;
        me.simulator.clear();
        me
    }

    /// One whose providers' lists nobody waits for.
    pub async fn at_once(simulator: Simulator, text: &str, clock: Clock, folder: TempDir) -> Self {
        Self::in_environment(simulator, text, clock, folder, |_| None).await
    }

    async fn in_environment(
        simulator: Simulator,
        text: &str,
        clock: Clock,
        folder: TempDir,
        env: fn(&str) -> Option<String>,
    ) -> Self {
        let config = config::parse(text, "test.toml").unwrap_or_else(|e| panic!("{e:?}"));
        let data_dir = folder.path().join("data");
        // One that wrote its configuration down beforehand wants it to be followed.
        let path = folder.path().join("torod.toml");
        let overrides = config::Overrides::default();
        let file = path.exists().then_some(config::ConfigFile { path, overrides });
        let options = Options { config, file, data_dir, clock, random: system_random, env };
        let daemon = Daemon::start(options).await.unwrap();
        let key = daemon.setup().make_admin(Some("test".into())).await.unwrap().key;
        let url = format!("http://{}", daemon.addr());
        let (app, lifecycle, metrics_addr) = (daemon.app().clone(), daemon.lifecycle(), daemon.metrics_addr());
        let run = tokio::runtime::Handle::current().spawn(daemon.run());
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { simulator, key, url, folder, app, lifecycle, metrics_addr, client, run }
    }

    /// Names are resolved by the providers' lists, so a test begins when they are there.
    async fn lists_are_read(&self) {
        until("every model list is read", || async {
            let live = self.app.live.load();
            live.providers.iter().filter(|p| p.enabled && p.has_list()).all(|p| match &*p.listed.load() {
                None => p.health.times_ms().1 > 0,
                // A list counts once names are resolved by it.
                Some(list) => list.first().is_none_or(|first| {
                    let name = format!("{}/{}", p.name, first.id);
                    live.table
                        .resolve(&name)
                        .is_ok_and(|f| f.candidates.list().iter().all(|c| !c.endpoint.model.is_empty()))
                }),
            })
        })
        .await;
    }

    pub fn request(&self, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        Request::post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap()
    }

    pub async fn head(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        tokio::time::timeout(SOON, self.client.request(request)).await.unwrap().unwrap()
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        whole(self.head(request).await).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(self.request(path, body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        let mut request = self.request(path, "");
        *request.method_mut() = http::Method::GET;
        self.send(request).await
    }

    /// A chat completion; `more` is further fields with a leading comma.
    pub async fn chat(&self, model: &str, more: &str) -> Answer {
        self.post("/v1/chat/completions", chat_body(model, more)).await
    }

    /// The key of a second token.
    pub async fn other_key(&self) -> String {
        let made = self.post("/admin/api/tokens", r#"{"role":"inferrer"}"#).await.json();
        made["key"].as_str().unwrap().to_owned()
    }

    /// Every usage row once nothing waits to be written: `columns` as texts.
    pub async fn rows(&self, columns: &str) -> Vec<Vec<String>> {
        until("every record is written", || async {
            self.lifecycle.in_flight() == 0 && self.app.usage.status().queued == 0
        })
        .await;
        rows(self.folder.path(), columns)
    }

    /// Stops it and checks that it ended in order.
    pub async fn stop(self) {
        self.lifecycle.stop_softly();
        assert!(tokio::time::timeout(SOON, self.run).await.unwrap().unwrap(), "it did not end in order");
        self.simulator.stop().await;
    }

    /// Stops it and hands back its folder and provider for the next.
    pub async fn stop_keeping(self) -> (Simulator, TempDir) {
        self.lifecycle.stop_softly();
        assert!(tokio::time::timeout(SOON, self.run).await.unwrap().unwrap());
        (self.simulator, self.folder)
    }
}

pub fn rows(folder: &std::path::Path, columns: &str) -> Vec<Vec<String>> {
    let connection = torod::store::schema::open_reader(&folder.join("data")).unwrap();
    let sql = format!("SELECT {columns} FROM usage ORDER BY id");
    let mut statement = connection.prepare(&sql).unwrap();
    let width = statement.column_count();
    let row = |row: &torod::store::Row<'_>| {
        (0..width).map(|at| row.get::<_, torod::store::Value>(at).map(shown)).collect::<Result<Vec<_>, _>>()
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn shown(value: torod::store::Value) -> String {
    match value {
        torod::store::Value::Null => "-".into(),
        torod::store::Value::Integer(n) => n.to_string(),
        torod::store::Value::Text(text) => text,
        other => format!("{other:?}"),
    }
}

pub async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = tokio::time::timeout(SOON, body.collect()).await.unwrap().unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

pub fn chat_body(model: &str, more: &str) -> String {
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]{more}}}"#)
}

/// The payloads of an event stream.
pub fn events(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    text.lines().filter_map(|l| l.strip_prefix("data:")).map(|d| d.trim_start().to_owned()).collect()
}

/// Waits until `is` holds.
pub async fn until<F: Future<Output = bool>>(what: &str, is: impl Fn() -> F) {
    let looking = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, looking).await.is_ok(), "waited in vain: {what}");
}
