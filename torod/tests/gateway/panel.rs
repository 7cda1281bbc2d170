//! What the web admin asks for beside the lists: how all of it stands, what can be added, aliases, and large answers packed.

use std::io::Read as _;

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, PROVIDER_KEY, TestDaemon, configuration, port_zero, until};

const ALIAS: &str = "# For people.\n[[model_aliases]]\nname = \"chat\" # short\n  [[model_aliases.targets]]\n  profile = \"a\"\n  provider = \"sim\"\n  model = \"ok\"\n";

async fn with_file(more: &str) -> TestDaemon {
    routed("", more).await
}

/// The same with a line of its own below `[routing]`.
async fn routed(line: &str, more: &str) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(&simulator.url(), "", "").replace("[routing]\n", &format!("[routing]\n{line}\n"));
    let text = format!("{text}{more}");
    std::fs::write(folder.path().join("torod.toml"), &text).unwrap();
    TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await
}

async fn ask(daemon: &TestDaemon, method: Method, path: &str, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut request = daemon.request(path, body.to_owned());
    *request.method_mut() = method;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    daemon.send(request).await
}

fn file(daemon: &TestDaemon) -> String {
    std::fs::read_to_string(daemon.folder.path().join("torod.toml")).unwrap()
}

#[tokio::test]
async fn the_state_of_everything_is_told_and_no_secret() {
    let daemon = with_file(ALIAS).await;
    daemon.chat("ok", "").await;
    until("the row is written", || async { daemon.get("/admin/api/status").await.json()["usage"]["written"] == 1 })
        .await;
    let status = daemon.get("/admin/api/status").await.json();
    assert_eq!((&status["status"], &status["version"]), (&json!("ok"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!((&status["tokens"], &status["providers"], &status["in_flight"]), (&json!(1), &json!(1), &json!(0)));
    let listener = &status["listeners"][0];
    assert_eq!(listener["address"].as_str().map(|at| format!("http://{at}")), Some(daemon.url.clone()));
    assert_eq!((&listener["what"], &listener["is_loopback"]), (&json!("api"), &json!(true)));
    let sizes: Vec<_> = status["files"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).collect();
    assert!(sizes.iter().sum::<u64>() > 4_096, "{status}");
    assert_eq!((&status["config"]["error"], &status["config"]["reloads"]), (&Value::Null, &json!(0)));
    assert!(status["config"]["path"].as_str().unwrap().ends_with("torod.toml"));
    // What is in force.
    let config = daemon.get("/admin/api/config").await;
    assert!(!config.text().contains(PROVIDER_KEY), "{}", config.text());
    let config = config.json();
    assert_eq!(config["config"]["providers"][0]["name"], "sim");
    assert!(config["toml"].as_str().unwrap().contains("[[model_aliases]]"), "{config}");
    assert_eq!(config["status"]["version"], status["config"]["version"]);
    // The first token is made.
    assert_eq!(daemon.get("/admin/api/setup").await.json(), json!({ "state": "closed" }));
    daemon.stop().await;
}

#[tokio::test]
async fn presets_and_endpoints_are_listed_page_by_page() {
    let daemon = with_file(ALIAS).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("/admin/api/presets?limit=20&cursor={cursor}")).await.json();
        let presets = page["presets"].as_array().unwrap();
        assert!(presets.len() <= 20);
        seen.extend(presets.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        if seen.len() <= 20 {
            assert!(page["total"].as_u64().unwrap() > 40, "{page}");
        }
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    let known: Vec<_> = tokenrouter::catalog::Preset::all().map(|preset| preset.id.clone()).collect();
    assert_eq!(seen, known, "each once, the most used first");
    let azure = daemon.get("/admin/api/presets?q=AZURE").await.json()["presets"][0].clone();
    assert!(azure["needs"]["resource_name"].is_string() && azure["needs_key"] == true, "{azure}");
    assert!(azure["protocols"][0]["url"].as_str().unwrap().contains("{resource_name}"), "{azure}");
    // Endpoints: those of an alias, and those that were called.
    daemon.chat("s500", "").await;
    let page = daemon.get("/admin/api/endpoints").await.json();
    let models: Vec<_> =
        page["endpoints"].as_array().unwrap().iter().map(|one| one["model"].as_str().unwrap()).collect();
    assert_eq!((models, page["total"].as_u64()), (vec!["ok", "s500"], Some(2)), "{page}");
    let failed = &page["endpoints"][1];
    assert_eq!((&failed["calls"], &failed["failed"], &failed["provider"]), (&json!(1), &json!(1), &json!("sim")));
    for (query, count) in [("provider=sim", 2), ("provider=none", 0), ("q=s50", 1), ("state=shut", 0), ("limit=1", 1)] {
        let page = daemon.get(&format!("/admin/api/endpoints?{query}")).await.json();
        assert_eq!(page["endpoints"].as_array().unwrap().len(), count, "{query}: {page}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn an_alias_is_written_for_one_version_and_moves_traffic_at_once() {
    let daemon = with_file(ALIAS).await;
    let list = || async { daemon.get("/admin/api/aliases").await };
    let listed = list().await;
    let version = listed.json()["version"].as_str().unwrap().to_owned();
    assert_eq!(listed.header("etag"), format!("\"{version}\""));
    let target = |model: &str| json!({ "profile": "a", "provider": "sim", "model": model, "weight": null });
    assert_eq!(
        listed.json()["aliases"],
        json!([{ "name": "chat", "lossy": null, "order": null, "targets": [target("ok")] }])
    );
    let put = async |name: &str, body: Value| {
        ask(&daemon, Method::PUT, &format!("/admin/api/aliases/{name}"), &[], &body.to_string()).await
    };
    let code = |answer: &Answer| (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap().to_owned());
    let targets = json!([target("s500")]);
    assert_eq!(code(&put("chat", json!({ "targets": targets })).await), (428, "version_required".into()));
    let stale = put("chat", json!({ "version": "0000", "targets": targets })).await;
    assert_eq!(code(&stale), (409, "version_conflict".into()));
    assert_eq!(stale.json()["error"]["version"], *version);
    for (body, wrong) in [
        (json!({ "version": version, "targets": [] }), 422),
        (json!({ "version": version, "targets": [{ "provider": "nobody", "model": "x" }] }), 422),
        (json!({ "version": version, "targets": [{ "model": "chat" }] }), 422),
        (json!({ "version": version, "targets": targets, "order": ["colour"] }), 400),
        (json!({ "version": version, "targets": targets, "lossy": "maybe" }), 400),
        (json!({ "version": version, "targets": targets, "name": "a\u{7}b" }), 422),
        (json!({ "version": version, "targets": targets, "zzz": 1 }), 400),
        (json!({ "version": version, "targets": vec![target("x"); 65] }), 400),
    ] {
        let refused = put("chat", body.clone()).await;
        assert_eq!(refused.status, wrong, "{body}: {}", refused.text());
    }
    assert_eq!(list().await.json()["version"], *version, "nothing was written");
    assert_eq!(daemon.chat("chat", "").await.status, 200);
    let done = put("chat", json!({ "version": version, "targets": targets })).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_ne!(done.json()["version"], *version);
    // When the answer is here, requests go by it.
    assert_eq!(daemon.chat("chat", "").await.status, 500);
    let text = file(&daemon);
    assert!(text.contains("# For people.\n[[model_aliases]]\nname = \"chat\" # short"), "{text}");
    let version = done.json()["version"].as_str().unwrap().to_owned();
    let renamed = json!({ "version": version, "name": "talk/<b>", "targets": [target("ok")], "order": ["latency"] });
    assert_eq!(put("chat", renamed).await.status, 200);
    assert_eq!(daemon.chat("talk/<b>", "").await.status, 200);
    let gone = ask(&daemon, Method::DELETE, "/admin/api/aliases/chat", &[], "").await;
    assert_eq!(code(&gone), (404, "alias_not_found".into()));
    let with = [("if-match", "\"0000\"")];
    assert_eq!(ask(&daemon, Method::DELETE, "/admin/api/aliases/talk%2F%3Cb%3E", &with, "").await.status, 409);
    assert_eq!(ask(&daemon, Method::DELETE, "/admin/api/aliases/talk%2F%3Cb%3E", &[], "").await.status, 204);
    assert!(!file(&daemon).contains("model_aliases"), "{}", file(&daemon));
    let trail = daemon.get("/admin/api/audit?action=alias.").await.json();
    let done: Vec<_> =
        trail["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(done, ["alias.remove", "alias.put", "alias.put"], "{trail}");
    let detail = trail["entries"][2]["detail"].as_str().unwrap();
    assert!(detail.contains("\"ok\"") && detail.contains("\"s500\""), "what was and what is: {detail}");
    daemon.stop().await;
}

#[tokio::test]
async fn large_answers_are_packed_for_who_asks_and_known_ones_are_not_sent() {
    let daemon = with_file("").await;
    let path = "/admin/api/openapi.json";
    let plain = ask(&daemon, Method::GET, path, &[], "").await;
    assert_eq!(plain.headers.get("content-encoding"), None);
    let packed = ask(&daemon, Method::GET, path, &[("accept-encoding", "br, gzip")], "").await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    assert!(packed.body.len() * 4 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    let tag = packed.header("etag").to_owned();
    assert_eq!((tag.as_str(), tag.starts_with("W/")), (plain.header("etag"), true));
    for (known, status) in [(tag.as_str(), 304), ("\"x\", *", 200), ("\"0\"", 200)] {
        let again = ask(&daemon, Method::GET, path, &[("if-none-match", known), ("accept-encoding", "gzip")], "").await;
        assert_eq!((again.status.as_u16(), again.body.is_empty()), (status, status == 304), "{known}");
        assert_eq!((again.header("etag"), again.header("cache-control")), (&*tag, "no-store"));
    }
    // A version stays good for changes, also where it came packed.
    let settings = ask(&daemon, Method::GET, "/admin/api/settings", &[("accept-encoding", "gzip")], "").await;
    let version = settings.header("etag").to_owned();
    assert!(version.starts_with("W/\"") && settings.header("content-encoding") == "gzip", "{version}");
    let change = r#"{"set":{"routing.attempts":2}}"#;
    let changed = ask(&daemon, Method::PATCH, "/admin/api/settings", &[("if-match", &version)], change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    // Small ones, and those that show a key, go out as they are.
    let small = ask(&daemon, Method::GET, "/admin/api/setup", &[("accept-encoding", "gzip")], "").await;
    assert_eq!((small.headers.get("content-encoding"), small.headers.get("etag")), (None, None));
    let body =
        json!({ "role": "inferrer", "labels": { "note": "x".repeat(200), "more": "x".repeat(200) } }).to_string();
    let made = ask(&daemon, Method::POST, "/admin/api/tokens", &[("accept-encoding", "gzip")], &body).await;
    assert_eq!((made.status.as_u16(), made.headers.get("content-encoding")), (201, None));
    daemon.stop().await;
}

#[tokio::test]
async fn a_provider_has_several_keys_and_nobody_is_told_any() {
    // By turns: who is faster for a moment would get all of them otherwise.
    let daemon = routed("order = [\"round_robin\"]", "").await;
    let path = "/admin/api/providers/sim/keys";
    let version = || async { daemon.get("/admin/api/providers").await.json()["version"].clone() };
    let add = async |name: &str, key: Value, version: Value| {
        let body = json!({ "version": version, "name": name, "weight": 3, "key": key }).to_string();
        ask(&daemon, Method::POST, path, &[], &body).await
    };
    let value = json!({ "value": "sk-second-key-0123456789" });
    for (name, key, status) in [
        ("a b", value.clone(), 422),
        ("1", value.clone(), 409),
        ("x", json!({ "env": "AWS_SECRET_ACCESS_KEY" }), 403),
        ("x", json!({ "file": "/etc/shadow" }), 400),
    ] {
        let refused = add(name, key, version().await).await;
        assert_eq!(refused.status, status, "{name}: {}", refused.text());
    }
    assert_eq!(add("x", value.clone(), json!("0000")).await.status, 409);
    let done = add("second", value.clone(), version().await).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let shown = daemon.get("/admin/api/providers/sim").await;
    assert_eq!(shown.json()["provider"]["keys"][1]["name"], "second");
    assert!(!shown.text().contains("sk-second") && !file(&daemon).contains("sk-second"), "{}", file(&daemon));
    assert_eq!(add("second", value, version().await).await.status, 409);
    // Both are used.
    daemon.simulator.clear();
    for _ in 0..20 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    assert_eq!(daemon.rows("id").await.len(), 20, "all of them are written");
    let keys: std::collections::BTreeSet<_> =
        daemon.get("/admin/api/usage?by=credential&period=today").await.json()["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["key"][0].as_str().unwrap().to_owned())
            .collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["1", "second"]);
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{path}/third"), &[], "").await.status, 404);
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{path}/1"), &[], "").await.status, 204);
    assert!(!file(&daemon).contains(PROVIDER_KEY), "{}", file(&daemon));
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    let trail = daemon.get("/admin/api/audit?action=provider.").await;
    assert!(trail.text().contains("provider.key_add") && trail.text().contains("provider.key_remove"));
    assert!(!trail.text().contains("sk-second"), "{}", trail.text());
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_left_alone_is_tried_again_when_somebody_says_so() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n[routing]\nattempts = 1\nprobe = false\nbreaker = {{ failures = 1, recovery = \"1h\" }}\n\
         [[providers]]\nname = \"sim\"\nbase_url = \"{}/v1\"\n",
        simulator.url()
    );
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    let shut = || async { daemon.get("/admin/api/endpoints?state=shut").await.json()["total"].as_u64() };
    let turns = async |to: &str| {
        let text = daemon.get("/metrics").await.text();
        let of = format!("tokenrouter_circuit_transitions_total{{provider=\"sim\",scope=\"endpoint\",to=\"{to}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&of)).unwrap().to_owned()
    };
    daemon.chat("s500", "").await;
    assert_eq!(shut().await, Some(1));
    assert_eq!((turns("open").await, turns("closed").await), ("1".to_owned(), "0".to_owned()));
    let reset = async |body: Value| {
        let answer = ask(&daemon, Method::POST, "/admin/api/endpoints/reset", &[], &body.to_string()).await;
        (answer.status.as_u16(), answer.json()["reset"].as_u64())
    };
    assert_eq!(reset(json!({ "provider": "none" })).await, (404, None));
    assert_eq!(reset(json!({ "provider": "sim", "model": "ok" })).await, (200, Some(0)));
    assert_eq!(shut().await, Some(1), "nobody spoke of that one");
    assert_eq!(reset(json!({ "provider": "SIM", "model": "s500" })).await, (200, Some(1)));
    assert_eq!(shut().await, Some(0));
    assert_eq!((turns("open").await, turns("closed").await), ("1".to_owned(), "1".to_owned()));
    // Who was told to come back later may do so at once all the same.
    daemon.chat("sim/s429ra60", "").await;
    assert_eq!(shut().await, Some(1), "{}", daemon.get("/admin/api/endpoints").await.text());
    assert_eq!(reset(json!({ "provider": "sim" })).await, (200, Some(1)));
    assert_eq!(shut().await, Some(0));
    let trail = daemon.get("/admin/api/audit?action=endpoint.reset").await.json();
    assert_eq!(trail["entries"].as_array().unwrap().len(), 3, "{trail}");
    daemon.stop().await;
}
