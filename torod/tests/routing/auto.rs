//! Virtual models: `auto`, `auto-coding` and `auto-longtext` choose for each conversation, and what is chosen holds.

use serde_json::{Value, json};
use torod::clock::Clock;

use crate::act::{Act, Speech};
use crate::rig::{HEAD, Rig, provider, question};
use crate::support::Answer;
use crate::upstream::{Ask, Upstream};

/// What a provider's table says of a model; of well-known ids the catalogue knows the rest.
pub fn model(id: &str, input: f64, output: f64, more: &str) -> String {
    format!("[[providers.models]]\nid = \"{id}\"\nprice = {{ input = {input:?}, output = {output:?} }}\n{more}\n")
}

pub const TALKS: &str = "context = 128000\ntools = true\nvision = false\nreasoning = false";

/// A small one that knows nothing of pictures, a usual one, and the best, whose efforts the catalogue knows.
pub fn shelf() -> String {
    [
        model("tiny", 0.1, 0.4, TALKS),
        model("usual", 1.0, 6.0, "context = 200000\ntools = true\nvision = true\nreasoning = true"),
        model("gpt-5.2", 12.0, 60.0, "context = 400000\ntools = true\nvision = true\nreasoning = true"),
    ]
    .concat()
}

pub async fn rig(auto: &str) -> Rig {
    over(&shelf(), auto).await
}

pub async fn over(shelf: &str, auto: &str) -> Rig {
    let up = vec![Upstream::start("p0", &[])];
    let text = format!("{HEAD}{}[auto]\n{auto}\n", provider("p0", &up[0].url(), shelf));
    Rig::of(up, &text, Clock::fixed(1_800_000_000_000)).await
}

/// Whether somebody is asked to choose.
pub fn is_question(ask: &Ask) -> bool {
    memchr::memmem::find(&ask.body, b"You choose which model serves").is_some()
}

/// What a model says that is asked to choose.
pub fn says(content: &str) -> Act {
    let message = json!({"role": "assistant", "content": content});
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 70, "completion_tokens": 7, "total_tokens": 77}});
    Act::Says(200, body.to_string())
}

pub fn decides(target: &str, effort: &str) -> Act {
    says(
        &json!({"target_model": target, "task_type": "hard_coding", "difficulty": "hard", "reasoning_effort": effort,
        "confidence": 0.9, "reason": "SECRET-REASON"})
        .to_string(),
    )
}

/// The models that were called, in order, with `?` for questions.
pub fn called(rig: &Rig) -> Vec<String> {
    let asks = rig.up.iter().flat_map(crate::upstream::Upstream::asks);
    let mut asks: Vec<Ask> = asks.collect();
    asks.sort_by_key(|ask| ask.at);
    asks.iter().map(|ask| format!("{}{}", if is_question(ask) { "?" } else { "" }, ask.model)).collect()
}

/// The document of the last question.
pub fn document(rig: &Rig) -> (usize, Value) {
    let ask = rig.up[0].asks().into_iter().rfind(is_question).unwrap();
    let body: Value = serde_json::from_slice(&ask.body).unwrap();
    let text = body["messages"][1]["content"].as_str().unwrap();
    (ask.body.len(), serde_json::from_str(text).unwrap())
}

/// A column of usage rows whose values are names.
fn named(column: &str) -> String {
    format!("(SELECT text FROM name WHERE id = {column})")
}

pub async fn post(rig: &Rig, body: &Value) -> Answer {
    rig.daemon.post("/v1/chat/completions", body.to_string()).await
}

pub fn said(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

const HARD: &str = "Prove the theorem step by step, analyse the complexity of the algorithm and its security in depth.";

#[tokio::test]
async fn row_13_virtual_models_are_listed_first_in_every_form() {
    let rig = rig("").await;
    for (path, list, name) in [
        ("/v1/models", "data", "id"),
        ("/anthropic/v1/models", "data", "id"),
        ("/v1beta/models", "models", "name"),
        ("/cohere/v1/models", "models", "name"),
    ] {
        let told = rig.daemon.get(path).await.json();
        let ids: Vec<&str> = told[list].as_array().unwrap().iter().map(|m| m[name].as_str().unwrap()).collect();
        let bare: Vec<&str> = ids.iter().map(|id| id.trim_start_matches("models/")).collect();
        let names =
            ["auto", "auto-coding", "auto-longtext", "claude-auto", "claude-auto-coding", "claude-auto-longtext"];
        assert_eq!(bare[..6], names, "{path}");
        assert_eq!(bare.len(), 9, "{path}: {bare:?}");
    }
    let one = rig.daemon.get("/v1/models/auto").await.json();
    assert_eq!((one["id"].as_str(), one["context_window"].as_u64()), (Some("auto"), Some(400_000)), "{one}");
    let codex = rig.daemon.get("/v1/models?client_version=0.99.0").await.json();
    assert_eq!(codex["models"][0]["slug"], "auto", "{codex}");
    rig.stop().await;
}

#[tokio::test]
async fn row_13_where_nobody_could_serve_them_they_are_not_listed() {
    for (shelf, auto) in [("", ""), (shelf().as_str(), "router = \"off\"")] {
        let rig = over(shelf, auto).await;
        let told = rig.daemon.get("/v1/models").await.text();
        assert!(!told.contains("auto"), "{told}");
        let answer = rig.chat("auto").await;
        let code = answer.json()["error"]["code"].clone();
        assert!(answer.status.as_u16() >= 404 && rig.up[0].calls() <= 1, "{code} {:?}", called(&rig));
        rig.stop().await;
    }
}

#[tokio::test]
async fn row_51_easy_goes_to_the_cheapest_and_hard_to_the_strongest() {
    let rig = rig("").await;
    for (text, model, route) in
        [("hi", "tiny", "auto; rules, simple; only"), (HARD, "gpt-5.2", "auto; rules, hard; only")]
    {
        let answer = post(&rig, &said("auto", text)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tokenrouter-model"), model);
        assert_eq!(answer.header("x-tokenrouter-model-asked"), "auto");
        assert_eq!(answer.header("x-tokenrouter-route"), route);
        assert_eq!(answer.header("x-tokenrouter-attempts"), "1");
        assert_eq!(called(&rig), [model]);
        let asks = rig.up[0].asks();
        assert_eq!(asks[0].body, said(model, text).to_string(), "only the model is another");
        rig.seen();
    }
    let rows = rig.daemon.rows(&[named("surface"), named("model"), named("model_asked")].join(", ")).await;
    assert_eq!(rows, [["chat", "tiny", "auto"], ["chat", "gpt-5.2", "auto"]]);
    rig.stop().await;
}

#[tokio::test]
async fn row_51_a_model_is_asked_first_and_charged_to_the_caller() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    let answer = post(&rig, &said("auto", "hi")).await;
    assert_eq!(called(&rig), ["?tiny", "usual"], "{}", answer.text());
    assert_eq!(answer.header("x-tokenrouter-route"), "auto; model, hard; only");
    assert_eq!(answer.header("x-tokenrouter-attempts"), "1");
    let all = format!("{:?}{}", answer.headers, answer.text());
    assert!(!all.contains("SECRET-REASON"), "{all}");
    let id = answer.header("x-request-id").to_owned();
    let shown = rig.daemon.get(&format!("/admin/api/routes/{id}")).await.json();
    assert_eq!(shown["auto"]["target"], "p0/usual", "{shown}");
    assert_eq!((shown["auto"]["by"].as_str(), shown["how"].as_str()), (Some("model"), Some("auto")));
    assert_eq!(shown["auto"]["reason"], "SECRET-REASON");
    let names = ["surface", "model", "model_asked"].map(named).join(", ");
    let rows = rig.daemon.rows(&format!("{names}, input_uncached, output, token_id, exchange_id")).await;
    assert_eq!(rows[0][..5], ["auto", "tiny", "p0/tiny", "70", "7"], "{rows:?}");
    assert_eq!(rows[1][..3], ["chat", "usual", "auto"]);
    assert_eq!(rows[0][5..], rows[1][5..], "the same caller, the same request");
    rig.stop().await;
}

#[tokio::test]
async fn row_52_effort_goes_with_hard_work_on_code() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/gpt-5.2", "xhigh") } else { Act::Ok });
    let answer = post(&rig, &said("auto-coding", "write a parser")).await;
    assert_eq!(answer.header("x-tokenrouter-model"), "gpt-5.2");
    let sent: Value = serde_json::from_slice(&rig.up[0].asks()[1].body).unwrap();
    assert_eq!(sent["reasoning_effort"], "xhigh", "{sent}");
    rig.stop().await;
    let rules = self::rig("").await;
    let answer = post(&rules, &said("claude-auto-coding", HARD)).await;
    assert_eq!(answer.header("x-tokenrouter-model"), "gpt-5.2");
    let sent: Value = serde_json::from_slice(&rules.up[0].asks()[0].body).unwrap();
    assert_eq!(sent["reasoning_effort"], "xhigh", "{sent}");
    rules.stop().await;
}

#[tokio::test]
async fn row_53_a_long_text_goes_where_it_fits() {
    let shelf = [
        model("small", 0.01, 0.01, "context = 32000"),
        model("roomy", 0.5, 1.0, "context = 1000000"),
        model("dear", 5.0, 40.0, "context = 1000000\nreasoning = true"),
    ]
    .concat();
    let rig = over(&shelf, "").await;
    let text = "word ".repeat(40_000);
    for (name, expected) in [("auto-longtext", "roomy"), ("auto", "dear"), ("claude-auto-longtext", "roomy")] {
        let answer = post(&rig, &said(name, &text)).await;
        assert_eq!(answer.header("x-tokenrouter-model"), expected, "{name}: {:?}", answer.headers);
    }
    let answer = post(&rig, &said("auto-longtext", &"word ".repeat(2_000_000))).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    let error = answer.json();
    assert_eq!(error["error"]["code"], "no_available_model", "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("has room for 1000000 tokens"), "{error}");
    rig.stop().await;
}

#[tokio::test]
async fn rows_54_and_61_what_a_router_says_is_never_believed_nor_shown() {
    for (say, what) in [
        (decides("p0/nobody", "high"), "no candidate"),
        (decides("nobody/m", "high"), "no provider"),
        (says("I am happy to answer this myself: SECRET-REASON"), "prose"),
        (says(""), "nothing"),
        (says("{}"), "too little"),
        (Act::Says(200, "SECRET-REASON".into()), "no JSON"),
        (Act::Html(200), "a page"),
        (Act::status(500), "a failure"),
        (Act::status(400), "a refusal"),
    ] {
        let rig = rig("router = \"model\"").await;
        rig.up[0].does(move |ask| if is_question(ask) { say.clone() } else { Act::Ok });
        for stream in [false, true] {
            let (_, mut body) = question(Speech::OpenAi, "auto", stream, "hi");
            body["user"] = json!(format!("u{stream}"));
            let answer = rig.send(Speech::OpenAi, "/v1/chat/completions", body.to_string(), &[]).await;
            assert!(answer.is_good(), "{what}: {answer:?}");
            assert_eq!(answer.header("x-tokenrouter-route"), "auto; rules, simple; only", "{what}");
            assert!(!format!("{answer:?}").contains("SECRET-REASON"), "{what}");
        }
        assert!(called(&rig).iter().all(|call| call == "?tiny" || call == "tiny"), "{what}: {:?}", called(&rig));
        rig.stop().await;
    }
}

#[tokio::test]
async fn row_55_the_cheapest_of_known_price_chooses() {
    let shelf = [
        model("two", 1.0, 1.0, TALKS),
        model("half", 0.25, 0.25, TALKS),
        "[[providers.models]]\nid = \"unknown\"\ncontext = 128000\ntools = true\n".to_owned(),
    ];
    let rig = over(&shelf.concat(), "router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/unknown", "none") } else { Act::Ok });
    let answer = post(&rig, &said("auto", "hi")).await;
    assert_eq!(called(&rig), ["?half", "unknown"], "{}", answer.text());
    rig.stop().await;
}

#[tokio::test]
async fn row_56_the_operator_names_who_chooses() {
    let rig = rig("router = \"model\"\nrouter_model = \"p0/usual\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/tiny", "none") } else { Act::Ok });
    post(&rig, &said("auto", "hi")).await;
    assert_eq!(called(&rig), ["?usual", "tiny"]);
    rig.stop().await;
    // Who has left is told of when the file is read, and then the rules choose.
    let text = "[[providers]]\nname = \"p0\"\nbase_url = \"http://h\"\n[auto]\nrouter = \"model\"\nrouter_model = \"gone/m\"\n";
    let found = torod::config::examine(text, "t").findings;
    assert!(
        found.iter().any(|f| f.to_string().contains("the provider `gone` of `router_model` is not in this file")),
        "{found:?}"
    );
    let rig = self::rig("router = \"model\"\nrouter_model = \"gone/m\"").await;
    let answer = post(&rig, &said("auto", "hi")).await;
    assert_eq!(answer.header("x-tokenrouter-route"), "auto; rules, simple; only", "{}", answer.text());
    assert_eq!(called(&rig), ["tiny"]);
    rig.stop().await;
}

fn picture(bytes: usize) -> String {
    format!("data:image/png;base64,{}", "iVBORw0KGgoAAAAN".repeat(bytes / 16))
}

fn seeing(url: &str) -> Value {
    json!({"model": "auto", "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": url}}]}]})
}

#[tokio::test]
async fn row_57_who_is_chosen_can_do_what_the_request_needs() {
    let rig = rig("router = \"model\"").await;
    // Who cannot see is not offered, and not taken either.
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/tiny", "none") } else { Act::Ok });
    let answer = post(&rig, &seeing("https://h/a.png")).await;
    assert_eq!(called(&rig), ["?tiny", "usual"], "{}", answer.text());
    let (_, document) = document(&rig);
    assert_eq!(document["required_capabilities"], json!(["vision", "tool_calls"]));
    let offered: Vec<_> = document["candidate_models"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!(offered, ["p0/usual", "p0/gpt-5.2"]);
    rig.stop().await;
}

#[tokio::test]
async fn row_59_a_picture_is_not_shown_to_who_only_chooses() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    let body = seeing(&picture(1 << 20));
    assert_eq!(post(&rig, &body).await.status, 200);
    let (length, _) = document(&rig);
    assert!(length < 20 << 10, "{length}");
    let asks = rig.up[0].asks();
    assert!(!String::from_utf8_lossy(&asks[0].body).contains("iVBORw0KGgo"));
    let mut expected = body;
    expected["model"] = json!("usual");
    assert_eq!(asks[1].body, expected.to_string(), "the answer is asked for with every byte");
    rig.stop().await;
}

#[tokio::test]
async fn row_60_the_clients_own_effort_wins() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/gpt-5.2", "xhigh") } else { Act::Ok });
    let mut body = said("auto", "hi");
    body["reasoning_effort"] = json!("low");
    post(&rig, &body).await;
    let sent: Value = serde_json::from_slice(&rig.up[0].asks()[1].body).unwrap();
    assert_eq!(sent["reasoning_effort"], "low");
    rig.seen();
    // Who takes none is told none.
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/tiny", "xhigh") } else { Act::Ok });
    post(&rig, &said("auto", "something else")).await;
    assert_eq!(rig.up[0].asks()[1].body, said("tiny", "something else").to_string());
    rig.seen();
    // In every protocol in its own words.
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/gpt-5.2", "high") } else { Act::Ok });
    for (speech, place) in [
        (Speech::Responses, "/reasoning/effort"),
        (Speech::OpenAi, "/reasoning_effort"),
        (Speech::Gemini, "/reasoning_effort"),
    ] {
        let answer = rig.ask(speech, "auto", false, "in my own words", &[]).await;
        assert!(answer.is_good(), "{answer:?}");
        let ask = rig.up[0].asks().into_iter().next_back().unwrap();
        let sent: Value = serde_json::from_slice(&ask.body).unwrap();
        assert_eq!(sent.pointer(place), Some(&json!("high")), "{speech:?} {sent}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_62_a_real_name_is_asked_at_once() {
    let rig = rig("router = \"model\"").await;
    for name in ["tiny", "p0/tiny"] {
        let answer = rig.chat(name).await;
        assert_eq!((answer.status.as_u16(), rig.up[0].calls()), (200, 1));
        assert!(!answer.header("x-tokenrouter-route").contains("auto"));
        rig.seen();
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_63_who_fails_is_excluded_and_another_chosen() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| {
        let failed = memchr::memmem::find(&ask.body, br#"excluded_models\":[\"p0/gpt-5.2\"]"#).is_some();
        match (is_question(ask), ask.model.as_str()) {
            (true, _) if failed => decides("p0/usual", "none"),
            (true, _) => decides("p0/gpt-5.2", "none"),
            (false, "gpt-5.2") => Act::status(503),
            _ => Act::Ok,
        }
    });
    let answer = rig.stream("auto").await;
    assert!(answer.is_good(), "{answer:?}");
    assert_eq!(called(&rig), ["?tiny", "gpt-5.2", "?tiny", "usual"]);
    assert_eq!(answer.header("x-tokenrouter-model"), "usual");
    assert_eq!(answer.header("x-tokenrouter-attempts"), "2");
    let rows = rig.daemon.rows(&named("model")).await;
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["tiny", "gpt-5.2", "tiny", "usual"]);
    rig.stop().await;
}

#[tokio::test]
async fn row_63_no_more_than_max_attempts_are_tried_and_a_clients_fault_is_told() {
    let rig = rig("max_attempts = 2").await;
    rig.up[0].always(Act::status(503));
    let answer = post(&rig, &said("auto", "hi")).await;
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
    let models: std::collections::BTreeSet<String> = called(&rig).into_iter().collect();
    assert_eq!(models.into_iter().collect::<Vec<_>>(), ["tiny", "usual"]);
    rig.stop().await;
    let rig = self::rig("max_attempts = 4").await;
    rig.up[0].always(Act::status(400));
    assert_eq!(post(&rig, &said("auto", "hi")).await.status, 400);
    assert_eq!(called(&rig), ["tiny"]);
    // Everybody fails: what went wrong is told, and nobody is asked without end.
    rig.seen();
    rig.up[0].always(Act::ResetBeforeHead);
    let answer = post(&rig, &said("auto", "hello")).await;
    assert!(answer.status.is_server_error(), "{}", answer.text());
    assert!(rig.up[0].calls() <= 8, "{:?}", called(&rig));
    rig.stop().await;
}
