//! What providers list: learnt in the background, from providers that do anything, and never in anybody's way.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::lister::{Lister, Said};
use crate::rig::{HEAD, alias, provider};
use crate::support::{TestDaemon, port_zero, until};
use crate::upstream::Upstream;

/// A clock that everything after [`later`] believes.
fn clock() -> Clock {
    Clock::fixed(1_800_000_000_000)
}

/// A daemon that nobody waits for: some of its providers never say what they list.
async fn daemon(text: &str, clock: Clock) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    TestDaemon::at_once(simulator, text, clock, tempfile::tempdir().unwrap()).await
}

fn one(name: &str, protocol: &str, url: &str, more: &str) -> String {
    format!("[[providers]]\nname = \"{name}\"\nprotocols = {{ {protocol} = \"{url}\" }}\n{more}\n")
}

/// How often it was looked at a provider's list.
fn looks(daemon: &TestDaemon, name: &str) -> u64 {
    let live = daemon.app.live.load();
    live.providers.iter().find(|p| *p.name == *name).map_or(0, |p| p.listed.looks.count())
}

async fn looked(daemon: &TestDaemon, name: &str, times: u64) {
    until(&format!("{name} was looked at {times} times"), || async { looks(daemon, name) >= times }).await;
}

/// The ids of a provider's models, without its name.
async fn models(daemon: &TestDaemon, name: &str) -> Vec<String> {
    let all = daemon.get("/v1/models").await.json();
    let ids = all["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
    ids.filter_map(|id| id.strip_prefix(&format!("{name}/")).map(str::to_owned)).collect()
}

async fn context(daemon: &TestDaemon, id: &str) -> Value {
    daemon.get(&format!("/v1/models/{id}")).await.json()["context_window"].clone()
}

/// A list of `count` models with a fill of `width` bytes in each.
fn long(count: usize, width: usize) -> String {
    let mut text = "{\"data\":[".to_owned();
    for n in 0..count {
        write!(text, "{{\"id\":\"m{n}\",\"x\":\"{}\"}},", "x".repeat(width)).unwrap();
    }
    text.pop();
    text + "]}"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_providers_do_with_the_question_the_others_serve() {
    let good = Upstream::start("p0", &["m"]);
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<html>no<";
    let cases: Vec<(&str, Said, Option<usize>)> = vec![
        ("hangs", Said::Hang, None),
        ("endless", Said::Endless(vec![b' '; 64 << 10]), None),
        ("endless-list", Said::Endless(b"{\"id\":\"a\"},".repeat(6_000)), None),
        ("dies", Said::cut(r#"{"data":[{"id":"a"},{"id":"#), None),
        ("resets", Said::Bytes(Vec::new()), None),
        ("no-http", Said::Bytes(b"SSH-2.0-x\r\n".to_vec()), None),
        ("html", Said::Bytes(html.as_bytes().to_vec()), None),
        ("no-json", Said::list("{\"data\":[{]}"), None),
        ("no-list", Said::list(r#"{"data":{"id":"a"}}"#), None),
        ("error", Said::list(r#"{"error":{"message":"no"}}"#), None),
        ("moved", Said::Json(302, vec![("location".into(), "http://127.0.0.1:9/".into())], "{}".into()), None),
        ("broken", Said::Json(500, Vec::new(), "{}".into()), None),
        ("refuses", Said::Json(401, Vec::new(), "{}".into()), None),
        ("unchanged", Said::Json(304, Vec::new(), String::new()), None),
        ("huge", Said::list(long(1_100, 16 << 10)), None),
        ("large", Said::list(long(10, 1 << 20)), Some(10)),
        ("many", Said::list(long(25_000, 1)), Some(20_000)),
        ("doubles", Said::list(r#"{"data":[{"id":"a"},{"id":"a"},{"id":"b"},{"id":7},{"id":"a"}]}"#), Some(2)),
        ("long-ids", Said::list(format!(r#"{{"data":[{{"id":"{}"}},{{"id":"a"}}]}}"#, "x".repeat(1 << 20))), Some(1)),
        ("empty", Said::list(r#"{"data":[]}"#), Some(0)),
    ];
    let mut text = format!("{HEAD}{}", provider("good", &good.url(), ""));
    let mut listers = Vec::new();
    for (name, said, _) in &cases {
        let lister = Lister::always(said.clone()).await;
        text += &one(name, "openai", &format!("{}/v1", lister.url()), "");
        listers.push(lister);
    }
    // One of them goes before the good one.
    text = format!("{text}{}", one("last", "openai", "http://127.0.0.1:9/v1", ""));
    let daemon = daemon(&text, clock()).await;
    assert_eq!(daemon.chat("good/m", "").await.status, 200, "a start waits for nobody");
    looked(&daemon, "good", 1).await;
    for (name, said, expected) in &cases {
        if matches!(said, Said::Hang) {
            assert_eq!(looks(&daemon, name), 0);
            continue;
        }
        looked(&daemon, name, 1).await;
        assert_eq!(daemon.chat("m", "").await.status, 200, "{name}");
        let live = daemon.app.live.load();
        let listed = live.providers.iter().find(|p| *p.name == **name).unwrap().listed.load().as_ref().map(|l| l.len());
        assert_eq!(listed, *expected, "{name}");
    }
    assert_eq!(models(&daemon, "doubles").await, ["a", "b"]);
    assert_eq!(models(&daemon, "good").await, ["m"]);
    daemon.stop().await;
}

#[tokio::test]
async fn row_66_a_model_that_is_new_is_served_without_a_restart() {
    let script = |models: &'static [&'static str]| {
        move |_: &crate::lister::Question| {
            let data: Vec<_> = models.iter().map(|id| json!({"id": id})).collect();
            Said::list(json!({ "data": data, "choices": [] }).to_string())
        }
    };
    let lister = Lister::start(script(&["old"])).await;
    let clock = clock();
    let text = format!("{HEAD}{}", one("p", "openai", &format!("{}/v1", lister.url()), ""));
    let daemon = daemon(&text, clock.clone()).await;
    looked(&daemon, "p", 1).await;
    lister.does(script(&["old", "new"]));
    // Looked a moment ago: many misses are no reason to ask again.
    for _ in 0..5 {
        assert_eq!(daemon.chat("new", "").await.status, 404);
    }
    assert_eq!(lister.asked("/v1/models"), 1);
    clock.advance(31_000);
    // Several at once are one question, and each of them is served.
    let (one, two) = tokio::join!(daemon.chat("new", ""), daemon.chat("new", ""));
    assert_eq!((one.status, two.status), (200.try_into().unwrap(), 200.try_into().unwrap()));
    assert_eq!(lister.asked("/v1/models"), 2);
    assert_eq!(models(&daemon, "p").await, ["new", "old"]);

    // The provider says itself that a model is gone: the next list has it no longer.
    lister.does(|question| match question.path.as_str() {
        "/v1/models" => Said::list(r#"{"data":[{"id":"new"}]}"#),
        _ => Said::Json(
            404,
            Vec::new(),
            r#"{"error":{"message":"The model `old` does not exist","code":"model_not_found"}}"#.into(),
        ),
    });
    clock.advance(31_000);
    assert_eq!(daemon.chat("old", "").await.status, 404);
    looked(&daemon, "p", 3).await;
    until("it is listed no longer", || async { models(&daemon, "p").await == ["new"] }).await;

    // Whoever misses a name while a look hangs waits for a moment only, and nobody waits twice.
    lister.does(|_| Said::Hang);
    clock.advance(31_000);
    let began = std::time::Instant::now();
    assert_eq!(daemon.chat("newer", "").await.status, 404);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    clock.advance(2_000);
    let asked = lister.asked("/v1/models");
    assert_eq!(daemon.chat("newer", "").await.status, 404);
    assert_eq!(lister.asked("/v1/models"), asked);
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_listed_is_known_after_a_restart_although_the_provider_is_down() {
    let up = Upstream::start("p0", &["m"]);
    let text = |key: &str| format!("{HEAD}{}", provider("p0", &up.url(), &format!("api_key = \"{key}\"")));
    let first = daemon(&text("sk-first-0123456789"), clock()).await;
    until("the list is kept", || async { first.folder.path().join("data/models").exists() }).await;
    until("it is whole", || async { !kept(&first).is_empty() }).await;
    let (simulator, folder) = first.stop_keeping().await;
    up.close().await;

    let second = TestDaemon::at_once(simulator, &text("sk-first-0123456789"), clock(), folder).await;
    assert_eq!(models(&second, "p0").await, ["m"], "known before anybody is asked");
    assert_eq!(second.chat("m", "").await.status, 502, "known and not reachable");
    let files = kept(&second);
    assert!(files.iter().all(|(_, text)| !text.contains("sk-first")), "{files:?}");
    let (simulator, folder) = second.stop_keeping().await;

    // Another account is not shown what the first may use.
    let third = TestDaemon::at_once(simulator, &text("sk-other-0123456789"), clock(), folder).await;
    assert_eq!(models(&third, "p0").await, Vec::<String>::new());
    for (path, _) in kept(&third) {
        std::fs::write(path, "{\"version\":1,\"models\":[{").unwrap();
    }
    let (simulator, folder) = third.stop_keeping().await;

    // What is damaged is asked for anew, and is whole afterwards.
    let fourth = TestDaemon::at_once(simulator, &text("sk-first-0123456789"), clock(), folder).await;
    assert_eq!(models(&fourth, "p0").await, Vec::<String>::new());
    up.reopen();
    until("it is asked for", || async { models(&fourth, "p0").await == ["m"] }).await;
    until("it is kept again", || async {
        kept(&fourth)
            .iter()
            .any(|(_, text)| serde_json::from_str::<Value>(text).is_ok_and(|v| v["models"][0]["id"] == "m"))
    })
    .await;
    fourth.stop().await;
}

fn kept(daemon: &TestDaemon) -> Vec<(std::path::PathBuf, String)> {
    let Ok(folder) = std::fs::read_dir(daemon.folder.path().join("data/models")) else { return Vec::new() };
    let files =
        folder.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    files.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[tokio::test]
async fn pages_are_read_to_the_last_and_never_without_end() {
    let pages = |question: &crate::lister::Question| match question.path.split_once("after_id=") {
        None => Said::list(r#"{"data":[{"id":"a"},{"id":"b"}],"has_more":true,"first_id":"a","last_id":"b"}"#),
        Some((_, "b")) => Said::list(r#"{"data":[{"id":"b"},{"id":"c"}],"has_more":false,"last_id":"c"}"#),
        Some(_) => Said::Json(400, Vec::new(), "{}".into()),
    };
    let two = Lister::start(pages).await;
    // Its pages have no end, and each names another.
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let without_end = Lister::start(move |_| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Said::list(format!(r#"{{"data":[{{"id":"m{n}"}}],"has_more":true,"last_id":"m{n}"}}"#))
    })
    .await;
    // It does not know how to make pages large.
    let strict = Lister::start(|question| {
        if question.path.contains('?') {
            Said::Json(400, Vec::new(), "{}".into())
        } else {
            Said::list(r#"{"data":[{"id":"s"}]}"#)
        }
    })
    .await;
    // It dies at the second page: what came is no list.
    let dying = Lister::start(|question| {
        let first = r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}"#;
        if question.path.contains("after_id=") { Said::cut("{\"data\":[") } else { Said::list(first) }
    })
    .await;
    let text = [("two", &two), ("endless", &without_end), ("strict", &strict), ("dying", &dying)]
        .iter()
        .fold(HEAD.to_owned(), |text, (name, lister)| text + &one(name, "anthropic", &lister.url(), ""));
    let daemon = daemon(&text, clock()).await;
    for name in ["two", "endless", "strict", "dying"] {
        looked(&daemon, name, 1).await;
    }
    assert_eq!(models(&daemon, "two").await, ["a", "b", "c"]);
    assert_eq!(models(&daemon, "strict").await, ["s"]);
    assert_eq!(models(&daemon, "dying").await, Vec::<String>::new());
    let paths: Vec<_> = two.questions().into_iter().map(|question| question.path).collect();
    assert_eq!(paths, ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=b"]);
    assert_eq!((models(&daemon, "endless").await.len(), without_end.questions().len()), (50, 50));
    daemon.stop().await;
}

#[tokio::test]
async fn a_list_that_has_not_changed_is_not_sent_again() {
    let lister = Lister::start(|question| {
        if question.head.to_lowercase().contains("if-none-match: \"v1\"") {
            return Said::Json(304, Vec::new(), String::new());
        }
        Said::Json(200, vec![("etag".into(), "\"v1\"".into())], r#"{"data":[{"id":"a"}]}"#.into())
    })
    .await;
    let clock = clock();
    let text = format!("{HEAD}{}", one("p", "openai", &format!("{}/v1", lister.url()), ""));
    let daemon = daemon(&text, clock.clone()).await;
    looked(&daemon, "p", 1).await;
    clock.advance(31_000);
    assert_eq!(daemon.chat("b", "").await.status, 404);
    looked(&daemon, "p", 2).await;
    assert_eq!(models(&daemon, "p").await, ["a"]);
    let heads: Vec<_> = lister.questions().into_iter().map(|question| question.head.to_lowercase()).collect();
    assert_eq!(heads.iter().map(|head| head.contains("if-none-match")).collect::<Vec<_>>(), [false, true]);
    daemon.stop().await;
}

#[tokio::test]
async fn row_12_how_much_fits_is_told_to_clients_and_the_file_has_the_last_word() {
    let lister = Lister::always(Said::list(
        r#"{"data":[{"id":"a","context_length":1000},{"id":"b","max_model_len":2000},{"id":"c"}]}"#,
    ))
    .await;
    let declared = "[[providers.models]]\nid = \"b\"\ncontext = 1500\n[[providers.models]]\nid = \"d\"\ncontext = 7\n";
    let aliases = alias("both", &["- p a", "- p b"]) + &alias("partly", &["- p a", "- p c"]);
    let provider = one("p", "openai", &format!("{}/v1", lister.url()), declared);
    let text = format!("{HEAD}{provider}{aliases}[auto]\nrouter = \"off\"\n");
    let daemon = daemon(&text, clock()).await;
    looked(&daemon, "p", 1).await;
    // An alias takes what fits at every target.
    assert_eq!((context(&daemon, "both").await, context(&daemon, "partly").await), (json!(1000), Value::Null));
    let told = [("a", json!(1000)), ("b", json!(1500)), ("c", Value::Null), ("d", json!(7))];
    for (id, expected) in told {
        assert_eq!(context(&daemon, &format!("p/{id}")).await, expected, "{id}");
    }
    let all = daemon.get("/v1/models").await.json();
    assert_eq!(all["data"][0]["context_window"], 1000, "{all}");
    daemon.stop().await;
}

#[tokio::test]
async fn ollama_tells_in_its_own_api_how_much_fits_and_is_asked_once_for_each_build() {
    let digest = Arc::new(std::sync::atomic::AtomicUsize::new(1));
    let build = Arc::clone(&digest);
    let lister = Lister::start(move |question| match question.path.as_str() {
        "/v1/models" => Said::list(r#"{"object":"list","data":[{"id":"qwen:14b"},{"id":"odd"}]}"#),
        "/api/tags" => {
            let build = build.load(std::sync::atomic::Ordering::Relaxed);
            Said::list(format!(r#"{{"models":[{{"name":"qwen:14b","digest":"d{build}"}},{{"name":"odd","digest":"o"}}]}}"#))
        }
        "/api/show" if question.body == r#"{"model":"qwen:14b"}"# => Said::list(
            r#"{"model_info":{"qwen2.context_length":32768},"parameters":"num_ctx 8192","capabilities":["completion","tools"]}"#,
        ),
        "/api/show" => Said::Endless(vec![b' '; 64 << 10]),
        _ => Said::Json(404, Vec::new(), "{}".into()),
    })
    .await;
    let clock = clock();
    let text =
        format!("{HEAD}[[providers]]\nname = \"o\"\nprovider_type = \"ollama\"\nbase_url = \"{}\"\n", lister.url());
    let daemon = daemon(&text, clock.clone()).await;
    looked(&daemon, "o", 1).await;
    assert_eq!(context(&daemon, "o/qwen:14b").await, 8192, "as it is set up, not as it could be");
    assert_eq!(models(&daemon, "o").await, ["odd", "qwen:14b"], "what goes wrong costs the details alone");
    let shows = || lister.questions().iter().filter(|q| q.body.contains("qwen")).count();
    assert_eq!(shows(), 1);
    for (build, asked, times) in [(1, 1, 2), (2, 2, 3)] {
        digest.store(build, std::sync::atomic::Ordering::Relaxed);
        clock.advance(31_000);
        assert_eq!(daemon.chat("missing", "").await.status, 404);
        looked(&daemon, "o", times).await;
        assert_eq!((shows(), context(&daemon, "o/qwen:14b").await), (asked, json!(8192)), "build {build}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn lm_studio_and_llama_tell_what_they_were_started_with() {
    let studio = Lister::start(|question| match question.path.as_str() {
        "/v1/models" => Said::list(r#"{"data":[{"id":"a"},{"id":"b"}]}"#),
        "/api/v0/models" => {
            Said::list(r#"{"data":[{"id":"a","max_context_length":32768,"loaded_context_length":4096},{"id":"z"}]}"#)
        }
        _ => Said::Json(404, Vec::new(), "{}".into()),
    })
    .await;
    let llama = Lister::start(|question| match question.path.as_str() {
        "/v1/models" => Said::list(r#"{"data":[{"id":"g.gguf","meta":{"n_ctx_train":131072}}]}"#),
        "/props" => Said::list(r#"{"default_generation_settings":{"n_ctx":2048}}"#),
        _ => Said::Json(404, Vec::new(), "{}".into()),
    })
    .await;
    // One that is older and has no API of its own.
    let old = Lister::start(|question| match question.path.as_str() {
        "/v1/models" => Said::list(r#"{"data":[{"id":"g.gguf","meta":{"n_ctx_train":131072}}]}"#),
        _ => Said::Json(404, Vec::new(), "{}".into()),
    })
    .await;
    let text = [("s", "lmstudio", &studio), ("l", "llama-cpp", &llama), ("old", "llama-cpp", &old)].iter().fold(
        HEAD.to_owned(),
        |text, (name, kind, lister)| {
            text + &format!(
                "[[providers]]\nname = \"{name}\"\nprovider_type = \"{kind}\"\nbase_url = \"{}\"\n",
                lister.url()
            )
        },
    );
    let daemon = daemon(&text, clock()).await;
    for name in ["s", "l", "old"] {
        looked(&daemon, name, 1).await;
    }
    for (id, expected) in
        [("s/a", json!(4096)), ("s/b", Value::Null), ("l/g.gguf", json!(2048)), ("old/g.gguf", json!(131_072))]
    {
        assert_eq!(context(&daemon, id).await, expected, "{id}");
    }
    assert_eq!(models(&daemon, "s").await, ["a", "b"]);
    daemon.stop().await;
}
