//! The documents that describe the API, against the routes that there are.

use std::collections::BTreeSet;

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::http::listed::{Listed, routes};

use crate::forms::{self, Forms};
use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero};

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, one): (&String, &Value)| {
        one.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// Every `$ref` leads somewhere.
fn check_references(part: &Value, document: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
            }
            fields.values().for_each(|field| check_references(field, document));
        }
        Value::Array(list) => list.iter().for_each(|one| check_references(one, document)),
        _ => {}
    }
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else_is() {
    let daemon = TestDaemon::start().await;
    let (data, admin) = (daemon.get("/openapi.json").await.json(), daemon.get("/admin/api/openapi.json").await.json());
    let listed = |is_admin: bool| {
        let of_kind = move |route: &Listed| route.path.starts_with("/admin/api") == is_admin;
        let pages = ["/admin", "/admin/{path}"];
        let all = routes().into_iter().filter(of_kind).filter(move |route| !pages.contains(&route.path));
        all.map(|route| (route.method.to_owned(), route.path.to_owned())).collect::<BTreeSet<_>>()
    };
    assert_eq!(described(&data), listed(false));
    assert_eq!(described(&admin), listed(true));
    for document in [&data, &admin] {
        assert_eq!(document["openapi"], "3.1.0");
        check_references(document, document);
        let text = document.to_string();
        for secret in ["tr_0", "sk-", &daemon.key] {
            assert!(!text.contains(secret), "{secret}");
        }
        let mut ids = BTreeSet::new();
        for (_, path) in document["paths"].as_object().unwrap() {
            for (_, operation) in path.as_object().unwrap() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
                assert!(operation["summary"].as_str().unwrap().ends_with('.'));
            }
        }
    }
    let key = &admin["components"]["schemas"]["SecretPut"]["properties"]["value"];
    assert_eq!((key["type"].as_str(), key["format"].as_str()), (Some("string"), Some("password")), "{key}");
    daemon.stop().await;
}

const T: &str = "/admin/api/tokens";
const ONE: &str = "/admin/api/tokens/{which}";

struct Asking {
    daemon: TestDaemon,
    forms: Forms,
}

impl Asking {
    /// Sends what the document lets be sent, and compares the answer with the document.
    async fn ask(&mut self, method: &str, path: &str, place: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.forms.may_send(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        let mut request = self.daemon.request(place, body.to_owned());
        *request.method_mut() = method.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let answer = self.daemon.send(request).await;
        self.forms.check(method, path, &answer);
        answer
    }

    /// The same, which must succeed.
    async fn done(&mut self, method: &str, path: &str, place: &str, body: &str) -> Value {
        let answer = self.ask(method, path, place, &[], body).await;
        assert!(answer.status.is_success(), "{method} {place}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// The same, whatever form the answer has.
    async fn done_text(&mut self, method: &str, path: &str, place: &str) {
        let answer = self.ask(method, path, place, &[], "").await;
        assert!(answer.status.is_success() && !answer.body.is_empty(), "{method} {place}: {}", answer.text());
    }

    /// One that does not end by itself begins.
    async fn stream(&mut self, path: &str) {
        let mut request = self.daemon.request(path, "");
        *request.method_mut() = http::Method::GET;
        let (head, _) = self.daemon.head(request).await.into_parts();
        let answer = Answer { status: head.status, headers: head.headers, body: bytes::Bytes::new() };
        self.forms.check("GET", path, &answer);
    }

    async fn get(&mut self, path: &str) -> Value {
        self.done("GET", path, path, "").await
    }
}

/// Every operation succeeds once, with full answers; each request and each answer has the form that is described.
#[tokio::test]
async fn every_request_and_every_answer_has_the_form_that_is_described() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let aliases = "[[model_aliases]]\nname = \"chat\"\ntargets = [{ profile = \"p\", provider = \"sim\", model = \"ok\", weight = 2 }]\n";
    let on = "[conversations]\nenabled = true\n";
    let text = format!("{}{aliases}{on}", configuration(&simulator.url(), "", "priority = 7"));
    std::fs::write(folder.path().join("torod.toml"), &text).unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    let forms = Forms::new(daemon.get("/admin/api/openapi.json").await.json());
    let mut all = Asking { daemon, forms };

    all.get("/admin/api/openapi.json").await;
    let limits = r#"{"budgets":[{"unit":"usd_nanos","limit":5000000000,"window":{"calendar":"month","time_zone":"Europe/Berlin"}},{"unit":"tokens","limit":9,"window":{"seconds":60}},{"unit":"requests","limit":3,"window":null}],"requests_per_minute":5,"tokens_per_minute":6,"concurrent":7,"models":{"allow":["sim/*"],"deny":["x"]}}"#;
    let body = format!(
        r#"{{"name":"all","role":"keymaster","ttl_ms":60000000,"lossy":"warn","limits":{limits},"labels":{{"team":"a"}},"capture":false}}"#
    );
    let made = all.done("POST", T, T, &body).await;
    let (which, key) = (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    all.done("POST", T, T, &format!(r#"{{"parent":"{which}"}}"#)).await;
    let run = all.done("POST", T, T, r#"{"run":true,"lease_s":60}"#).await;
    let admin = format!("Bearer {}", all.daemon.key);
    let bearer = format!("Bearer {}", run["key"].as_str().unwrap());
    for path in ["/admin/api/me/lease", "/admin/api/me"] {
        let method = if path.ends_with("me") { "GET" } else { "POST" };
        let answer = all.ask(method, path, path, &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let refused = all.ask("POST", "/admin/api/me/lease", "/admin/api/me/lease", &[("authorization", &admin)], "").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let worked = [("authorization", &*bearer), ("session-id", "c0de"), ("user-agent", "codex_exec/0.169.0")];
    let mut request = all.daemon.request("/v1/responses", r#"{"model":"ok","input":"hi"}"#);
    for (name, value) in worked {
        request.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    }
    assert_eq!(all.daemon.send(request).await.status, 200);
    all.daemon.rows("id").await;
    let ended = format!("{T}/{}?reason=finished&exit=3", run["id"].as_str().unwrap());
    all.done("DELETE", ONE, &ended, "").await;
    let listed = all.done("GET", "/admin/api/me/runs", "/admin/api/me/runs?token=*&limit=1", "").await;
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1);
    let place = format!("/admin/api/me/runs/{}", run["id"].as_str().unwrap());
    let shown = all.done("GET", "/admin/api/me/runs/{id}", &place, "").await;
    assert_eq!((&shown["sessions"][0]["id"], &shown["exit_code"]), (&json!("c0de"), &json!(3)));
    for by in ["day", "model", "run", "session", "provider", "token", "agent"] {
        let place = format!("/admin/api/me/usage?token=*&by={by}");
        let used = all.done("GET", "/admin/api/me/usage", &place, "").await;
        assert!(!used["rows"].as_array().unwrap().is_empty(), "{by}");
    }
    let reports = "/admin/api/usage";
    for (path, query) in [
        (
            "",
            "by=model,token&step=day&sort=tokens&limit=5&period=month&not_outcome=cut&label=agent%3Dcodex&label=a%3Db",
        ),
        ("", "by=run"),
        ("/movers", "by=provider&measure=requests"),
        ("/forecast", "time_zone=Europe/Berlin"),
        ("/cache", "by=session,model"),
        ("/errors", "since_ms=0"),
        ("/requests", "limit=1"),
        ("/export", "form=json"),
        ("/export", ""),
    ] {
        let path = format!("{reports}{path}");
        all.done_text("GET", &path, &format!("{path}?{query}")).await;
    }
    let listed = all.get("/admin/api/usage/requests").await;
    let id = listed["requests"][0]["id"].as_str().unwrap().to_owned();
    let shown = all.done("GET", "/admin/api/usage/requests/{id}", &format!("{reports}/requests/{id}"), "").await;
    assert_eq!(shown, listed["requests"][0]);
    let values =
        all.done("GET", "/admin/api/usage/dimensions/{dimension}", &format!("{reports}/dimensions/session"), "").await;
    assert_eq!(values["values"][0]["value"], "c0de");
    let series = "/admin/api/me/usage?token=*&by=model&step=hour&model=ok&not_model=x";
    let series = all.done("GET", "/admin/api/me/usage", series, "").await;
    assert!(!series["series"].as_array().unwrap().is_empty());
    let at = format!("{T}/{which}");
    let shown = all.done("GET", ONE, &at, "").await;
    assert_eq!(shown["budgets"].as_array().unwrap().len(), 3);
    all.done("PATCH", ONE, &at, r#"{"version":1,"expires_ms":null,"lossy":null,"labels":{"team":null},"limits":{"budgets":null,"models":{"deny":null}}}"#).await;
    all.done("POST", &format!("{ONE}/rotate"), &format!("{at}/rotate"), "").await;
    all.get("/admin/api/me").await;
    all.done("GET", T, &format!("{T}?all=true&sort=used&order=desc&limit=1"), "").await;
    all.done("DELETE", ONE, &at, "").await;
    all.done(
        "GET",
        "/admin/api/log",
        "/admin/api/log?level=warn&target=torod&request_id=x&q=a&since_ms=1&until_ms=2&after=0&limit=1",
        "",
    )
    .await;
    all.done("DELETE", "/admin/api/log", "/admin/api/log", "").await;

    let own = all.daemon.key.clone();
    all.done("POST", "/admin/api/login", "/admin/api/login", &format!(r#"{{"key":"{own}"}}"#)).await;
    let listed = all.get("/admin/api/sessions").await;
    let session = listed["sessions"][0]["id"].as_str().unwrap().to_owned();
    all.done("DELETE", "/admin/api/sessions/{id}", &format!("/admin/api/sessions/{session}"), "").await;
    let refused = all.ask("POST", "/admin/api/login", "/admin/api/login", &[], &format!(r#"{{"key":"{key}"}}"#)).await;
    assert_eq!(refused.status, 401);

    all.done("GET", "/admin/api/models", "/admin/api/models?form=codex", "").await;
    all.done("GET", "/admin/api/models/{id}", "/admin/api/models/sim%2Fok", "").await;
    all.done("POST", "/admin/api/reload", "/admin/api/reload", "").await;
    all.done("POST", "/admin/api/tls/renew", "/admin/api/tls/renew", "").await;
    for profile in ["\"p\"", "null"] {
        let body = format!(r#"{{"active_model_profile":{profile}}}"#);
        all.done("PATCH", "/admin/api/routing", "/admin/api/routing", &body).await;
    }
    let explain = "/admin/api/routes/explain";
    all.done("GET", explain, &format!("{explain}?model=ok"), "").await;
    all.done("POST", explain, explain, &chat_body("ok", "")).await;
    let chat = all.daemon.chat("ok", "").await;
    let place = format!("/admin/api/routes/{}", chat.header("x-request-id"));
    all.done("GET", "/admin/api/routes/{request_id}", &place, "").await;

    let seen = all.daemon.post("/v1/chat/completions", forms::with_picture()).await.header("x-request-id").to_owned();
    let talks = "/admin/api/conversations";
    crate::support::until("all is kept", || async { all.daemon.app.conversations.status().waiting == 0 }).await;
    let listed = all.done("GET", talks, &format!("{talks}?q=hi&limit=1&internal=true"), "").await;
    let talk = format!("{talks}/{}", listed["conversations"][0]["id"]);
    all.done("GET", "/admin/api/conversations/{id}", &format!("{talk}?system=true"), "").await;
    all.done("GET", "/admin/api/conversations/{id}/export", &format!("{talk}/export"), "").await;
    let image = format!("/admin/api/exchanges/{seen}/images/{}", forms::PICTURE_DIGEST);
    all.done_text("GET", "/admin/api/exchanges/{request_id}/images/{sha256}", &image).await;
    let place = format!("/admin/api/exchanges/{}/replay", chat.header("x-request-id"));
    all.done("POST", "/admin/api/exchanges/{request_id}/replay", &place, r#"{"model":"sim/ok"}"#).await;
    let made = all.done("POST", T, T, r#"{"name":"inspected"}"#).await;
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let place = format!("{T}/{}", made["id"].as_str().unwrap());
    all.done("PATCH", ONE, &place, r#"{"version":1,"inspect_ms":60000}"#).await;
    let mut request = all.daemon.request("/v1/chat/completions", chat_body("ok", ""));
    request.headers_mut().insert("authorization", HeaderValue::try_from(bearer).unwrap());
    let id = all.daemon.send(request).await.header("x-request-id").to_owned();
    crate::support::until("all is kept", || async { all.daemon.app.conversations.status().waiting == 0 }).await;
    all.done("GET", "/admin/api/exchanges/{request_id}/wire", &format!("/admin/api/exchanges/{id}/wire"), "").await;
    all.done("DELETE", "/admin/api/conversations/{id}", &talk, "").await;
    all.done("DELETE", talks, talks, "").await;
    let secret = "/admin/api/secrets/{name}";
    all.done("PUT", secret, "/admin/api/secrets/a", r#"{"value":"s","for":["https://api.example.com"]}"#).await;
    all.get("/admin/api/secrets").await;
    all.done("POST", "/admin/api/secrets-key/rotate", "/admin/api/secrets-key/rotate", "").await;
    all.done("DELETE", secret, "/admin/api/secrets/a", "").await;

    let reprice = "/admin/api/usage/reprice";
    let body = r#"{"since_ms":0,"until_ms":9999999999999,"providers":["sim"],"models":["ok"],"all":true,"write":true,"after":-1}"#;
    assert!(all.done("POST", reprice, reprice, body).await["rows"].is_u64());
    let reconcile = "/admin/api/usage/reconcile";
    let body = json!({ "text": "date,model,cost_usd\n2026-11-20,ok,1.5\n2026-11-21,ok,x\n", "provider": "sim", "columns": { "day": "date" }, "all": true });
    let told = all.done("POST", reconcile, reconcile, &body.to_string()).await;
    assert_eq!((&told["lines"][0]["their_nanos"], &told["left"][0]["count"]), (&json!(1_500_000_000), &json!(1)));
    let settings = all.get("/admin/api/settings").await;
    let version = settings["version"].as_str().unwrap();
    let body = format!(
        r#"{{"version":"{version}","set":{{"routing.attempts":2,"routing.order":["price"],"responses.max_age":"3d","prompt_cache.inject":null}}}}"#
    );
    let answer = all.ask("PATCH", "/admin/api/settings", "/admin/api/settings", &[], &body).await;
    assert!([200, 422].contains(&answer.status.as_u16()), "{}", answer.text());
    let body = format!(r#"{{"version":"{version}","set":{{"routing.attempts":2}}}}"#);
    all.done("PATCH", "/admin/api/settings", "/admin/api/settings", &body).await;
    let provider = "/admin/api/providers/{name}";
    let new = r#"{"provider":"http://127.0.0.1:9/v1","name":"own","key":{"value":"sk-own-key-00000000"}}"#;
    all.done("POST", "/admin/api/providers", "/admin/api/providers", new).await;
    all.get("/admin/api/providers").await;
    let shown = all.done("GET", provider, "/admin/api/providers/own", "").await;
    let version = shown["version"].as_str().unwrap().to_owned();
    let body = format!(r#"{{"version":"{version}","set":{{"priority":3}}}}"#);
    let changed = all.done("PATCH", provider, "/admin/api/providers/own", &body).await;
    let key = format!(r#"{{"version":{},"key":{{"value":"sk-other-key-0000000"}}}}"#, changed["version"]);
    all.done("PUT", &format!("{provider}/key"), "/admin/api/providers/own/key", &key).await;
    let version = all.get("/admin/api/providers").await["version"].clone();
    let key = json!({ "version": version, "name": "second", "weight": 2, "key": { "value": "sk-second-key-000000" } });
    all.done("POST", &format!("{provider}/keys"), "/admin/api/providers/own/keys", &key.to_string()).await;
    all.done("DELETE", &format!("{provider}/keys/{{label}}"), "/admin/api/providers/own/keys/second", "").await;
    all.done("POST", "/admin/api/endpoints/reset", "/admin/api/endpoints/reset", r#"{"provider":"sim"}"#).await;
    all.done("POST", &format!("{provider}/disable"), "/admin/api/providers/own/disable", "").await;
    all.done("POST", &format!("{provider}/enable"), "/admin/api/providers/own/enable", "").await;
    all.done("POST", &format!("{provider}/test"), "/admin/api/providers/sim/test", r#"{"model":"ok"}"#).await;
    all.done("DELETE", provider, "/admin/api/providers/own", "").await;

    for what in ["presets", "endpoints", "status", "setup", "config", "audit", "log", "models", "routing"] {
        all.get(&format!("/admin/api/{what}")).await;
    }
    let trial = "/admin/api/network/trial";
    for (method, at) in [("DELETE", trial), ("POST", &format!("{trial}/confirm"))] {
        let version = all.get("/admin/api/network").await["version"].clone();
        let body = json!({ "version": version, "set": { "server.proxy_protocol": true } }).to_string();
        all.ask("POST", trial, trial, &[("connection", "close")], &body).await;
        all.done(method, at, at, "").await;
    }
    let version = all.get("/admin/api/aliases").await["version"].as_str().unwrap().to_owned();
    let alias = "/admin/api/aliases/{name}";
    let body = json!({ "version": version, "order": ["price"], "targets": [{ "provider": "sim", "model": "ok", "weight": 3 }] });
    all.done("PUT", alias, "/admin/api/aliases/new%2Fone", &body.to_string()).await;
    all.done("DELETE", alias, "/admin/api/aliases/new%2Fone", "").await;
    all.stream("/admin/api/live").await;

    all.get("/admin/api/quotas").await;
    all.done("POST", "/admin/api/quotas/refresh", "/admin/api/quotas/refresh", r#"{"provider":"sim"}"#).await;
    // What was called above has no price.
    let alert = loop {
        let listed = all.get("/admin/api/alerts").await;
        if let Some(alert) = listed["alerts"].as_array().unwrap().first() {
            break alert["id"].as_i64().unwrap();
        }
        tokio::task::yield_now().await;
    };
    let place = format!("/admin/api/alerts/{alert}/acknowledge");
    let seen = all.done("POST", "/admin/api/alerts/{id}/acknowledge", &place, "").await;
    assert_eq!((&seen["kind"], &seen["acknowledged_by"]), (&json!("price_unknown"), &json!("test")));
    all.done("POST", "/admin/api/alerts/test", "/admin/api/alerts/test", "").await;

    // The first token is there already, and this session's browser is none: both are looked at elsewhere.
    assert_eq!(all.forms.left(), ["POST /admin/api/logout", "POST /admin/api/setup"]);
    all.daemon.stop().await;
}

/// What the document refuses, the code refuses too; and the other way round.
#[tokio::test]
async fn document_and_code_refuse_the_same_bodies() {
    let daemon = TestDaemon::start().await;
    let mut forms = Forms::new(daemon.get("/admin/api/openapi.json").await.json());
    for (path, body, is_right) in [
        (T, "{}", true),
        (T, r#"{"limits":{"budgets":[{"unit":"requests","limit":1,"window":null}]}}"#, true),
        (T, r#"{"limits":[]}"#, false),
        (T, r#"{"limits":{"models":[[],[]]}}"#, false),
        (T, r#"{"limits":{"budgets":[["requests",5]]}}"#, false),
        (T, r#"{"limits":{"budgets":[{"unit":"requests","limit":-1}]}}"#, false),
        (T, r#"{"limits":{"budgets":[{"unit":"requests"}]}}"#, false),
        (T, r#"{"limits":{"budgets":[{"unit":"euros","limit":1}]}}"#, false),
        (T, r#"{"limits":{"budgets":[{"unit":"requests","limit":1,"window":[60]}]}}"#, false),
        (T, r#"{"limits":{"budgets":[{"unit":"requests","limit":1,"window":{"second":60}}]}}"#, false),
        (T, r#"{"limits":{"concurrent":1.5}}"#, false),
        (T, r#"{"role":"root"}"#, false),
        (T, r#"{"name":7}"#, false),
        (T, r#"{"labels":{"a":1}}"#, false),
        (T, r#"{"capture":"yes"}"#, false),
        (T, r#"{"ttl":1}"#, false),
        ("/admin/api/login", r#"{"key":1}"#, false),
        ("/admin/api/login", r#"["tr_x"]"#, false),
        ("/admin/api/login", "{}", false),
        ("/admin/api/setup", r#"{"codes":"x"}"#, false),
    ] {
        assert_eq!(forms.may_send("POST", path, body).is_ok(), is_right, "the document: {body}");
        let answer = daemon.post(path, body).await;
        let is_taken = answer.status.is_success() || (path.ends_with("setup") && answer.status == 403 && is_right);
        assert_eq!(is_taken, is_right, "the code: {body}: {}", answer.text());
        forms.check("POST", path, &answer);
    }
    for (set, is_right) in [
        (r#"{"a":1}"#, true),
        (r#"{"a":2.5,"b":true,"c":"30s","d":["x"],"e":null}"#, true),
        (r#"{"a":{}}"#, false),
        (r#"{"a":[1]}"#, true),
        (r#"{"a":[1,"x"]}"#, false),
        ("[]", false),
    ] {
        let body = format!(r#"{{"version":"x","set":{set}}}"#);
        assert_eq!(forms.may_send("PATCH", "/admin/api/settings", &body).is_ok(), is_right, "{body}");
        let is_read = serde_json::from_str::<tokenrouter_shared::settings::SettingsChange>(&body).is_ok();
        assert_eq!(is_read, is_right, "{body}");
    }
    daemon.stop().await;
}

/// The web admin's types are made of this file; `UPDATE_SCHEMA=1` writes it anew.
#[test]
fn the_document_that_the_web_admin_was_made_for_is_the_one_of_today() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/openapi.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&torod::admin::openapi::document()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let line = now.lines().zip(known.lines()).find(|(now, known)| now != known);
    assert!(
        now == known,
        "web/openapi.json is old, first at {line:?}: `UPDATE_SCHEMA=1 cargo test -p torod --test gateway openapi`, then \
         `npm run schema` in web"
    );
}
