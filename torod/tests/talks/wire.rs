//! What went over the wire for a token that is inspected: four stages, byte for byte, without secrets, for a while.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::store::conversations as store;
use torod::store::conversations::remove::{self, Bounds};
use torod::store::conversations::stages::{self, Stage};

use crate::rig::{ON, chat, daemon};
use crate::support::{Answer, PROVIDER_KEY, TestDaemon, port_zero};

const HOUR_MS: i64 = 3_600_000;

/// A token that is inspected from now on: its id, and its key as a client sends it.
struct Inspected {
    id: String,
    bearer: String,
}

impl Inspected {
    async fn of(daemon: &TestDaemon, ms: i64) -> Self {
        let token = Self::made(daemon, json!({ "name": "watched", "role": "keymaster" })).await;
        let changed = token.change(daemon, json!({ "version": 1, "inspect_ms": ms })).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert!(changed.json()["inspect_until_ms"].as_i64().unwrap() > 0);
        token
    }

    async fn made(daemon: &TestDaemon, wanted: Value) -> Self {
        let made = daemon.post("/admin/api/tokens", wanted.to_string()).await.json();
        let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
        Self { id: made["id"].as_str().unwrap().to_owned(), bearer }
    }

    async fn change(&self, daemon: &TestDaemon, change: Value) -> Answer {
        let mut request = daemon.request(&format!("/admin/api/tokens/{}", self.id), change.to_string());
        *request.method_mut() = Method::PATCH;
        daemon.send(request).await
    }

    async fn ask(&self, daemon: &TestDaemon, path: &str, body: impl Into<String>) -> Answer {
        daemon.post_with(path, &[("authorization", &self.bearer)], body).await
    }
}

/// What is kept of a request, once all is.
async fn wire(daemon: &TestDaemon, answer: &Answer) -> Answer {
    daemon.all_is_kept().await;
    daemon.get(&format!("/admin/api/exchanges/{}/wire", answer.header("x-request-id"))).await
}

async fn stages(daemon: &TestDaemon, answer: &Answer) -> Vec<Value> {
    let told = wire(daemon, answer).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.json()["request_id"], answer.header("x-request-id"));
    told.json()["stages"].as_array().unwrap().clone()
}

fn words(stages: &[Value]) -> Vec<(&str, u64)> {
    stages.iter().map(|stage| (stage["stage"].as_str().unwrap(), stage["attempt"].as_u64().unwrap())).collect()
}

fn text<'s>(stage: &'s Value, field: &str) -> &'s str {
    stage[field].as_str().unwrap()
}

const FOUR: [(&str, u64); 4] = [("client_in", 0), ("upstream_out", 1), ("upstream_in", 1), ("client_out", 0)];

/// A request of each protocol's client for `model`: its path and body.
fn requests(model: &str, stream: bool) -> Vec<(String, String)> {
    let ask = |mut body: Value| {
        body["model"] = model.into();
        body["stream"] = stream.into();
        body.to_string()
    };
    let said = json!([{ "role": "user", "content": "Hello" }]);
    let gemini = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    vec![
        ("/v1/chat/completions".to_owned(), ask(json!({ "messages": said }))),
        ("/v1/responses".to_owned(), ask(json!({ "input": "Hello" }))),
        ("/v1/messages".to_owned(), ask(json!({ "max_tokens": 64, "messages": said }))),
        ("/v2/chat".to_owned(), ask(json!({ "messages": said }))),
        (
            format!("/v1beta/models/{model}:{gemini}"),
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] }).to_string(),
        ),
    ]
}

#[tokio::test]
async fn four_stages_are_kept_byte_for_byte_in_every_protocol() {
    // Conversations are not kept here: this is something else.
    let daemon = daemon("").await;
    let token = Inspected::of(&daemon, HOUR_MS).await;
    for model in ["all/ok", "chat/ok"] {
        for stream in [false, true] {
            for (path, body) in requests(model, stream) {
                let what = format!("{path} {model} {stream}");
                daemon.simulator.clear();
                let answer = token.ask(&daemon, &path, body.clone()).await;
                assert_eq!(answer.status, 200, "{what} {}", answer.text());
                let stages = stages(&daemon, &answer).await;
                assert_eq!(words(&stages), FOUR, "{what}");
                assert_eq!(text(&stages[0], "body"), body, "{what}");
                let called = &daemon.simulator.calls()[0];
                assert_eq!(text(&stages[1], "body").as_bytes(), &called.body[..], "{what}");
                assert_eq!(stages[1]["size"], called.body.len(), "{what}");
                let called_at = called.path.split('?').next().unwrap();
                let line = text(&stages[1], "head").lines().next().unwrap();
                assert!(line.starts_with("POST http://127.0.0.1:") && line.ends_with(called_at), "{what} {line}");
                assert!(text(&stages[2], "head").starts_with("200 OK\n"), "{what}");
                assert_eq!(text(&stages[3], "body"), answer.text(), "{what}");
                let is_native = model == "all/ok" || path == "/v1/chat/completions";
                let asked = text(&stages[1], "change");
                let is_named = path.contains("models/");
                match (is_native, is_named) {
                    (true, true) => assert_eq!(asked, format!("byte for byte the same, {} bytes", body.len())),
                    (true, false) => assert!(asked.contains("the same but for one place") || stream, "{what} {asked}"),
                    (false, _) => {
                        assert!(asked.contains("; left out: ") || asked.contains("; added: "), "{what} {asked}");
                    }
                }
                let told = text(&stages[3], "change");
                let is_same = stages[2]["body"] == stages[3]["body"];
                assert_eq!(told.starts_with("byte for byte the same"), is_same, "{what} {told}");
                // Where the gateway asked for the usage that its client did not, it keeps that to itself.
                let hides = stream && path == "/v1/chat/completions";
                assert_eq!(is_same, is_native && !hides, "{what} {told}");
            }
        }
    }
    assert!(daemon.talks("").await.is_empty());
    assert_eq!(daemon.app.conversations.held_bytes(), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn every_attempt_has_its_stages_also_those_that_clients_do_not_hear_of() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let url = simulator.url();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = |name: &str, at: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\napi_key = \"{PROVIDER_KEY}\"\nprotocols = {{ openai = \"{at}/v1\" }}\n"
        )
    };
    let text_of = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = true\n\
         [routing]\nattempts = 4\norder = [\"priority\"]\n{}{}{}{}\
         [[model_aliases]]\nname = \"chain\"\ntargets = [{{ provider = \"shut\", model = \"ok\" }}, \
         {{ provider = \"angry\", model = \"s401\" }}, {{ provider = \"weak\", model = \"s500\" }}, \
         {{ provider = \"good\", model = \"ok\" }}]\n",
        provider("shut", &format!("http://{closed}")),
        provider("angry", &url),
        provider("weak", &url),
        provider("good", &url)
    );
    let folder = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::at_once(simulator, &text_of, Clock::system(), folder).await;
    let token = Inspected::of(&daemon, HOUR_MS).await;
    let body = json!({ "model": "chain", "messages": [{ "role": "user", "content": "x" }] }).to_string();
    let answer = token.ask(&daemon, "/v1/chat/completions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let stages = stages(&daemon, &answer).await;
    let mut by_status: Vec<String> = Vec::new();
    for stage in &stages {
        match text(stage, "stage") {
            "upstream_in" => by_status.push(text(stage, "head").split(' ').next().unwrap().to_owned()),
            "upstream_out" if text(stage, "change").contains("no answer came") => by_status.push("none".to_owned()),
            _ => {}
        }
    }
    by_status.sort();
    assert_eq!(by_status, ["200", "401", "500", "none"], "{stages:#?}");
    let attempts: Vec<u64> = stages.iter().filter_map(|stage| stage["attempt"].as_u64()).max().into_iter().collect();
    assert_eq!(attempts, [4]);
    // The refusal's own words are here, and were not the client's.
    let refused = stages.iter().find(|stage| text(stage, "head").starts_with("401")).unwrap();
    assert!(!text(refused, "body").is_empty() && text(refused, "change").contains("upstream error"), "{refused}");
    // Nobody serves: the answer is the gateway's.
    let body = json!({ "model": "nobody/knows", "messages": [] }).to_string();
    let answer = token.ask(&daemon, "/v1/chat/completions", body).await;
    let stages = self::stages(&daemon, &answer).await;
    assert_eq!(words(&stages), [FOUR[0], FOUR[3]]);
    assert_eq!(text(&stages[1], "change"), "the gateway's own answer");
    assert_eq!(daemon.app.conversations.held_bytes(), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn no_secret_is_among_the_stages() {
    let daemon = daemon("").await;
    let token = Inspected::of(&daemon, HOUR_MS).await;
    let canary = "sk-ant-api03-CANARYabcdef0123456789";
    let headers = [
        ("authorization", token.bearer.as_str()),
        ("x-my-password", "CANARYplain"),
        ("x-note", canary),
        ("cookie", "CANARYcookie"),
    ];
    // In the request, and in an answer that tells it in pieces of a few letters.
    for (model, stream) in [("all/tool", false), ("all/tool", true), ("chat/tool", true)] {
        for (path, body) in requests(model, stream) {
            let body = body.replace("Hello", &format!("{canary} {{{{call text}}}}{canary}{{{{end}}}}"));
            let answer = daemon.post_with(&path, &headers, body).await;
            assert!(answer.status == 200 && (stream || answer.text().contains(canary)), "{path} {}", answer.text());
            let stages = stages(&daemon, &answer).await;
            assert_eq!(words(&stages), FOUR, "{path}");
            let joined = stages[3]["body"].as_str().unwrap();
            let heard: String = joined.split('"').filter(|word| word.len() < 40).collect();
            assert!(!heard.contains("CANARY"), "{path} {joined}");
        }
    }
    let (kept, disk) = (daemon.unpacked(), daemon.on_disk());
    for secret in [canary, "CANARY", PROVIDER_KEY, "sk-other-key-0123456789", &token.bearer[7..]] {
        assert!(!kept.contains(secret), "{secret}");
        assert!(memchr::memmem::find(&disk, secret.as_bytes()).is_none(), "{secret}");
    }
    assert!(kept.contains("[redacted: API key]") && kept.contains("authorization: [redacted]"), "{kept}");
    assert!(kept.contains("tells a secret in pieces"));
    daemon.stop().await;
}

#[tokio::test]
async fn nothing_is_written_where_no_token_is_inspected() {
    let daemon = daemon("").await;
    let token = Inspected::made(&daemon, json!({ "name": "plain", "role": "inferrer" })).await;
    let answer = token.ask(&daemon, "/v1/chat/completions", chat(&[("user", "x")])).await;
    assert_eq!(wire(&daemon, &answer).await.status, 404);
    let file = daemon.folder.path().join("data").join(store::CONVERSATIONS);
    assert!(!file.exists());
    // Nor of a request whose client does not want it.
    let token = Inspected::of(&daemon, HOUR_MS).await;
    let headers = [("authorization", token.bearer.as_str()), ("x-tokenrouter-capture", "no")];
    let answer = daemon.post_with("/v1/chat/completions", &headers, chat(&[("user", "x")])).await;
    assert_eq!(wire(&daemon, &answer).await.status, 404);
    assert!(!file.exists());
    daemon.stop().await;
}

#[tokio::test]
async fn it_holds_for_tokens_below_and_ends_by_itself() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text_of = crate::support::configuration(&simulator.url(), "", "");
    let clock = Clock::fixed(1_800_000_000_000);
    let folder = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::at_once(simulator, &text_of, clock.clone(), folder).await;
    let above = Inspected::of(&daemon, HOUR_MS).await;
    let wanted = json!({ "name": "below", "role": "inferrer", "parent": above.id });
    let below = Inspected::made(&daemon, wanted).await;
    let ask = async |token: &Inspected| {
        let body = json!({ "model": "sim/ok", "messages": [{ "role": "user", "content": "x" }] }).to_string();
        let answer = token.ask(&daemon, "/v1/chat/completions", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        wire(&daemon, &answer).await.status
    };
    assert_eq!(ask(&below).await, 200);
    clock.advance(HOUR_MS - 1);
    assert_eq!(ask(&above).await, 200);
    clock.advance(1);
    assert_eq!((ask(&above).await.as_u16(), ask(&below).await.as_u16()), (404, 404));
    let told = daemon.get(&format!("/admin/api/tokens/{}", above.id)).await.json();
    assert!(told["inspect_until_ms"].is_null(), "{told}");

    // Again, and taken back.
    assert_eq!(above.change(&daemon, json!({ "version": 2, "inspect_ms": 1000 })).await.status, 200);
    assert_eq!(ask(&below).await, 200);
    assert_eq!(above.change(&daemon, json!({ "version": 3, "inspect_ms": null })).await.status, 200);
    assert_eq!(ask(&below).await, 404);
    let trail = daemon.get("/admin/api/audit?action=token.edit").await.json();
    let told: Vec<_> =
        trail["entries"].as_array().unwrap().iter().filter(|e| e.to_string().contains("inspect_until_ms")).collect();
    assert_eq!(told.len(), 3, "{trail}");

    // A token of which nothing may be kept is not inspected, whoever says it first.
    let refused = below.change(&daemon, json!({ "version": 1, "capture": false, "inspect_ms": 1000 })).await;
    assert!(refused.status == 400 && refused.text().contains("capture"), "{}", refused.text());
    assert_eq!(above.change(&daemon, json!({ "version": 4, "inspect_ms": 1000 })).await.status, 200);
    assert_eq!(below.change(&daemon, json!({ "version": 1, "capture": false })).await.status, 200);
    assert_eq!((ask(&above).await.as_u16(), ask(&below).await.as_u16()), (200, 404));
    assert_eq!(above.change(&daemon, json!({ "version": 5, "capture": false })).await.status, 200);
    assert_eq!(above.change(&daemon, json!({ "version": 6, "capture": true })).await.status, 200);
    assert_eq!(ask(&above).await, 404);
    daemon.stop().await;
}

#[tokio::test]
async fn only_admins_have_a_token_inspected_and_for_a_week_at_most() {
    let daemon = daemon(ON).await;
    let keymaster = Inspected::made(&daemon, json!({ "role": "keymaster" })).await;
    let below = daemon
        .post_with("/admin/api/tokens", &[("authorization", &keymaster.bearer)], r#"{"role":"inferrer"}"#)
        .await
        .json();
    let change = |ms: i64| {
        let body = json!({ "version": 1, "inspect_ms": ms }).to_string();
        let mut request = daemon.request(&format!("/admin/api/tokens/{}", below["id"].as_str().unwrap()), body);
        *request.method_mut() = Method::PATCH;
        request
    };
    let mut request = change(1_000);
    request.headers_mut().insert("authorization", keymaster.bearer.parse().unwrap());
    let refused = daemon.send(request).await;
    assert!(refused.status == 403 && refused.text().contains("Ask an admin"), "{}", refused.text());
    for wrong in [0, -1, 604_800_001] {
        assert_eq!(daemon.send(change(wrong)).await.status, 400, "{wrong}");
    }
    assert_eq!(daemon.send(change(604_800_000)).await.status, 200);
    // Whose token it is may all the same say that nothing of it is kept.
    let mut request = change(0);
    request.headers_mut().insert("authorization", keymaster.bearer.parse().unwrap());
    *request.body_mut() = json!({ "version": 2, "capture": false }).to_string().into();
    let ended = daemon.send(request).await;
    assert!(ended.status == 200 && ended.json()["inspect_until_ms"].is_null(), "{}", ended.text());
    daemon.stop().await;
}

fn four(exchange_id: i64, token_id: i64, bytes: usize) -> Vec<Stage> {
    let stage = |stage: u8| Stage {
        exchange_id,
        token_id,
        at_ms: exchange_id,
        stage,
        head: "POST /".to_owned(),
        body: noise(exchange_id * 4 + i64::from(stage), bytes),
        ..Stage::default()
    };
    (0..4).map(stage).collect()
}

/// What does not get smaller.
fn noise(seed: i64, bytes: usize) -> Vec<u8> {
    let mut state = seed.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[test]
fn the_ring_of_a_token_is_bounded_by_whole_requests_and_ages() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = store::open_writer(folder.path()).unwrap();
    let ids = |connection: &torod::store::Connection, token: i64| -> Vec<(i64, i64)> {
        let sql =
            "SELECT exchange_id, count(*) FROM stage WHERE token_id = ?1 GROUP BY exchange_id ORDER BY exchange_id";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([token], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    // By number: 250 requests of four stages are 1,000.
    let all: Vec<_> = (1..=300).map(|id| four(id, 1, 10)).collect();
    stages::insert(&mut connection, &[four(0, 2, 10)]).unwrap();
    for some in all.chunks(7) {
        stages::insert(&mut connection, some).unwrap();
    }
    assert_eq!(ids(&connection, 1), (51..=300).map(|id| (id, 4)).collect::<Vec<_>>());
    assert_eq!(ids(&connection, 2), [(0, 4)], "another token's are not in the way");
    // By bytes: 64 MiB, and the latest whatever it has.
    let large = |id: i64| [four(id, 3, 6 << 20)];
    for id in 400..=403 {
        stages::insert(&mut connection, &large(id)).unwrap();
    }
    assert_eq!(ids(&connection, 3), [(402, 4), (403, 4)]);
    stages::insert(&mut connection, &[four(404, 3, 17 << 20)]).unwrap();
    assert_eq!(ids(&connection, 3), [(404, 4)]);
    // By age, in small steps, and nothing of it is left.
    let bounds = Bounds { before_ms: 0, exchanges: 1_000, bytes: 1 << 40, stages_before_ms: 404 };
    let mut steps = 0;
    while remove::step(&mut connection, &bounds).unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 6, "a thousand and four, two hundred at a time");
    assert_eq!((ids(&connection, 1), ids(&connection, 2), ids(&connection, 3)), (vec![], vec![], vec![(404, 4)]));
}
