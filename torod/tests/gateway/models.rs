//! `/v1/models` as each kind of client reads it: what is known of a model, pages, filters, and that it is still the same.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, PROVIDER_KEY, TestDaemon, port_zero};

/// One provider of a known kind, one of an unknown, and an alias of both; without virtual models.
pub async fn daemon() -> TestDaemon {
    with("[auto]\nrouter = \"off\"\n").await
}

/// The same with `more` at the end of the file.
pub async fn with(more: &str) -> TestDaemon {
    let models = ["claude-sonnet-4-5", "unknown-model"].map(str::to_owned).into();
    let simulator = Simulator::start(port_zero(), Settings { models, ..Settings::default() }).await.unwrap();
    let url = simulator.url();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
         [[providers]]\nname = \"an\"\nprovider_type = \"anthropic\"\nbase_url = \"{url}/anthropic\"\napi_key = \"{PROVIDER_KEY}\"\n\
         [[providers]]\nname = \"work\"\nbase_url = \"{url}/v1\"\napi_key = \"{PROVIDER_KEY}\"\n\
         [[providers.models]]\nid = \"mine\"\ncontext = 32768\nprice = {{ input = 0.5, output = 1.5 }}\n\
         [[model_aliases]]\nname = \"chat\"\ntargets = [{{ provider = \"an\", model = \"claude-sonnet-4-5\" }}, \
         {{ provider = \"work\", model = \"mine\" }}]\n{more}"
    );
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    std::fs::write(daemon.folder.path().join("torod.toml"), text).unwrap();
    daemon
}

const ANTHROPIC: (&str, &str) = ("anthropic-version", "2023-06-01");
const GOOGLE: (&str, &str) = ("x-goog-api-client", "genai");
const COHERE: (&str, &str) = ("x-fern-sdk-name", "cohere");

async fn get(daemon: &TestDaemon, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = daemon.request(path, "");
    *request.method_mut() = Method::GET;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    daemon.send(request).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let list = answer.json();
    let entries = list.get("data").or_else(|| list.get("models")).unwrap().as_array().unwrap().clone();
    let name = |entry: &Value| ["id", "slug", "name"].iter().find_map(|key| entry[*key].as_str()).unwrap().to_owned();
    entries.iter().map(name).collect()
}

#[tokio::test]
async fn row_12_clients_are_told_what_is_known_of_a_model() {
    let daemon = daemon().await;
    let cards = get(&daemon, "/v1/models", &[]).await;
    assert_eq!(
        ids(&cards),
        [
            "chat",
            "an/claude-sonnet-4-5",
            "an/unknown-model",
            "work/claude-sonnet-4-5",
            "work/mine",
            "work/unknown-model"
        ]
    );
    let of = |id: &str| cards.json()["data"].as_array().unwrap().iter().find(|card| card["id"] == id).unwrap().clone();
    let claude = of("an/claude-sonnet-4-5");
    // The provider's own list says 200,000; the rest is in the data set.
    assert_eq!((&claude["context_window"], &claude["max_output_tokens"]), (&json!(200_000), &json!(64_000)));
    assert_eq!(claude["pricing"]["prompt"], "0.000003");
    assert_eq!(claude["pricing"]["input_cache_read"], "0.0000003");
    assert_eq!(claude["architecture"]["input_modalities"], json!(["text", "image", "file"]));
    assert!(claude["supported_parameters"].as_array().unwrap().contains(&json!("tools")));
    // Of the same model elsewhere everything is known but what it costs.
    let elsewhere = of("work/claude-sonnet-4-5");
    assert_eq!((&elsewhere["context_window"], elsewhere.get("pricing")), (&json!(200_000), None));
    assert_eq!(of("work/mine")["pricing"], json!({"prompt": "0.0000005", "completion": "0.0000015"}));
    // What holds wherever it goes: the smaller window and the dearer price.
    let chat = of("chat");
    assert_eq!((&chat["context_window"], &chat["owned_by"]), (&json!(32_768), &json!("tokenrouter")));
    assert_eq!(chat["pricing"], json!({"prompt": "0.000003", "completion": "0.000015"}));
    assert_eq!(chat["targets"], json!(["an/claude-sonnet-4-5", "work/mine"]));
    // Nothing is made up.
    let unknown = of("work/unknown-model");
    for field in ["context_window", "max_output_tokens", "pricing", "architecture", "supported_parameters"] {
        assert_eq!(unknown.get(field), None, "{field}");
    }
    let one = |headers: [(&'static str, &'static str); 1]| {
        let daemon = &daemon;
        async move { get(daemon, "/v1/models/an%2Fclaude-sonnet-4-5", &headers).await.json() }
    };
    let anthropic = one([ANTHROPIC]).await;
    assert_eq!((&anthropic["max_input_tokens"], &anthropic["max_tokens"]), (&json!(200_000), &json!(64_000)));
    assert_eq!(anthropic["capabilities"]["image_input"]["supported"], true);
    let google = one([GOOGLE]).await;
    assert_eq!((&google["inputTokenLimit"], &google["outputTokenLimit"]), (&json!(200_000), &json!(64_000)));
    assert_eq!(google["thinking"], true);
    assert_eq!(one([COHERE]).await["features"], json!(["tools", "json_mode", "json_schema", "vision", "reasoning"]));
    // The same by a name that only some list.
    assert_eq!(get(&daemon, "/v1/models/mine", &[]).await.json()["context_window"], 32_768);
    daemon.stop().await;
}

#[tokio::test]
async fn row_12_a_list_that_is_the_same_is_not_sent_again() {
    let daemon = daemon().await;
    for (path, headers) in [
        ("/v1/models", &[][..]),
        ("/v1/models", &[ANTHROPIC]),
        ("/v1/models?limit=2", &[ANTHROPIC]),
        ("/v1beta/models", &[]),
        ("/v1/models", &[COHERE]),
        ("/v1/models?client_version=0.169.0", &[]),
        ("/v1/models?provider=work", &[]),
        ("/v1/models/chat", &[]),
        ("/v1/models/chat", &[GOOGLE]),
    ] {
        let first = get(&daemon, path, headers).await;
        let etag = first.header("etag").to_owned();
        assert!(first.status == 200 && etag.len() == 34 && etag.starts_with('"'), "{path}: {etag}");
        assert_eq!(first.header("cache-control"), "private, no-cache");
        for tags in [etag.clone(), format!("\"other\", W/{etag}"), "*".into()] {
            let again = get(&daemon, path, &[headers, &[("if-none-match", tags.as_str())]].concat()).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} {tags}");
            assert_eq!((again.header("etag"), again.header("content-type")), (etag.as_str(), ""));
            assert!(!again.header("x-request-id").is_empty());
        }
        let other = get(&daemon, path, &[headers, &[("if-none-match", "\"other\"")]].concat()).await;
        assert_eq!((other.status.as_u16(), other.body), (200, first.body));
    }
    // Every form has a name of its own.
    let openai = get(&daemon, "/v1/models", &[]).await.header("etag").to_owned();
    assert_eq!(get(&daemon, "/v1/models", &[ANTHROPIC, ("if-none-match", &openai)]).await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn pages_are_as_long_as_asked_and_follow_each_other() {
    let daemon = daemon().await;
    let all = ids(&get(&daemon, "/v1/models", &[]).await);
    for (headers, size, token, next) in [
        (ANTHROPIC, "limit", "after_id", "/last_id"),
        (GOOGLE, "pageSize", "pageToken", "/nextPageToken"),
        (COHERE, "page_size", "page_token", "/next_page_token"),
    ] {
        let (mut seen, mut query) = (Vec::new(), format!("/v1/models?{size}=4"));
        for expected in [4, 2] {
            let page = get(&daemon, &query, &[headers]).await;
            let names = ids(&page);
            assert_eq!(names.len(), expected, "{query}");
            seen.extend(names.iter().map(|name| name.trim_start_matches("models/").to_owned()));
            let page = page.json();
            if expected == 4 {
                let last = page.pointer(next).unwrap().as_str().unwrap();
                query = format!("/v1/models?{size}=4&{token}={}", last.replace('/', "%2F"));
                assert!(page["has_more"].as_bool().is_none_or(|more| more));
            } else {
                assert!(page["has_more"].as_bool().is_none_or(|more| !more));
                assert!(headers == ANTHROPIC || page.pointer(next).is_none(), "{page}");
            }
        }
        assert_eq!(seen, all);
        let lost = get(&daemon, &format!("/v1/models?{token}=gone"), &[headers]).await;
        assert_eq!(lost.status, 400, "{}", lost.text());
        assert!(lost.text().contains("first page"), "{}", lost.text());
        assert_eq!(get(&daemon, &format!("/v1/models?{size}=many"), &[headers]).await.status, 400);
    }
    let before = get(&daemon, "/v1/models?limit=2&before_id=work%2Fmine", &[ANTHROPIC]).await;
    assert_eq!(ids(&before), all[2..4]);
    assert_eq!(before.json()["has_more"], true);
    assert_eq!(get(&daemon, "/v1/models?limit=1001", &[ANTHROPIC]).await.status, 400);
    assert_eq!(ids(&get(&daemon, "/v1/models?pageSize=0", &[GOOGLE]).await).len(), all.len());
    daemon.stop().await;
}

#[tokio::test]
async fn models_are_chosen_by_what_is_asked_of_them() {
    let daemon = daemon().await;
    for (query, expected) in [
        ("provider=work&search=MINE", &["work/mine"][..]),
        ("can=vision,tools&provider=an", &["an/claude-sonnet-4-5"]),
        ("max_price=2", &["work/mine"]),
        ("free=true", &[]),
        ("sort=price&limit=2", &["work/mine", "chat"]),
        ("sort=context&limit=1&provider=an", &["an/claude-sonnet-4-5"]),
    ] {
        let answer = get(&daemon, &format!("/v1/models?{query}"), &[]).await;
        assert_eq!(ids(&answer), expected, "{query}");
    }
    for (query, word) in
        [("can=visio", "vision"), ("sort=prize", "price"), ("max_price=-1", "Leave"), ("limit=0", "Leave")]
    {
        let refused = get(&daemon, &format!("/v1/models?{query}"), &[]).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.text().contains(word), "{query}: {}", refused.text());
    }
    // Other clients know no such words; they get everything.
    assert_eq!(ids(&get(&daemon, "/v1/models?can=visio", &[ANTHROPIC]).await).len(), 6);
    daemon.stop().await;
}

#[tokio::test]
async fn codex_is_told_how_models_are_used() {
    let daemon = daemon().await;
    let answer = get(&daemon, "/v1/models?client_version=0.169.0", &[]).await;
    assert_eq!(ids(&answer), ids(&get(&daemon, "/v1/models", &[]).await));
    let told = answer.json();
    let claude =
        told["models"].as_array().unwrap().iter().find(|model| model["slug"] == "an/claude-sonnet-4-5").unwrap();
    assert_eq!((&claude["context_window"], &claude["auto_compact_token_limit"]), (&json!(200_000), &json!(180_000)));
    assert_eq!(claude["input_modalities"], json!(["text", "image"]));
    assert_eq!(claude["default_reasoning_level"], "medium");
    assert!(answer.header("etag").starts_with('"'));
    daemon.stop().await;
}
