//! A gateway with some use behind it, and a home that knows it.

use serde_json::{Value, json};
use toro::client::{Client, block_on};

use super::support::{Ended, Gateway, Home, Said, until};

pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) home: Home,
    /// The key that is stored in the home.
    pub(crate) key: String,
}

impl Site {
    /// With a token of role keymaster.
    pub(crate) fn new() -> Self {
        Self::with(&json!({}))
    }

    pub(crate) fn with(more: &Value) -> Self {
        let gateway = Gateway::start();
        let home = gateway.home("keymaster", more);
        let text = std::fs::read_to_string(home.config()).unwrap();
        let key = text.split("key = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let me = Self { gateway, home, key };
        until("the provider's models are listed", || {
            me.json(&["models", "--json"])["models"].as_array().is_some_and(|all| all.len() > 5)
        });
        me
    }

    pub(crate) fn client(&self) -> Client {
        self.gateway.client(&self.key)
    }

    /// What a command says that ends well.
    pub(crate) fn said(&self, words: &[&str]) -> String {
        let said = self.home.run(words);
        assert_eq!(said.ended, Ended::Code(0), "{words:?}: {}{}", said.out, said.err);
        said.out
    }

    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let said = self.home.run(words);
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{words:?}: {e}: {}{}", said.out, said.err))
    }

    /// A run that asked `sim/ok` in a session and a sub-agent's, and ended; its id.
    pub(crate) fn run_of(&self, agent: &str, exit: u8) -> String {
        let wanted = json!({
            "name": format!("{agent} in work"),
            "run": true,
            "lease_s": 60,
            "labels": { "agent": agent, "repository": "shop", "branch": "main" },
            "limits": { "budgets": [{ "unit": "usd_nanos", "limit": 5_000_000_000_u64 }] },
        });
        let made: Value = block_on(self.client().post("/admin/api/tokens", &wanted)).unwrap().unwrap();
        let (id, key) = (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap());
        let asked = json!({ "model": "sim/ok", "messages": [{ "role": "user", "content": "Hello" }] });
        let sessions = [("main-1", None), ("main-1", None), ("sub-2", Some("main-1"))];
        for (session, parent) in sessions {
            let mut headers = http::HeaderMap::new();
            headers.insert("x-session-id", session.parse().unwrap());
            if let Some(parent) = parent {
                headers.insert("x-parent-session-id", parent.parse().unwrap());
            }
            let client = self.gateway.client(key);
            let body = bytes::Bytes::from(asked.to_string());
            let answer = block_on(async {
                client
                    .send(http::Method::POST, "/v1/chat/completions", headers, body)
                    .await?
                    .checked()
                    .await?
                    .json::<Value>()
                    .await
            });
            answer.unwrap().unwrap();
        }
        let path = format!("/admin/api/tokens/{id}?reason=finished&exit={exit}");
        let _: Value = block_on(self.client().delete(&path)).unwrap().unwrap();
        until("the run's rows are written", || {
            self.gateway.get(&format!("/admin/api/me/runs/{id}"))["totals"]["requests"] == 3
        });
        id
    }
}

/// Lines of a table that was printed into a pipe.
pub(crate) fn row<'o>(out: &'o str, begin: &str) -> &'o str {
    out.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no line begins with {begin:?}:\n{out}"))
}

/// That nothing a terminal would obey was printed.
pub(crate) fn is_plain(said: &Said) {
    for text in [&said.out, &said.err] {
        assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{text:?}");
    }
}
