//! Stored secrets: by the running gateway and without one, bound to where they may be sent, and sealed anew while it runs.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::site::Site;
use crate::support::whole;

const FIRST: &str = "sk-first-stored-0123456789";
const SECOND: &str = "sk-second-stored-987654321";

/// Runs torod with something to read.
fn tell(site: &Site, arguments: &[&str], input: &str) -> Output {
    let mut command = site.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

/// With which key the provider was last called.
fn used(site: &Site) -> String {
    let calls = site.one.calls();
    let call = calls.iter().rev().find(|call| !call.body.is_empty()).unwrap();
    let found = call.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    found.unwrap().1.trim_start_matches("Bearer ").to_owned()
}

fn provider(url: &str) -> String {
    format!("[[providers]]\nname = \"p\"\nbase_url = \"{url}\"\napi_key = {{ secret = \"provider/p\" }}\n")
}

#[tokio::test]
async fn a_stored_key_serves_and_changes_while_the_gateway_runs() {
    let site = Site::start(&provider("ONE")).await;
    let before = site.ask("POST", "/v1/chat/completions", r#"{"model":"p/ok","messages":[]}"#).await;
    assert!(!before.status.is_success(), "{}", before.text());
    let check = site.command(&["config", "check"]).output().unwrap();
    assert!(!check.status.success() && said(&check).contains("torod secrets set provider/p"), "{}", said(&check));
    let stored = tell(&site, &["secrets", "set", "provider/p"], &format!("{FIRST}\n"));
    assert!(stored.status.success() && said(&stored).contains(&site.one.url()), "{}", said(&stored));
    site.chat("p/ok").await;
    assert_eq!(used(&site), FIRST);
    assert!(site.command(&["config", "check"]).output().unwrap().status.success());
    // Another in its place.
    tell(&site, &["secrets", "set", "provider/p", "--json"], SECOND);
    site.chat("p/ok").await;
    assert_eq!(used(&site), SECOND);
    // Sealed anew, while it runs, again and again.
    for _ in 0..3 {
        let rotated = site.torod(&["secrets", "rotate", "--json"]);
        let rotated: Value = serde_json::from_slice(&rotated.stdout).unwrap();
        assert_eq!(rotated, json!({"secrets": 1, "sign_ins": 0}));
        assert_eq!(site.ask("POST", "/admin/api/reload", "").await.status, 200);
        site.chat("p/ok").await;
        assert_eq!(used(&site), SECOND);
    }
    let listed = site.ask("GET", "/admin/api/secrets", "").await;
    assert_eq!(listed.json()["secrets"][0]["for"], json!([site.one.url()]));
    let shown = said(&site.torod(&["secrets", "list"]));
    assert!(shown.contains("provider/p"), "{shown}");
    for text in [&listed.text(), &shown, &site.log(), &said(&site.torod(&["config", "show"])), &said(&stored)] {
        assert!(!text.contains(FIRST) && !text.contains(SECOND), "{text}");
    }
    // Taken away, it is not used any more.
    assert!(said(&site.torod(&["secrets", "remove", "provider/p"])).contains("Removed"));
    let gone = site.ask("POST", "/v1/chat/completions", r#"{"model":"p/ok","messages":[]}"#).await;
    assert!(!gone.status.is_success(), "{}", gone.text());
    assert!(!site.command(&["secrets", "remove", "provider/p"]).output().unwrap().status.success());
    site.stop().await;
}

#[tokio::test]
async fn a_stored_key_goes_nowhere_else() {
    let site = Site::start(&provider("ONE")).await;
    tell(&site, &["secrets", "set", "provider/p"], FIRST);
    site.chat("p/ok").await;
    site.seen();
    let before = site.status().await;
    site.write(&provider("TWO"));
    site.hang_up();
    site.loaded_after(&before).await;
    let refused = site.ask("POST", "/v1/chat/completions", r#"{"model":"p/ok","messages":[]}"#).await;
    assert!(!refused.status.is_success(), "{}", refused.text());
    assert_eq!(site.seen(), (0, 0));
    assert!(site.two.calls().iter().all(|call| call.headers.iter().all(|(_, value)| !value.contains(FIRST))));
    site.logged("is not sent to").await;
    let check = said(&site.command(&["config", "check"]).output().unwrap());
    assert!(check.contains(&site.one.url()) && check.contains("torod secrets set provider/p"), "{check}");
    // Given anew, it is for the new place.
    tell(&site, &["secrets", "set", "provider/p"], SECOND);
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (0, 1));
    site.stop().await;
}

#[tokio::test]
async fn who_may_and_what_is_refused() {
    let site = Site::start(&provider("ONE")).await;
    let made = site.torod(&["token", "create", "--role", "keymaster", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["key"].as_str().unwrap();
    for (method, path) in [
        ("GET", "/admin/api/secrets"),
        ("PUT", "/admin/api/secrets/provider%2Fp"),
        ("DELETE", "/admin/api/secrets/provider%2Fp"),
        ("POST", "/admin/api/secrets-key/rotate"),
    ] {
        let answer = whole(site.head_as(key, method, path, r#"{"value":"x"}"#).await).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
    }
    for body in [
        r#"{"value":"canary with blanks"}"#,
        r#"{"value":"canary","for":["canary"]}"#,
        r#"{"value":["canary"]}"#,
        r#"{"values":"canary"}"#,
        r#""canary""#,
        "canary",
    ] {
        let answer = site.ask("PUT", "/admin/api/secrets/provider%2Fp", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    let answer = site.ask("PUT", "/admin/api/secrets/unknown", r#"{"value":"x"}"#).await;
    assert!(answer.status == 400 && answer.text().contains("--for"), "{}", answer.text());
    site.stop().await;
}
