//! The real binary, killed in the middle of two hundred requests: what it counts afterwards is what its rows say.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::store::schema;

use crate::rig::PRICES;
use crate::support::{PROVIDER_KEY, chat_body, port_zero, until};

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
    folder: tempfile::TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Site {
    fn torod(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
        let folder = self.folder.path();
        command
            .arg("--config")
            .arg(folder.join("torod.toml"))
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(arguments);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).stdin(Stdio::null());
        command
    }

    async fn serve(&self) -> Running {
        let ready = self.folder.path().join("ready");
        drop(std::fs::remove_file(&ready));
        let mut command = self.torod(&["serve", "--ready-file"]);
        command.arg(&ready);
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = command.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let mut running = Running { child, url: String::new() };
        until("the daemon is ready", || async { Path::new(&ready).exists() }).await;
        std::fs::read_to_string(&ready).unwrap().trim().clone_into(&mut running.url);
        running
    }

    async fn ask(&self, method: Method, url: String, key: &str, body: String) -> Option<(u16, Value)> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap();
        let answer = self.client.request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn token(&self, url: &str, admin: &str, parent: Option<&str>, limits: Value) -> (String, String) {
        let mut wanted = json!({ "role": "keymaster", "limits": limits });
        if let Some(parent) = parent {
            wanted["parent"] = parent.into();
        }
        let made = self.ask(Method::POST, format!("{url}/admin/api/tokens"), admin, wanted.to_string()).await.unwrap();
        assert_eq!(made.0, 201, "{}", made.1);
        let text = |field: &str| made.1[field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    /// What the budgets of a token have used.
    async fn used(&self, url: &str, admin: &str, id: &str) -> Vec<u64> {
        let shown =
            self.ask(Method::GET, format!("{url}/admin/api/tokens/{id}"), admin, String::new()).await.unwrap().1;
        shown["budgets"].as_array().unwrap().iter().map(|budget| budget["used"].as_u64().unwrap()).collect()
    }

    /// Requests, LLM tokens and nano-dollars of every row but the admin's.
    fn rows(&self) -> [u64; 3] {
        let connection = schema::open_reader(&self.folder.path().join("data")).unwrap();
        let sql = "SELECT coalesce(sum(counted), 0), coalesce(sum(input_uncached + cache_read + cache_write_5m + cache_write_1h
            + output), 0), coalesce(sum(cost_nanos), 0) FROM usage WHERE token_id > 1";
        let sums: [i64; 3] = connection.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
        sums.map(i64::unsigned_abs)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_gateway_counts_afterwards_is_what_its_rows_say() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
         [[providers]]\nname = \"sim\"\nbase_url = \"{}\"\napi_key = \"{PROVIDER_KEY}\"\n{PRICES}",
        simulator.url()
    );
    std::fs::write(folder.path().join("torod.toml"), text).unwrap();
    let site = Arc::new(Site { folder, client: Client::builder(TokioExecutor::new()).build_http() });
    let made = site.torod(&["token", "create", "--name", "admin", "--role", "admin", "--json"]).output().unwrap();
    let admin: Value = serde_json::from_slice(&made.stdout).unwrap();
    let admin = admin["key"].as_str().unwrap().to_owned();
    let running = site.serve().await;
    let url = running.url.clone();
    let chat = |url: String, key: String| {
        let site = Arc::clone(&site);
        async move {
            let body = chat_body("ok", r#","max_tokens":40"#);
            site.ask(Method::POST, format!("{url}/v1/chat/completions"), &key, body).await.map(|answer| answer.0)
        }
    };
    let free = site.token(&url, &admin, None, json!({})).await;
    assert_eq!(chat(url.clone(), free.1).await, Some(200));
    until("the row is written", || async { site.rows()[0] == 1 }).await;
    let [_, _, each] = site.rows();
    let limit = each * 60;
    let money = json!({ "budgets": [{ "unit": "usd_nanos", "limit": limit }, { "unit": "requests", "limit": 1_000 },
        { "unit": "usd_nanos", "limit": limit, "window": { "seconds": 86_400 } }] });
    let first = site.token(&url, &admin, None, money.clone()).await;
    let second = site.token(&url, &admin, Some(&first.0), money).await;
    let third = site
        .token(&url, &admin, Some(&second.0), json!({ "budgets": [{ "unit": "tokens", "limit": 1_000_000 }] }))
        .await;

    let served = Arc::new(AtomicUsize::new(0));
    let many = |url: &str, count: usize| {
        let one = |_| {
            let (asked, served) = (chat(url.to_owned(), third.1.clone()), Arc::clone(&served));
            tokio::runtime::Handle::current().spawn(async move {
                if asked.await == Some(200) {
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        (0..count).map(one).collect::<Vec<_>>()
    };
    // Some are in the database for sure, and others under way.
    for one in many(&url, 8) {
        one.await.unwrap();
    }
    until("the first rows are written", || async { site.rows()[0] == 9 }).await;
    let asked = many(&url, 200);
    until("some are served", || async { served.load(Ordering::SeqCst) >= 12 }).await;
    let mut running = running;
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    for one in asked {
        one.await.unwrap();
    }
    drop(running);

    let again = site.serve().await;
    let url = again.url.clone();
    let [requests, tokens, nanos] = site.rows();
    // The free token's request is the one beside.
    let (requests, below) = (requests - 1, nanos - each);
    assert!(requests >= 8 && below >= 8 * each, "{requests} requests, {below} nano-dollars");
    for token in [&first, &second] {
        assert_eq!(site.used(&url, &admin, &token.0).await, [below, requests, below]);
    }
    assert_eq!(site.used(&url, &admin, &third.0).await, [tokens * below / nanos.max(1)]);
    for one in many(&url, 200) {
        one.await.unwrap();
    }
    while chat(url.clone(), third.1.clone()).await == Some(200) {}
    until("every row is written", || async {
        let [requests, _, nanos] = site.rows();
        site.used(&url, &admin, &first.0).await == [nanos - each, requests - 1, nanos - each]
    })
    .await;
    let spent = site.rows()[2] - each;
    assert!(spent > below && spent <= limit + 2 * each, "{spent} of {limit}");
    drop(again);
    simulator.stop().await;
}
