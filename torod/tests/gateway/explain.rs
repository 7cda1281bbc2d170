//! Why a request goes where it goes: what is told is what happens, nobody is called for it, and health tells the truth
//! whatever the age of what it knows.

use serde_json::Value;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, PROVIDER_KEY, TestDaemon, chat_body, port_zero};

const DAY_MS: i64 = 86_400_000;
const START_MS: i64 = 1_800_000_000_000;

/// Providers `dead` (nobody listens), `one` with two keys, and `claude`, which speaks another protocol.
async fn world(clock: &Clock, more: &str) -> TestDaemon {
    let listing = |models: &[&str]| models.iter().map(|m| (*m).to_owned()).collect();
    let settings = Settings { models: listing(&["ok", "s500"]), ..Settings::default() };
    let simulator = Simulator::start(port_zero(), settings).await.unwrap();
    let url = simulator.url();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n{more}\n\
         [[providers]]\nname = \"dead\"\nbase_url = \"http://127.0.0.1:1\"\n\
         [[providers]]\nname = \"one\"\nbase_url = \"{url}\"\n\
         api_keys = [{{ name = \"main\", value = \"{PROVIDER_KEY}\" }}, {{ name = \"spare\", value = \"{PROVIDER_KEY}-2\" }}]\n\
         models = [{{ id = \"declared\", price = {{ input = 1.25, output = 10.0 }} }}]\n\
         [[providers]]\nname = \"claude\"\nprotocols = {{ anthropic = \"{url}/anthropic\" }}\npriority = 5\n\
         [[model_aliases]]\nname = \"chat\"\n\
         targets = [{{ provider = \"dead\", model = \"x\" }}, {{ provider = \"one\", model = \"ok\" }}, {{ provider = \"claude\", model = \"ok\" }}]\n\
         [[model_aliases]]\nname = \"turns\"\norder = [\"round_robin\"]\n\
         targets = [{{ provider = \"one\", model = \"ok\" }}, {{ provider = \"claude\", model = \"ok\" }}]\n\
         [[model_aliases]]\nname = \"limited\"\ntargets = [{{ provider = \"claude\", model = \"s429ra120\" }}]\n\
         [[model_aliases]]\nname = \"broken\"\ntargets = [{{ provider = \"one\", model = \"s500\" }}]\n\
         [[model_aliases]]\nname = \"refused\"\ntargets = [{{ provider = \"one\", model = \"s401\" }}]\n\
         [[model_aliases]]\nname = \"nowhere\"\ntargets = [{{ provider = \"dead\", model = \"x\" }}]\n"
    );
    TestDaemon::configured(simulator, &text, clock.clone()).await
}

const NO_PROBE: &str = "[routing]\nprobe = false\nattempts = 1";

async fn explained(daemon: &TestDaemon, query: &str) -> Value {
    let answer = daemon.get(&format!("/admin/api/routes/explain?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains(PROVIDER_KEY));
    answer.json()
}

fn chosen(told: &Value) -> String {
    let one = &told["candidates"][usize::try_from(told["chosen"].as_u64().unwrap()).unwrap()];
    format!("{}/{}", one["provider"].as_str().unwrap(), one["model"].as_str().unwrap())
}

fn served(answer: &Answer) -> String {
    format!("{}/{}", answer.header("x-tokenrouter-provider"), answer.header("x-tokenrouter-model"))
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_is_told_is_what_happens_and_nobody_is_called() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    let told = explained(&daemon, "model=chat").await;
    assert_eq!((chosen(&told), told["why"]["by"].as_str()), ("dead/x".to_owned(), Some("priority")));
    assert_eq!((told["how"].as_str(), told["alias"]["targets"][1]["provider"].as_str()), (Some("alias"), Some("one")));
    assert_eq!(told["candidates"].as_array().unwrap().len(), 4, "{told}");
    assert!(daemon.simulator.calls().is_empty(), "asking called somebody");

    // The first is dead, so the next serves it; from then on that is told beforehand, with the reason.
    let answer = daemon.chat("chat", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-tokenrouter-attempts")), (200, "2"));
    let told = explained(&daemon, "model=chat").await;
    let dead = &told["candidates"][0];
    assert_eq!(
        (dead["state"].as_str(), dead["tier"].as_u64(), dead["fits"].as_bool()),
        (Some("unreachable"), Some(1), Some(true))
    );
    assert_eq!(dead["open_until_ms"].as_i64(), Some(START_MS + 120_000));
    assert_eq!(dead["why_not"], "unreachable, left alone for 120 s");
    assert_eq!(chosen(&told), "one/ok");
    let sentence = told["why"]["sentence"].as_str().unwrap();
    assert!(sentence.ends_with("the one before it cannot serve it now"), "{sentence}");
    assert_eq!(served(&daemon.chat("chat", "").await), "one/ok");

    // What was decided is found by the request's id.
    let decided = daemon.get(&format!("/admin/api/routes/{}", answer.header("x-request-id"))).await.json();
    let attempts = decided["attempts"].as_array().unwrap();
    let of = |at: usize, key: &str| attempts[at][key].as_str().unwrap_or("-").to_owned();
    assert_eq!(
        (of(0, "provider"), of(0, "fault"), of(0, "by")),
        ("dead".into(), "unreachable".into(), "priority".into())
    );
    assert_eq!((of(1, "provider"), of(1, "fault"), of(1, "by")), ("one".into(), "-".into(), "fallback".into()));
    assert_eq!((decided["model"].as_str(), decided["candidates"].as_u64()), (Some("chat"), Some(4)));

    // Turns are told as they will be taken, and not used up by asking.
    let mut seen = Vec::new();
    for _ in 0..9 {
        let foretold = chosen(&explained(&daemon, "model=turns").await);
        assert_eq!(chosen(&explained(&daemon, "model=turns").await), foretold);
        let answer = daemon.chat("turns", "").await;
        assert_eq!(served(&answer), foretold);
        seen.push(foretold);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["claude/ok", "one/ok"]);
    // A translated way is told as such.
    let told = explained(&daemon, "model=claude/ok").await;
    let only = &told["candidates"][0];
    assert_eq!((only["protocol"].as_str(), only["is_native"].as_bool()), (Some("anthropic"), Some(false)));
    assert_eq!((told["how"].as_str(), told["why"]["by"].as_str()), (Some("prefix"), Some("only")));
    let told = explained(&daemon, "model=claude/ok&surface=messages").await;
    assert_eq!(
        (told["candidates"][0]["is_native"].as_bool(), told["protocol"].as_str()),
        (Some(true), Some("anthropic"))
    );
    let told = explained(&daemon, "model=one/declared").await;
    assert_eq!(told["candidates"][0]["price_nanos"].as_u64(), Some(11_250_000_000));
    daemon.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_as_the_client_gets_it() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    for model in ["limited", "broken", "broken", "broken", "refused", "refused", "nowhere"] {
        assert_ne!(daemon.chat(model, "").await.status, 200);
    }
    for (model, state) in [
        ("limited", "rate_limited"),
        ("broken", "credential_refused"),
        ("refused", "credential_refused"),
        ("nowhere", "unreachable"),
        ("nothing-like-it", ""),
    ] {
        let told = explained(&daemon, &format!("model={model}")).await;
        assert_eq!((&told["chosen"], &told["would_wait_ms"]), (&Value::Null, &Value::Null), "{model}: {told}");
        let answer = daemon.chat(model, "").await;
        let refusal = &told["would_refuse"];
        let foretold = (refusal["status"].as_u64().unwrap(), refusal["code"].as_str().unwrap().to_owned());
        let (status, code) = code(&answer);
        assert_eq!((u64::from(status), code), foretold, "{model}");
        let said = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(said.starts_with(refusal["message"].as_str().unwrap()), "{model}: {said}");
        assert_eq!(
            refusal["retry_after_s"].as_u64().map_or(String::new(), |s| s.to_string()),
            answer.header("retry-after")
        );
        if !state.is_empty() {
            assert_eq!(told["candidates"][0]["state"], state, "{model}");
        }
    }
    // Embeddings are not translated.
    let told = explained(&daemon, "model=claude/ok&surface=embeddings").await;
    assert_eq!(told["would_refuse"]["code"], "protocol_not_supported");
    assert_eq!(told["candidates"][0]["why_not"], "has no URL for embeddings");
    // Soon enough, a limit is waited for.
    clock.advance(110_000);
    let told = explained(&daemon, "model=limited").await;
    assert_eq!((told["would_wait_ms"].as_u64(), &told["would_refuse"]), (Some(10_000), &Value::Null));
    daemon.stop().await;
}

#[tokio::test]
async fn a_conversation_is_told_with_its_home_and_stays_whose_it_is() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    let body = r#"{"model":"turns","max_tokens":9,"system":"s","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#;
    let ask = |query: &'static str, text: &'static str| daemon.post(query, text);
    let told = ask("/admin/api/routes/explain", body).await.json();
    assert_eq!(
        (told["surface"].as_str(), &told["conversation"]),
        (Some("messages"), &Value::Null),
        "turns ask for none"
    );
    let told = ask("/admin/api/routes/explain?model=one/ok", body).await.json();
    assert_eq!(told["conversation"]["sign"], "beginning");
    assert_eq!(
        (&told["conversation"]["home"], told["conversation"]["is_opening"].as_bool()),
        (&Value::Null, Some(false))
    );

    let mut request = daemon.request("/v1/chat/completions", chat_body("one/ok", ""));
    request.headers_mut().insert("session-id", "s-1".parse().unwrap());
    assert_eq!(daemon.send(request).await.status, 200);
    let told = explained(&daemon, "model=one/ok&session=s-1").await;
    assert_eq!(
        (told["chosen"].as_u64(), told["why"]["by"].as_str()),
        (told["conversation"]["home"].as_u64(), Some("affinity"))
    );
    let mine = daemon.get("/admin/api/tokens").await.json()["tokens"][0]["id"].as_str().unwrap().to_owned();
    let told = explained(&daemon, &format!("model=one/ok&session=s-1&token={mine}")).await;
    assert!(told["conversation"]["home"].is_u64());
    // To another token the same session is another one.
    daemon.post("/admin/api/tokens", r#"{"role":"inferrer","name":"other"}"#).await;
    let told = explained(&daemon, "model=one/ok&session=s-1&token=other").await;
    assert_eq!(told["conversation"]["home"], Value::Null);
    daemon.stop().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_told_somewhere_does_not_fit_there() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    let body = |model: &str, more: &str| {
        format!(r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"a"}}]{more}}}"#)
    };
    let told = async |text: String| daemon.post("/admin/api/routes/explain", text).await.json();
    let claude = |told: &Value| told["candidates"].as_array().unwrap().last().unwrap().clone();
    // Two answers to one question are known to OpenAI's protocol alone.
    let text = body("turns", r#","n":2"#);
    let two = told(text).await;
    assert_eq!((claude(&two)["fits"].as_bool(), chosen(&two)), (Some(false), "one/ok".into()), "{two}");
    assert!(claude(&two)["why_not"].as_str().unwrap().contains('n'));
    let text = body("claude/ok", r#","n":2"#);
    let refused = told(text.clone()).await["would_refuse"].clone();
    let answer = daemon.post("/v1/chat/completions", text).await;
    let (status, code) = code(&answer);
    assert_eq!((refused["status"].as_u64(), refused["code"].as_str()), (Some(u64::from(status)), Some(code.as_str())));
    assert!(
        status == 400
            && answer.json()["error"]["message"].as_str().unwrap().starts_with(refused["message"].as_str().unwrap())
    );
    // What is lost on the way is named as the answer's header will name it; a token that wants no loss is not served.
    let text = body("claude/ok", r#","seed":7"#);
    let lost = told(text.clone()).await;
    let answer = daemon.post("/v1/chat/completions", text.clone()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(claude(&lost)["degraded"].as_str(), Some(answer.header("x-tokenrouter-degraded")), "{lost}");
    daemon.post("/admin/api/tokens", r#"{"role":"inferrer","name":"strict","lossy":"reject"}"#).await;
    let strict = daemon.post("/admin/api/routes/explain?token=strict", text).await.json();
    assert_eq!(strict["would_refuse"]["code"], "lossy_conversion", "{strict}");
    daemon.stop().await;
}

#[tokio::test]
async fn only_an_admin_asks_and_nonsense_is_told() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    let key = daemon.other_key().await;
    for path in ["/admin/api/routes/explain?model=chat", "/admin/api/routes/req_1"] {
        let mut request = daemon.request(path, "");
        *request.method_mut() = http::Method::GET;
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        assert_eq!(code(&daemon.send(request.clone()).await), (403, "role_forbidden".into()));
        request.headers_mut().remove("authorization");
        assert_eq!(daemon.send(request).await.status, 401);
    }
    for _ in 0..2 {
        daemon.post("/admin/api/tokens", r#"{"role":"inferrer","name":"twin"}"#).await;
    }
    for (query, status, word) in [
        ("explain?model=chat&token=twin", 404, "more than one"),
        ("explain", 400, "no model"),
        ("explain?model=chat&surface=talk", 400, "`talk` is no surface"),
        ("explain?model=chat&modle=x", 400, "modle"),
        ("explain?model=chat&token=nobody", 404, "no token"),
        ("req_unknown", 404, "last 1,000"),
    ] {
        let answer = daemon.get(&format!("/admin/api/routes/{query}")).await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && message.contains(word), "{query}: {} {message}", answer.status);
    }
    for body in ["", "[]", "{\"model\":", r#"{"model":7}"#] {
        assert_eq!(daemon.post("/admin/api/routes/explain", body).await.status, 400, "{body}");
    }
    assert_eq!(daemon.post("/admin/api/routes/explain?model=chat", "x".repeat(1 << 20)).await.status, 400);
    daemon.stop().await;
}

/// The endpoints of a provider in `/v1/status`, by model and credential.
async fn endpoints(daemon: &TestDaemon, provider: usize) -> Vec<(String, String, Value)> {
    let answer = daemon.get("/status").await;
    assert!(!answer.text().contains(PROVIDER_KEY));
    let status = answer.json();
    let all = status["providers"][provider]["endpoints"].as_array().unwrap().clone();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    all.into_iter().map(|one| (word(&one["model"]), word(&one["credential"]), one)).collect()
}

#[tokio::test]
async fn rows_14_and_15_all_routes_broken_and_still_told_after_days() {
    let clock = Clock::fixed(START_MS);
    let daemon = world(&clock, NO_PROBE).await;
    assert_eq!(daemon.get("/health").await.status, 200);
    let names = |all: &[(String, String, Value)]| -> Vec<String> {
        all.iter().map(|(model, key, _)| format!("{model} {key}")).collect()
    };
    let expected = [
        "declared main",
        "declared spare",
        "ok main",
        "ok spare",
        "s401 main",
        "s401 spare",
        "s500 main",
        "s500 spare",
    ];
    assert_eq!(names(&endpoints(&daemon, 1).await), expected);
    assert!(
        endpoints(&daemon, 1)
            .await
            .iter()
            .all(|(_, _, one)| one["state"] == "unused" && one["open_until_ms"].is_null())
    );

    // One provider cannot be reached, one refuses both keys, the third fails.
    assert_eq!(daemon.chat("one/zero", "").await.status, 200);
    daemon.chat("chat", "").await;
    for _ in 0..3 {
        daemon.chat("refused", "").await;
    }
    assert_eq!(daemon.get("/health").await.status, 200, "one is left");
    for _ in 0..3 {
        daemon.chat("claude/s503", "").await;
    }
    let degraded = daemon.get("/health").await;
    assert_eq!((degraded.status.as_u16(), degraded.json()["status"].as_str()), (503, Some("degraded")));
    assert_eq!(daemon.get("/status").await.json()["status"], "degraded");
    let told = endpoints(&daemon, 1).await;
    assert!(told.iter().all(|(_, _, one)| one["state"] == "credential_refused"), "{told:?}");
    assert_eq!(told[0].2["open_until_ms"].as_i64(), Some(START_MS + 300_000));
    assert!(names(&told).contains(&"* main".to_owned()) || names(&told).contains(&"* spare".to_owned()), "{told:?}");
    let (_, _, claude) = endpoints(&daemon, 2).await.into_iter().find(|(model, ..)| model == "*").unwrap();
    let figures = ["failures", "calls", "failed", "in_flight"].map(|key| claude[key].as_u64().unwrap());
    assert_eq!((claude["state"].as_str(), figures), (Some("failing"), [3, 3, 3, 0]));

    // Time alone changes what may be tried, and nothing of what is known or listed.
    let listed = names(&told);
    for (later_ms, state) in [(6 * 60_000, "half_open"), (30 * DAY_MS, "half_open")] {
        clock.advance(later_ms);
        let told = endpoints(&daemon, 1).await;
        assert_eq!(names(&told), listed);
        assert!(told.iter().all(|(_, _, one)| one["state"] == state && one["failures"] == 1), "{told:?}");
        let status = daemon.get("/status").await.json();
        assert_eq!(status["providers"].as_array().unwrap().len(), 3);
        // Keys may be tried again, so something may be served.
        assert_eq!(daemon.get("/health").await.status, 200);
    }
    // What a call finds out holds, however late.
    assert_eq!(daemon.chat("one/ok", "").await.status, 200);
    let served = endpoints(&daemon, 1).await.into_iter().filter(|(_, _, one)| one["state"] == "up").count();
    assert!(served >= 1);
    daemon.stop().await;
}

#[tokio::test]
async fn health_stays_degraded_for_days_while_everybody_fails() {
    let clock = Clock::fixed(START_MS);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = crate::support::configuration(&simulator.url(), "", "");
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    assert_eq!(daemon.get("/health").await.status, 200);
    for later_ms in [6 * 60_000, 30 * DAY_MS] {
        assert_eq!(daemon.chat("sim/s500", "").await.status, 500);
        assert_eq!(daemon.get("/health").await.status, 503);
        clock.advance(later_ms);
        assert_eq!(daemon.get("/health").await.status, 503, "nobody has heard better news");
        assert!(!endpoints(&daemon, 0).await.is_empty());
        assert_eq!(daemon.chat("sim/ok", "").await.status, 200);
        assert_eq!(daemon.get("/health").await.status, 200);
        clock.advance(later_ms);
        assert_eq!(daemon.get("/health").await.status, 200, "nobody asked for a while, which is no illness");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_provider_of_many_models_is_shown_in_part() {
    let models: String =
        (0..210).fold(String::new(), |all, n| all + &format!("[[providers.models]]\nid = \"m-{n:03}\"\n"));
    let daemon = TestDaemon::with("", &models).await;
    let provider = &daemon.get("/status").await.json()["providers"][0];
    assert_eq!(
        (provider["endpoints"].as_array().unwrap().len(), provider["endpoints_left_out"].as_u64()),
        (200, Some(10))
    );
    daemon.stop().await;
}
