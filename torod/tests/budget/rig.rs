//! A daemon whose models have prices, with tokens below tokens.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokenrouter::Protocol;
use tokenrouter::count::{Counts, Source};
use tokenrouter_shared::ids::{AttemptId, ExchangeId};
use torod::access::TokenEntry;
use torod::access::wall::Moment;
use torod::usage::{Charge, Outcome, Record};

use crate::support::{Answer, TestDaemon, chat_body};

/// A token that a test made.
#[derive(Clone)]
pub struct Token {
    pub id: String,
    pub key: String,
}

/// Every answer of `ok` and `slow3s` costs 1,000 and 2,000 nano-dollars a token.
pub const PRICES: &str = "
    [[providers.models]]
    id = \"ok\"
    price = { input = 1, output = 2 }
    [[providers.models]]
    id = \"slow3s\"
    price = { input = 1, output = 2 }
    [[providers.models]]
    id = \"s500\"
    price = { input = 1, output = 2 }";

impl TestDaemon {
    /// A token with `limits` below `parent`.
    pub async fn token(&self, parent: Option<&Token>, limits: Value) -> Token {
        let mut wanted = json!({ "role": "keymaster", "limits": limits });
        if let Some(parent) = parent {
            wanted["parent"] = parent.id.clone().into();
        }
        let made = self.post("/admin/api/tokens", wanted.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        Token { id: made["id"].as_str().unwrap().to_owned(), key: made["key"].as_str().unwrap().to_owned() }
    }

    pub fn request_of(&self, token: &Token, path: &str, body: String) -> Request<Full<bytes::Bytes>> {
        let mut request = self.request(path, body);
        request.headers_mut().insert("authorization", format!("Bearer {}", token.key).parse().unwrap());
        request
    }

    pub async fn post_of(&self, token: &Token, path: &str, body: String) -> Answer {
        self.send(self.request_of(token, path, body)).await
    }

    /// A chat completion of `token`.
    pub async fn chat_of(&self, token: &Token, model: &str, more: &str) -> Answer {
        self.post_of(token, "/v1/chat/completions", chat_body(model, more)).await
    }

    pub fn entry(&self, token: &Token) -> std::sync::Arc<TokenEntry> {
        self.app.tokens.named(&token.id).unwrap()
    }

    /// What is used of each wall of `token`.
    pub fn used(&self, token: &Token) -> Vec<u64> {
        let now = Moment::of(&self.app.clock);
        let entry = self.entry(token);
        let walls = entry.meter.walls();
        walls.iter().flat_map(|walls| walls.all()).map(|wall| wall.counter.used(now)).collect()
    }

    /// Requests, LLM tokens and nano-dollars of all rows of these tokens.
    pub async fn spent(&self, tokens: &[&Token]) -> [u64; 3] {
        let ids: Vec<String> = tokens.iter().map(|token| self.entry(token).id.to_string()).collect();
        let columns =
            "token_id, counted, input_uncached + cache_read + cache_write_5m + cache_write_1h + output, cost_nanos";
        let rows = self.rows(columns).await;
        let own = rows.iter().filter(|row| ids.contains(&row[0]));
        own.fold([0; 3], |sums, row| [1, 2, 3].map(|at| sums[at - 1] + row[at].parse::<u64>().unwrap()))
    }
}

/// `{"budgets":[…]}` of `(unit, limit)`, for their life.
pub fn budgets(list: &[(&str, u64)]) -> Value {
    let budgets: Vec<Value> = list.iter().map(|(unit, limit)| json!({ "unit": unit, "limit": limit })).collect();
    json!({ "budgets": budgets })
}

/// What is written of an attempt of a token that used so many LLM tokens.
pub fn record(ids: (AttemptId, ExchangeId), token_id: i64, began_ms: i64, amount: u64) -> Record {
    Record {
        total_us: 1,
        first_byte_us: 1,
        token_id,
        provider: "p".into(),
        model: "m".into(),
        counts: Counts { input_uncached: amount, ..Counts::default() },
        ..Record::new(ids.0, ids.1, began_ms)
    }
}
