//! A daemon that keeps conversations, and short ways to ask what it kept.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::store::conversations as store;

use crate::support::{Answer, TestDaemon, port_zero, until};

/// Keeps all that may be kept.
pub const ON: &str = "[conversations]\nenabled = true\nloopback = true\n";

/// One provider that speaks everything, and one that speaks Chat alone.
pub async fn daemon(more: &str) -> TestDaemon {
    in_folder(more, tempfile::tempdir().unwrap()).await
}

/// The same in a folder where there may be something already.
pub async fn in_folder(more: &str, folder: TempDir) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let url = simulator.url();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = true\n{more}\n\
         [routing]\nattempts = 1\nprobe = false\nbreaker = {{ failures = 1000, recovery = \"1ms\", connection_failures = 1000, connection_recovery = \"1ms\", credential_recovery = \"1ms\" }}\n\
         [[providers]]\nname = \"all\"\napi_key = \"sk-provider-key-0123456789\"\n\
         protocols = {{ openai = \"{url}/v1\", responses = \"{url}/v1\", anthropic = \"{url}/anthropic\", gemini = \"{url}\", cohere = \"{url}\" }}\n\
         [[providers]]\nname = \"chat\"\napi_key = \"sk-other-key-0123456789\"\nprotocols = {{ openai = \"{url}/v1\" }}\n\
         [[providers.models]]\nid = \"dear+ok\"\nprice = {{ input = 1, output = 1000 }}\n"
    );
    TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await
}

impl TestDaemon {
    /// Nothing is under way, and nothing waits to be kept.
    pub async fn all_is_kept(&self) {
        until("every conversation is kept", || async {
            self.lifecycle.in_flight() == 0 && self.app.conversations.status().waiting == 0
        })
        .await;
    }

    /// The list, as `query` asks for it.
    pub async fn talks(&self, query: &str) -> Vec<Value> {
        self.all_is_kept().await;
        let answer = self.get(&format!("/admin/api/conversations{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["conversations"].as_array().unwrap().clone()
    }

    /// A conversation with what was said.
    pub async fn talk(&self, id: &Value) -> Value {
        self.all_is_kept().await;
        let answer = self.get(&format!("/admin/api/conversations/{id}?internal=true")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The one conversation that there is.
    pub async fn only_talk(&self) -> Value {
        let talks = self.talks("?internal=true").await;
        assert_eq!(talks.len(), 1, "{talks:?}");
        self.talk(&talks[0]["id"]).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&'static str, &str)], body: impl Into<String>) -> Answer {
        let mut request: Request<Full<bytes::Bytes>> = self.request(path, body.into());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        self.send(request).await
    }

    /// The file's bytes, its log included.
    pub fn on_disk(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for end in ["", "-wal"] {
            let path = self.folder.path().join("data").join(format!("{}{end}", store::CONVERSATIONS));
            all.extend(std::fs::read(path).unwrap_or_default());
        }
        all
    }

    /// Everything that is kept, unpacked.
    pub fn unpacked(&self) -> String {
        let connection = store::open_reader(&self.folder.path().join("data")).unwrap().unwrap();
        let mut all = String::new();
        for sql in [
            "SELECT body FROM piece",
            "SELECT request FROM exchange",
            "SELECT answer FROM exchange",
            "SELECT words FROM exchange",
            "SELECT body FROM stage",
        ] {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
            for row in rows {
                all += &String::from_utf8_lossy(&store::pack::unpack(&row.unwrap()).unwrap());
                all.push('\n');
            }
        }
        for sql in [
            "SELECT title || coalesce(session, '') FROM conversation",
            "SELECT coalesce(given_id, '') || path || model_asked || coalesce(error, '') FROM exchange",
            "SELECT head || note FROM stage",
        ] {
            let mut statement = connection.prepare(sql).unwrap();
            for row in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
                all += &row.unwrap();
                all.push('\n');
            }
        }
        all
    }
}

/// A chat request with these messages: who says it, and what.
pub fn chat(messages: &[(&str, &str)]) -> String {
    let messages: Vec<Value> =
        messages.iter().map(|(role, content)| json!({ "role": role, "content": content })).collect();
    json!({ "model": "all/ok", "messages": messages }).to_string()
}

/// What a chat answer says.
pub fn said(answer: &Answer) -> String {
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// The texts of the parts of some kind.
pub fn texts(parts: &Value, kind: &str) -> String {
    let of_kind = parts.as_array().unwrap().iter().filter(|part| part["type"] == kind);
    of_kind.filter_map(|part| part["text"].as_str()).collect()
}
