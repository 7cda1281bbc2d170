//! A daemon whose clock stands still, agents that work with runs of it, and sums of rows to compare with what it tells.

use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero, rows};

pub const START: i64 = 1_800_000_000_000;
pub const DAY_MS: i64 = 86_400_000;
const PRICES: &str = "
    [[providers.models]]
    id = \"ok\"
    price = { input = 1, output = 2 }
    [[providers.models]]
    id = \"cache\"
    price = { input = 2.5, output = 10, cache_read = 0.25, cache_write = 3, cache_write_1h = 5 }";
const SUMS: [&str; 10] = [
    "sum(counted)",
    "count(*)",
    "sum(outcome <> 0)",
    "sum(input_uncached)",
    "sum(cache_read)",
    "sum(cache_write_5m)",
    "sum(cache_write_1h)",
    "sum(output)",
    "sum(cost_nanos)",
    "sum(CASE WHEN price IS NULL THEN cost_nanos ELSE 0 END)",
];

pub struct Site {
    pub daemon: TestDaemon,
    pub clock: Clock,
}

impl Site {
    pub async fn start() -> Self {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        Self::over(simulator, Clock::fixed(START), tempfile::tempdir().unwrap()).await
    }

    pub async fn over(simulator: Simulator, clock: Clock, folder: TempDir) -> Self {
        let text = configuration(&simulator.url(), "[tokens]\nremove_ended_after = \"1d\"\n", PRICES);
        Self { daemon: TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await, clock }
    }

    /// Stops it, lets `ms` pass, and starts it again.
    pub async fn again_after(self, ms: i64) -> Self {
        let (simulator, folder) = self.daemon.stop_keeping().await;
        self.clock.advance(ms);
        Self::over(simulator, self.clock, folder).await
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let mut request = self.daemon.request(path, body.to_owned());
        *request.method_mut() = method;
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        self.daemon.send(request).await
    }

    pub async fn get(&self, path: &str, key: &str) -> Value {
        let answer = self.ask(Method::GET, path, key, "", &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub async fn status(&self, path: &str, key: &str) -> (u16, String) {
        let answer = self.ask(Method::GET, path, key, "", &[]).await;
        (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn made(&self, key: &str, body: &Value) -> (String, String) {
        let answer = self.ask(Method::POST, "/admin/api/tokens", key, &body.to_string(), &[]).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    pub async fn written(&self) {
        self.daemon.rows("id").await;
    }

    /// A question in the form of Claude Code.
    pub async fn message(&self, key: &str, headers: &[(&'static str, &str)]) {
        self.clock.advance(1_000);
        let answer =
            self.ask(Method::POST, "/v1/messages", key, &chat_body("cache", ",\"max_tokens\":9"), headers).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// One in the form of Codex.
    pub async fn response(&self, key: &str, headers: &[(&'static str, &str)]) {
        self.clock.advance(1_000);
        let answer = self.ask(Method::POST, "/v1/responses", key, r#"{"model":"ok","input":"hi"}"#, headers).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// [`SUMS`] over the rows that a condition picks.
    pub fn sums(&self, condition: &str) -> Vec<u64> {
        let columns: Vec<String> =
            SUMS.iter().map(|sum| format!("(SELECT coalesce({sum}, 0) FROM usage WHERE {condition})")).collect();
        let row = rows(self.daemon.folder.path(), &columns.join(", ")).swap_remove(0);
        row.iter().map(|sum| sum.parse().unwrap()).collect()
    }
}

/// The same out of an answer.
pub fn told(totals: &Value) -> Vec<u64> {
    let counts = &totals["counts"];
    [
        &totals["requests"],
        &totals["attempts"],
        &totals["failures"],
        &counts["input_uncached"],
        &counts["cache_read"],
        &counts["cache_write_5m"],
        &counts["cache_write_1h"],
        &counts["output"],
        &totals["cost_nanos"],
        &totals["unpriced_nanos"],
    ]
    .map(|sum| sum.as_u64().unwrap())
    .to_vec()
}

pub fn added(lines: &[Value]) -> Vec<u64> {
    let mut whole = vec![0; SUMS.len()];
    for line in lines {
        let sums = told(line.get("totals").unwrap_or(line));
        whole.iter_mut().zip(sums).for_each(|(whole, sum)| *whole += sum);
    }
    whole
}

pub fn list(of: &Value) -> &[Value] {
    of.as_array().unwrap()
}

pub fn column<'a>(of: &'a Value, field: &str) -> Vec<&'a str> {
    list(of).iter().map(|line| line[field].as_str().unwrap_or("-")).collect()
}

pub const CLAUDE: (&str, &str) = ("x-claude-code-session-id", "5e55-root");
const PROGRAM: (&str, &str) = ("user-agent", "claude-cli/2.1.329 (external, cli)");

/// A run with sessions and sub-agents, in the forms in which agents send them.
pub async fn worked(site: &Site, key: &str) {
    site.message(key, &[CLAUDE, PROGRAM]).await;
    site.message(key, &[CLAUDE, ("x-claude-code-agent-id", "a1")]).await;
    site.message(key, &[CLAUDE, PROGRAM, ("x-claude-code-agent-id", "a2"), ("x-claude-code-parent-agent-id", "a1")])
        .await;
    site.message(key, &[CLAUDE, PROGRAM]).await;
    site.response(key, &[("session-id", "c0de"), ("thread-id", "c0de"), ("user-agent", "codex_exec/0.169.0 (x)")])
        .await;
    site.response(key, &[("session-id", "c0de"), ("thread-id", "sub"), ("x-codex-parent-thread-id", "c0de")]).await;
    let chat = |model: &'static str| chat_body(model, ",\"prompt_cache_key\":\"key-1\"");
    assert_eq!(site.ask(Method::POST, "/v1/chat/completions", key, &chat("ok"), &[]).await.status, 200);
    assert_eq!(site.ask(Method::POST, "/v1/chat/completions", key, &chat("s500"), &[]).await.status, 500);
    site.response(key, &[]).await;
    site.written().await;
}
