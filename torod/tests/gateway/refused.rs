//! Parameters that a model refuses: the request goes on without them, and the next does so at once.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, port_zero};

/// A provider that answers what `says` makes of a request's path and body, and what it was asked.
struct Strict {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

type Says = fn(&str, &Value) -> (u16, Value);

impl Strict {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind(port_zero()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let seen = Arc::clone(&asked);
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::runtime::Handle::current().spawn(serve(stream, says, Arc::clone(&seen)));
            }
        });
        Self { url, asked }
    }

    /// What it was asked since the last look.
    fn asked(&self) -> Vec<Value> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// A gateway before it, at which it is `p` and speaks `protocol`; `inside` stands in its table.
    async fn gateway(&self, protocol: &str, inside: &str) -> TestDaemon {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let text = format!(
            "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
             [routing]\nattempts = 3\nbreaker = {{ failures = 1, recovery = \"60s\" }}\n\
             [[providers]]\nname = \"p\"\nprotocols = {{ {protocol} = \"{}\" }}\napi_key = \"sk-p-0123456789\"\n{inside}\n\
             [[model_aliases]]\nname = \"exact\"\nlossy = \"reject\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
            self.url
        );
        let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
        self.asked();
        daemon
    }
}

/// Reads one request after the other and answers each.
async fn serve(mut stream: TcpStream, says: Says, asked: Arc<Mutex<Vec<Value>>>) {
    let mut read = Vec::new();
    loop {
        let mut piece = vec![0; 16 << 10];
        let got = stream.read(&mut piece).await.unwrap_or(0);
        if got == 0 {
            return;
        }
        read.extend_from_slice(&piece[..got]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        if body.len() < length.unwrap_or(0_usize) {
            continue;
        }
        read.clear();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, answer) = if head.starts_with("GET") {
            (200, json!({"object": "list", "data": [{"id": "m"}, {"id": "n"}]}))
        } else {
            let body: Value = serde_json::from_str(body).unwrap();
            asked.lock().unwrap().push(body.clone());
            says(&path, &body)
        };
        let (kind, text) = match &answer {
            Value::String(stream) => ("text/event-stream", stream.clone()),
            answer => ("application/json", answer.to_string()),
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", text.len());
        if stream.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice()).await.is_err() {
            return;
        }
    }
}

/// A chat completion, whole or streamed as it was asked for.
fn completion(body: &Value) -> (u16, Value) {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4});
    if body["stream"] == true {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]});
        return (200, Value::String(format!("data: {chunk}\n\ndata: [DONE]\n\n")));
    }
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"});
    (
        200,
        json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}),
    )
}

fn refuses(what: &str) -> (u16, Value) {
    let message = format!("Unsupported parameter: '{what}' is not supported with this model.");
    let code = "unsupported_parameter";
    (400, json!({"error": {"message": message, "type": "invalid_request_error", "param": what, "code": code}}))
}

/// Model `m` takes no temperature, `n` does.
fn no_temperature(_: &str, body: &Value) -> (u16, Value) {
    let is_refused = body["model"] == "m" && body.get("temperature").is_some();
    if is_refused { refuses("temperature") } else { completion(body) }
}

fn names(body: &Value) -> Vec<&str> {
    body.as_object().unwrap().keys().map(String::as_str).collect()
}

fn well(answer: &Answer, degraded: &str, attempts: &str) {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let said = (answer.header("x-tokenrouter-degraded"), answer.header("x-tokenrouter-attempts"));
    assert_eq!(said, (degraded, attempts));
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_and_remembered() {
    let strict = Strict::start(no_temperature).await;
    let daemon = strict.gateway("openai", "").await;
    let first = daemon.chat("p/m", r#","temperature":0.20,"seed":7"#).await;
    well(&first, "temperature", "2");
    assert_eq!(first.json()["choices"][0]["message"]["content"], "hello");
    let asked = strict.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(names(&asked[1]), ["messages", "model", "seed"]);
    // The next goes without at once, streamed or not, and so does who asks in another protocol.
    well(&daemon.chat("p/m", r#","temperature":0.7"#).await, "temperature", "1");
    let streamed = daemon.chat("p/m", r#","temperature":0.7,"stream":true"#).await;
    well(&streamed, "temperature", "1");
    assert!(streamed.text().contains("hello") && streamed.text().ends_with("data: [DONE]\n\n"));
    let message = r#"{"model":"p/m","max_tokens":9,"temperature":0.5,"messages":[{"role":"user","content":"hi"}]}"#;
    well(&daemon.post("/v1/messages", message).await, "temperature", "1");
    assert_eq!(strict.asked().len(), 3);
    // Nobody else is concerned: not who does not say it, and not another model.
    well(&daemon.chat("p/m", "").await, "", "1");
    well(&daemon.chat("p/n", r#","temperature":0.7"#).await, "", "1");
    assert!(strict.asked()[1].get("temperature").is_some());
    // Why is told to who asks, each call with what it went without.
    let decided = daemon.get(&format!("/admin/api/routes/{}", first.header("x-request-id"))).await.json();
    let told = |at: usize, key: &str| decided["attempts"][at][key].clone();
    assert_eq!((told(0, "fault"), told(0, "without")), (json!("refused"), Value::Null), "{decided}");
    assert_eq!((told(1, "status"), told(1, "without")), (json!(200), json!("temperature")), "{decided}");
    // It is told beforehand, too.
    let body = r#"{"model":"MODEL","messages":[{"role":"user","content":"hi"}],"temperature":1}"#;
    let foretold = async |model: &str| {
        let told = daemon.post("/admin/api/routes/explain", body.replace("MODEL", model)).await.json();
        told["candidates"][0]["degraded"].clone()
    };
    assert_eq!((foretold("p/m").await, foretold("p/n").await), (json!("temperature"), Value::Null));
    // Both calls have their row, and the refusal is no failure of the endpoint.
    let rows = daemon.rows("status").await;
    assert_eq!(rows.concat()[..2], ["400", "200"]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_stream_is_asked_for_again_before_it_begins() {
    let strict = Strict::start(no_temperature).await;
    let daemon = strict.gateway("openai", "").await;
    let answer = daemon.chat("p/m", r#","temperature":1,"stream":true"#).await;
    well(&answer, "temperature", "2");
    assert!(answer.text().contains("hello") && answer.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(strict.asked().len(), 2);
    daemon.stop().await;
    // The same where the refusal is an event of a stream that began well.
    let says: Says = |_, body| {
        let (status, refusal) = no_temperature("", body);
        if status == 200 { (200, refusal) } else { (200, Value::String(format!("data: {refusal}\n\n"))) }
    };
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("openai", "").await;
    let answer = daemon.chat("p/m", r#","temperature":1,"stream":true"#).await;
    well(&answer, "temperature", "2");
    assert!(answer.text().contains("hello") && !answer.text().contains("Unsupported"));
    daemon.stop().await;
}

#[tokio::test]
async fn a_translated_request_goes_without_in_the_words_of_its_client() {
    let says: Says = |_, body| {
        if body.get("reasoning_effort").is_some() {
            return (400, json!({"error": {"message": "\"m\" does not support thinking", "type": "api_error"}}));
        }
        completion(body)
    };
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("openai", "").await;
    let message = r#"{"model":"p/m","max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048},
        "messages":[{"role":"user","content":"hi"}]}"#;
    let answer = daemon.post("/v1/messages", message).await;
    well(&answer, "thinking", "2");
    assert_eq!(answer.json()["content"][0]["text"], "hello");
    assert_eq!(strict.asked().len(), 2);
    well(&daemon.post("/v1/messages", message).await, "thinking", "1");
    daemon.stop().await;
}

/// The model stands in the path, and the parameter within another.
#[tokio::test]
async fn gemini_goes_without_in_its_own_protocol() {
    let says: Says = |path, body| {
        assert!(path.ends_with("/models/m:generateContent"), "{path}");
        if body.pointer("/generationConfig/seed").is_some() {
            let message =
                "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config': Cannot find field.";
            return (400, json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}));
        }
        let content = json!({"role": "model", "parts": [{"text": "hello"}]});
        (200, json!({"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}))
    };
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("gemini", "").await;
    let ask =
        r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"seed":1,"temperature":0.20}}"#;
    for attempts in ["2", "1"] {
        well(&daemon.post("/v1beta/models/p/m:generateContent", ask).await, "generationConfig.seed", attempts);
    }
    assert_eq!(strict.asked()[2]["generationConfig"], json!({"temperature": 0.20}));
    daemon.stop().await;
}

/// Two refusals one after the other, as OpenAI's reasoning models word them.
#[tokio::test]
async fn a_reasoning_model_gets_what_it_takes() {
    let daemon = TestDaemon::start().await;
    for attempts in ["3", "1"] {
        let answer = daemon.chat("sim/ok+reasoning=1", r#","max_tokens":64,"temperature":0.2"#).await;
        well(&answer, "temperature", attempts);
    }
    daemon.stop().await;
}

/// Asking once more is no repeated call: what fails then counts as the first time.
#[tokio::test]
async fn the_second_call_is_judged_like_a_first() {
    let says: Says = |_, body| match no_temperature("", body) {
        (200, _) => (500, json!({"error": {"message": "broken", "type": "server_error"}})),
        refusal => refusal,
    };
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("openai", "").await;
    assert_eq!(daemon.chat("p/m", r#","temperature":1"#).await.status, 500);
    let answer = daemon.chat("p/m", r#","temperature":1"#).await;
    assert_eq!(answer.json()["error"]["code"], "no_endpoint_available", "{}", answer.text());
    assert_eq!(strict.asked().len(), 2);
    daemon.stop().await;
}

/// What is known of a model, by its provider's list or by the operator's word, need not be refused first.
#[tokio::test]
async fn what_is_declared_of_a_model_is_not_tried() {
    let strict = Strict::start(|_, body| completion(body)).await;
    let daemon = strict.gateway("openai", "[[providers.models]]\nid = \"m\"\nreasoning = false").await;
    let message = |model: &str| {
        format!(
            r#"{{"model":"p/{model}","max_tokens":4096,"thinking":{{"type":"enabled","budget_tokens":2048}},
                "messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    well(&daemon.post("/v1/messages", message("m")).await, "thinking", "1");
    well(&daemon.post("/v1/messages", message("n")).await, "", "1");
    let asked = strict.asked();
    assert_eq!((asked[0].get("reasoning_effort"), asked[1]["reasoning_effort"].as_str()), (None, Some("low")));
    daemon.stop().await;
}

/// The name is another, the limit is the same: nothing is lost.
#[tokio::test]
async fn a_limit_changes_its_name_and_stays() {
    let says: Says = |_, body| if body.get("max_tokens").is_some() { refuses("max_tokens") } else { completion(body) };
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("openai", "").await;
    well(&daemon.chat("exact", r#","max_tokens":64"#).await, "", "2");
    assert_eq!(strict.asked()[1]["max_completion_tokens"], 64);
    well(&daemon.chat("exact", r#","max_tokens":65"#).await, "", "1");
    daemon.stop().await;
}

#[tokio::test]
async fn who_wants_no_loss_is_told_what_would_be_lost() {
    let strict = Strict::start(no_temperature).await;
    let daemon = strict.gateway("openai", "").await;
    for calls in [1, 0] {
        let answer = daemon.chat("exact", r#","temperature":0.2"#).await;
        assert_eq!((answer.status.as_u16(), strict.asked().len()), (400, calls), "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!((error["code"].as_str(), error["param"].as_str()), (Some("lossy_conversion"), Some("temperature")));
        assert!(error["message"].as_str().unwrap().contains("does not take temperature"), "{error}");
    }
    well(&daemon.chat("exact", "").await, "", "1");
    daemon.stop().await;
}

#[tokio::test]
async fn other_refusals_pass_as_they_are() {
    let says: Says = |_, body| refuses(body["refuse"].as_str().unwrap_or("tools"));
    let strict = Strict::start(says).await;
    let daemon = strict.gateway("openai", "").await;
    for refused in ["tools", "response_format", "stop", "messages[0].content", "refuse", "top_k"] {
        let answer = daemon.chat("p/m", &format!(r#","refuse":"{refused}","temperature":1,"tools":[]"#)).await;
        assert_eq!(answer.json(), refuses(refused).1);
        assert_eq!((answer.status.as_u16(), strict.asked().len()), (400, 1), "{refused}");
    }
    // A provider that refuses for ever is not asked for ever, and nothing is believed of what it said.
    let endless: Says = |_, body| {
        let sent = ["seed", "top_p", "temperature", "user", "logit_bias", "top_k"];
        refuses(sent.into_iter().find(|name| body.get(*name).is_some()).unwrap_or("seed"))
    };
    let strict = Strict::start(endless).await;
    let daemon2 = strict.gateway("openai", "").await;
    for _ in 0..2 {
        let all = r#","seed":1,"top_p":1,"temperature":1,"user":"u","logit_bias":{},"top_k":1"#;
        let answer = daemon2.chat("p/m", all).await;
        assert_eq!((answer.status.as_u16(), strict.asked().len()), (400, 4));
        assert_eq!(answer.json(), refuses("user").1);
    }
    daemon.stop().await;
    daemon2.stop().await;
}
