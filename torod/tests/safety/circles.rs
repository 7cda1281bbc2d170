//! Gateways that lead to each other: a request that comes back is refused at its second visit, and nobody pays for it.

use serde_json::json;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, chat_body, port_zero, until};

const VIA: &str = "x-tokenrouter-via";

/// One with the providers in `more` besides `sim`, which it is started with; they may be edited in afterwards.
async fn gateway() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("torod.toml"), text(&simulator, "")).unwrap();
    let words = text(&simulator, "");
    TestDaemon::in_folder(simulator, &words, Clock::system(), folder).await
}

fn text(simulator: &Simulator, more: &str) -> String {
    // Failures count here: a loop is to shut nobody out.
    let breaker = "breaker = { failures = 1, recovery = \"1h\" }";
    format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
         [routing]\nattempts = 3\nprobe = false\n{breaker}\n\
         [[providers]]\nname = \"sim\"\nprotocols = {{ openai = \"{0}/v1\", anthropic = \"{0}/anthropic\" }}\n{more}",
        simulator.url()
    )
}

fn provider(name: &str, to: &TestDaemon) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\napi_key = \"{1}\"\n\
         protocols = {{ openai = \"{0}/v1\", anthropic = \"{0}\", responses = \"{0}/v1\" }}\n",
        to.url, to.key
    )
}

impl TestDaemon {
    async fn has(&self, more: &str) {
        std::fs::write(self.folder.path().join("torod.toml"), text(&self.simulator, more)).unwrap();
        let answer = self.post("/admin/api/reload", "{}").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    (answer.status.as_u16(), body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn looped() -> (u16, String) {
    (508, "loop_detected".to_owned())
}

#[tokio::test]
async fn a_gateway_that_is_its_own_provider_is_found_out_at_once() {
    let me = gateway().await;
    me.has(&provider("me", &me)).await;
    let before = me.app.lifecycle.in_flight();
    let asks = [
        ("/v1/chat/completions", chat_body("me/sim/ok", "")),
        ("/v1/chat/completions", chat_body("me/me/me/me/sim/ok", r#","stream":true"#)),
        ("/v1/responses", json!({"model": "me/sim/ok", "input": "hi"}).to_string()),
        ("/v1/embeddings", json!({"model": "me/sim/ok", "input": "hi"}).to_string()),
        ("/v1/messages/count_tokens", chat_body("me/sim/ok", "")),
    ];
    for (path, body) in asks {
        let answer = me.post(path, body).await;
        assert_eq!(answer.status, 508, "{path}: {}", answer.text());
        assert!(answer.text().contains("\\\"me\\\" leads back"), "{path}: {}", answer.text());
    }
    let claude = me.post("/v1/messages", chat_body("me/sim/ok", r#","max_tokens":5"#)).await;
    assert_eq!((claude.status.as_u16(), claude.json()["type"].clone()), (508, "error".into()));
    assert_eq!(me.app.lifecycle.in_flight(), before);
    // Each was one attempt that failed, of which nothing counts, and no model has come of it.
    let rows = me.rows("provider, status, input_uncached + output").await;
    assert!(rows.iter().all(|row| row[1] == "508" && row[2] == "0") && rows.len() >= 5, "{rows:?}");
    assert!(!me.get("/v1/models").await.text().contains("me/sim"));
    assert!(me.simulator.calls().iter().all(|call| call.method == "GET"), "nobody else was asked");
    me.stop().await;
}

#[tokio::test]
async fn a_way_through_others_that_comes_back_ends_there_and_one_that_does_not_goes_on() {
    let (one, two, three) = (gateway().await, gateway().await, gateway().await);
    one.has(&provider("two", &two)).await;
    two.has(&provider("three", &three)).await;
    three.has(&provider("one", &one)).await;
    // A chain is none.
    let answer = one.chat("two/three/sim/ok", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(three.simulator.calls().iter().filter(|call| call.method == "POST").count(), 1);
    let marks = |daemon: &TestDaemon| {
        let call = daemon.simulator.calls().into_iter().rfind(|call| call.method == "POST").unwrap();
        let lists = call.headers.into_iter().filter(|(name, _)| name == VIA).map(|(_, list)| list);
        lists.flat_map(|list| list.split(", ").map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let all = marks(&three);
    assert_eq!(all.len(), 3);
    // A circle is one.
    let answer = one.chat("two/three/one/two/three/sim/ok", "").await;
    assert_eq!(answer.status, 508, "{}", answer.text());
    // Nobody is shut out for that.
    for (daemon, model) in [(&one, "two/three/sim/ok"), (&two, "three/sim/ok"), (&three, "one/sim/ok")] {
        let answer = daemon.chat(model, "").await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
    }
    // Neither for a mark that a client has copied: its own request is refused, wherever it comes to.
    let stolen = all.join(", ");
    let forged = async |daemon: &TestDaemon, model: &str, list: &str| {
        let mut request = daemon.request("/v1/chat/completions", chat_body(model, ""));
        request.headers_mut().insert(VIA, list.parse().unwrap());
        daemon.send(request).await
    };
    assert_eq!(code(&forged(&one, "sim/ok", &stolen).await), looped());
    for mark in &all {
        for _ in 0..3 {
            let answer = forged(&one, "two/three/sim/ok", mark).await;
            assert!(matches!(answer.status.as_u16(), 200 | 508), "{}", answer.text());
        }
        assert_eq!(one.chat("two/three/sim/ok", "").await.status, 200, "others were shut out");
    }
    // What is no mark is no trouble either, and does not grow on the way.
    let long = (0..600).map(|n| format!("{n:024x}")).collect::<Vec<_>>().join(", ");
    for list in ["", ",,,", "1", "zz", &long] {
        assert_eq!(forged(&one, "two/three/sim/ok", list).await.status, 200);
        assert!(marks(&three).len() <= 8, "{:?}", marks(&three));
    }
    for daemon in [one, two, three] {
        daemon.stop().await;
    }
}

#[tokio::test]
async fn where_another_serves_a_circle_is_only_passed_by() {
    let me = gateway().await;
    let alias = "[[model_aliases]]\nname = \"chat\"\n[[model_aliases.targets]]\nprovider = \"me\"\nmodel = \"chat\"\n\
                 [[model_aliases.targets]]\nprovider = \"sim\"\nmodel = \"ok\"\n";
    me.has(&format!("{}{alias}", provider("me", &me))).await;
    for _ in 0..3 {
        let answer = me.chat("chat", "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tokenrouter-provider"), "sim");
    }
    me.stop().await;
}

#[tokio::test]
async fn its_own_list_is_not_taken_for_a_providers() {
    let me = gateway().await;
    me.has(&provider("me", &me)).await;
    until("its list was asked for", || async {
        let live = me.app.live.load();
        live.providers.iter().any(|provider| &*provider.name == "me" && provider.listed.load().is_none())
    })
    .await;
    let answer = me.get("/v1/models").await;
    assert!(answer.text().contains("sim/ok") && !answer.text().contains("me/"), "{}", answer.text());
    me.stop().await;
}
