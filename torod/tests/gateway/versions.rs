//! Changes are made for a version: another one is answered with 409 and the version that the thing is at.

use http::Method;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, configuration, port_zero};

/// A request below `/admin/api`.
pub async fn send(daemon: &TestDaemon, method: &str, path: &str, version: Option<&str>, body: &str) -> Answer {
    let mut request = daemon.request(&format!("/admin/api{path}"), body.to_owned());
    *request.method_mut() = method.parse::<Method>().unwrap();
    if let Some(version) = version {
        request.headers_mut().insert("if-match", version.parse().unwrap());
    }
    daemon.send(request).await
}

/// A daemon that can change its file.
pub async fn with_file() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(&simulator.url(), "", "");
    std::fs::write(folder.path().join("torod.toml"), &text).unwrap();
    TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await
}

/// The version that the thing at `path` is at, as `ETag` tells it.
async fn version_of(daemon: &TestDaemon, path: &str) -> String {
    if path.starts_with("/secrets") {
        return send(daemon, "GET", "/secrets", None, "").await.json()["secrets"][0]["version"].to_string();
    }
    let place = if path.starts_with("/tokens") { path.trim_end_matches("/rotate") } else { "/settings" };
    send(daemon, "GET", place, None, "").await.header("etag").to_owned()
}

#[tokio::test]
async fn a_change_for_another_version_is_answered_with_the_present_one() {
    let daemon = with_file().await;
    let made = daemon.post("/admin/api/tokens", r#"{"name":"t"}"#).await.json();
    let token = format!("/tokens/{}", made["id"].as_str().unwrap());
    let secret = r#"{"value":"s","for":["https://api.example.com"]}"#;
    let kept = send(&daemon, "PUT", "/secrets/a", None, secret).await;
    assert_eq!(kept.header("etag"), kept.json()["version"].to_string());
    let file = version_of(&daemon, "/settings").await;
    for path in ["/settings", "/routing", "/providers", "/providers/sim"] {
        let shown = send(&daemon, "GET", path, None, "").await;
        assert_eq!((shown.header("etag"), shown.json()["version"].to_string()), (&*file, file.clone()), "{path}");
    }
    let text = std::fs::read(daemon.folder.path().join("torod.toml")).unwrap();
    let (rotate, key) = (format!("{token}/rotate"), r#"{"key":{"value":"sk-another-key-00000"}}"#);
    let changes = [
        ("PATCH", &*token, r#"{"name":"u"}"#),
        ("POST", &*rotate, ""),
        ("DELETE", &*token, ""),
        ("PATCH", "/settings", r#"{"set":{"routing.attempts":2}}"#),
        ("PATCH", "/routing", r#"{"active_model_profile":null}"#),
        ("POST", "/providers", r#"{"provider":"http://127.0.0.1:9/v1","name":"new"}"#),
        ("PATCH", "/providers/sim", r#"{"set":{"priority":3}}"#),
        ("PUT", "/providers/sim/key", key),
        ("POST", "/providers/sim/disable", ""),
        ("POST", "/providers/sim/enable", ""),
        ("DELETE", "/providers/sim", ""),
        ("PUT", "/secrets/a", secret),
        ("DELETE", "/secrets/a", ""),
    ];
    for (method, path, body) in changes {
        let now = version_of(&daemon, path).await;
        let refused = send(&daemon, method, path, Some("\"77\""), body).await;
        assert_eq!(refused.status, 409, "{method} {path}: {}", refused.text());
        let error = &refused.json()["error"];
        assert_eq!((error["code"].as_str(), error["version"].to_string()), (Some("version_conflict"), now.clone()));
        assert_eq!(refused.header("etag"), now, "{method} {path}");
        assert!(error["message"].as_str().unwrap().contains(now.trim_matches('"')), "{path}: {error}");
        let unclear = send(&daemon, method, path, Some("\"1\", \"2\""), body).await;
        assert_eq!(unclear.status, 400, "{method} {path}");
        let must_say = (method == "PATCH" && path != "/routing") || path.ends_with("/key");
        if must_say {
            assert_eq!(send(&daemon, method, path, None, body).await.status, 428, "{method} {path}");
        }
    }
    assert_eq!(std::fs::read(daemon.folder.path().join("torod.toml")).unwrap(), text, "nothing was changed");
    assert_eq!(send(&daemon, "GET", &token, None, "").await.json()["version"], 1);
    assert_eq!(version_of(&daemon, "/secrets").await, kept.json()["version"].to_string());
    for (at, (method, path, body)) in changes.into_iter().enumerate() {
        let tag = if at % 3 == 2 { "*".to_owned() } else { version_of(&daemon, path).await };
        let done = send(&daemon, method, path, Some(&tag), body).await;
        assert!(done.status.is_success(), "{method} {path} for {tag}: {}", done.text());
    }
    daemon.stop().await;
}
