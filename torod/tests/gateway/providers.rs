//! Providers and settings by the admin API: what changes in the file, what is refused, and that no key comes out again.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::Simulator;

use crate::site::{Site, provider};
use crate::support::Answer;

const SECRET: &str = "sk-given-by-api-0123456789";

async fn ask(site: &Site, method: &Method, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.ask(method.as_str(), &format!("/admin/api{path}"), &body).await
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn version(site: &Site) -> String {
    ask(site, &Method::GET, "/providers", &Value::Null).await.json()["version"].as_str().unwrap().to_owned()
}

/// Who, what, to what, and more of every entry.
fn audit(site: &Site) -> Vec<(String, String, String, String)> {
    let connection = torod::store::schema::open_reader(&site.folder.path().join("data")).unwrap();
    let mut statement = connection.prepare("SELECT actor, action, subject, detail FROM audit ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn of_many_that_add_one_name_at_once_one_does() {
    let site = Site::start(&provider("ONE", "")).await;
    let wanted = json!({ "provider": format!("{}/v1", site.two.url()), "name": "second" });
    let adding = (0..8).map(|_| ask(&site, &Method::POST, "/providers", &wanted));
    let answers = futures_util::future::join_all(adding).await;
    let mut codes: Vec<_> = answers.iter().map(code).collect();
    codes.sort_unstable();
    let mut expected = vec![(409, "provider_exists".to_owned()); 8];
    expected[0] = (201, String::new());
    assert_eq!(codes, expected);
    site.stop().await;
}

/// Asserts that `model` is called with `key` at `at`.
async fn is_sent(site: &Site, at: &Simulator, model: &str, key: &str) {
    at.clear();
    site.chat(model).await;
    let sent: Vec<String> = (at.calls().iter())
        .flat_map(|call| call.headers.iter().filter(|(name, _)| name == "authorization"))
        .map(|(_, value)| value.clone())
        .collect();
    assert!(!sent.is_empty() && sent.iter().all(|value| *value == format!("Bearer {key}")), "{sent:?}, not {key}");
}

#[tokio::test]
async fn whoever_comes_second_leaves_no_key_behind() {
    let site = Site::start(&provider("ONE", "")).await;
    let url = format!("{}/v1", site.two.url());
    let key = |n: usize| format!("sk-of-many-at-once-{n}");
    let wanted: Vec<_> =
        (0..8).map(|n| json!({ "provider": url, "name": "second", "key": { "value": key(n) } })).collect();
    let adding = wanted.iter().map(|wanted| ask(&site, &Method::POST, "/providers", wanted));
    let answers = futures_util::future::join_all(adding).await;
    let added: Vec<usize> = (0..8).filter(|n| answers[*n].status == 201).collect();
    assert_eq!(added.len(), 1);
    is_sent(&site, &site.two, "second/second", &key(added[0])).await;

    let version = version(&site).await;
    let wanted: Vec<_> = (8..16).map(|n| json!({ "version": version, "key": { "value": key(n) } })).collect();
    let changing = wanted.iter().map(|wanted| ask(&site, &Method::PUT, "/providers/p/key", wanted));
    let answers = futures_util::future::join_all(changing).await;
    let changed: Vec<usize> = (0..8).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(changed.len(), 1, "the file is at another version after the first");
    is_sent(&site, &site.one, "p/first", &key(8 + changed[0])).await;
    site.stop().await;
}

#[tokio::test]
async fn a_provider_is_added_changed_tried_and_removed_and_its_key_never_comes_out() {
    let site = Site::start(&format!("# mine\n{}", provider("ONE", "# why\npriority = 3"))).await;
    let two = site.two.url();
    let wanted = json!({ "provider": format!("{two}/v1"), "name": "second", "key": { "value": SECRET } });
    let added = ask(&site, &Method::POST, "/providers", &wanted).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(added.json()["keys"][0]["source"], "secret:provider/second");
    assert_eq!(code(&ask(&site, &Method::POST, "/providers", &wanted).await), (409, "provider_exists".into()));
    site.chat("second/second").await;
    let called = site.two.calls();
    assert!(called.iter().any(|call| call.headers.iter().any(|(_, value)| *value == format!("Bearer {SECRET}"))));
    let tried = ask(&site, &Method::POST, "/providers/second/test", &Value::Null).await;
    assert_eq!((tried.status.as_u16(), tried.json()["works"].as_bool()), (200, Some(true)), "{}", tried.text());
    let text = std::fs::read_to_string(site.file()).unwrap();
    assert!(
        text.contains("# mine") && text.contains("# why") && text.contains("{ secret = \"provider/second\" }"),
        "{text}"
    );

    let set = json!({ "version": version(&site).await, "set": { "priority": 9, "timeouts.connect": "3s" } });
    let changed = ask(&site, &Method::PATCH, "/providers/p", &set).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(code(&ask(&site, &Method::PATCH, "/providers/p", &set).await), (409, "version_conflict".into()));
    let text = std::fs::read_to_string(site.file()).unwrap();
    assert!(text.contains("# why\npriority = 9") && text.contains("connect = \"3s\""), "{text}");
    let shown = ask(&site, &Method::GET, "/providers/P", &Value::Null).await.json();
    assert_eq!((shown["provider"]["priority"].as_i64(), shown["in_file"].as_bool()), (Some(9), Some(true)));

    assert_eq!(ask(&site, &Method::POST, "/providers/second/disable", &Value::Null).await.status, 200);
    let list = ask(&site, &Method::GET, "/providers", &Value::Null).await.json();
    assert_eq!(
        (list["providers"][1]["name"].as_str(), list["providers"][1]["state"].as_str()),
        (Some("second"), Some("disabled"))
    );
    assert_eq!(ask(&site, &Method::POST, "/providers/second/enable", &Value::Null).await.status, 200);
    assert_eq!(ask(&site, &Method::DELETE, "/providers/second", &Value::Null).await.status, 204);
    assert_eq!(
        code(&ask(&site, &Method::GET, "/providers/second", &Value::Null).await),
        (404, "provider_not_found".into())
    );
    assert_eq!(
        code(&ask(&site, &Method::DELETE, "/providers/q", &Value::Null).await),
        (404, "provider_not_found".into())
    );

    let trail = audit(&site);
    let actions: Vec<_> = trail.iter().map(|(_, action, subject, _)| format!("{action} {subject}")).collect();
    for expected in [
        "secret.create provider/second",
        "provider.add second",
        "provider.test second",
        "provider.change p",
        "provider.disable second",
        "provider.enable second",
        "provider.remove second",
    ] {
        assert!(actions.iter().any(|action| action == expected), "{expected}: {actions:?}");
    }
    let (actor, _, _, detail) = trail.iter().find(|entry| entry.1 == "provider.change").unwrap();
    assert!(actor.starts_with("tok_"));
    let detail: Value = serde_json::from_str(detail).unwrap();
    assert_eq!(detail["priority"], json!({ "before": 3, "after": 9 }));
    let log = site.log();
    let everything = format!("{trail:?}{log}{}{}{}", list, shown, std::fs::read_to_string(site.file()).unwrap());
    assert!(!everything.contains(SECRET));
    site.stop().await;
}

/// The stored secrets by name, each with where it may be sent.
async fn stored(site: &Site) -> Vec<(String, String)> {
    let list = ask(site, &Method::GET, "/secrets", &Value::Null).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["secrets"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["for"][0]))).collect()
}

#[tokio::test]
async fn an_address_changes_with_its_key_and_a_key_that_is_taken_out_is_forgotten() {
    let site = Site::start(&provider("ONE", "")).await;
    let (one, two) = (site.one.url(), site.two.url());
    let wanted = json!({ "provider": format!("{two}/v1"), "name": "moved", "key": { "value": "sk-first-00000000" } });
    assert_eq!(ask(&site, &Method::POST, "/providers", &wanted).await.status, 201);
    let move_to = |version: String, key: Value| {
        let mut body = json!({ "version": version, "set": { "base_url": format!("{one}/v1") } });
        if !key.is_null() {
            body["key"] = key;
        }
        body
    };
    // Its sealed key is for the old address alone: it would be out of reach from then on.
    let before = std::fs::read_to_string(site.file()).unwrap();
    let refused = ask(&site, &Method::PATCH, "/providers/moved", &move_to(version(&site).await, Value::Null)).await;
    assert_eq!(code(&refused), (422, "key_elsewhere".into()), "{}", refused.text());
    for said in [two.as_str(), one.as_str(), "provider/moved", "again"] {
        assert!(refused.text().contains(said), "{said}: {}", refused.text());
    }
    assert_eq!(std::fs::read_to_string(site.file()).unwrap(), before);
    is_sent(&site, &site.two, "moved/second", "sk-first-00000000").await;
    // Neither is a key that is for elsewhere taken, nor one kept for what cannot be written.
    let other = json!({ "version": version(&site).await, "key": { "secret": "provider/moved" } });
    assert_eq!(code(&ask(&site, &Method::PUT, "/providers/p/key", &other).await), (422, "key_elsewhere".into()));
    let wrong = json!({ "version": version(&site).await, "set": { "priority": "x" }, "key": { "value": "sk-lost" } });
    assert_eq!(ask(&site, &Method::PATCH, "/providers/moved", &wrong).await.status, 422);
    assert_eq!(stored(&site).await, [("provider/moved".to_owned(), two.clone())]);

    let key = json!({ "value": "sk-second-0000000" });
    let moved = ask(&site, &Method::PATCH, "/providers/moved", &move_to(version(&site).await, key)).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(stored(&site).await, [("provider/moved".to_owned(), one.clone())]);
    is_sent(&site, &site.one, "moved/first", "sk-second-0000000").await;

    let more = json!({ "version": version(&site).await, "name": "more", "key": { "value": "sk-third-00000000" } });
    assert_eq!(ask(&site, &Method::POST, "/providers/moved/keys", &more).await.status, 200);
    assert_eq!(stored(&site).await.len(), 2);
    assert_eq!(ask(&site, &Method::DELETE, "/providers/moved/keys/more", &Value::Null).await.status, 204);
    assert_eq!(stored(&site).await, [("provider/moved".to_owned(), one.clone())], "what was for that key alone");
    // What another provider uses too stays.
    let shared = json!({ "provider": format!("{one}/v1"), "name": "shared", "key": { "secret": "provider/moved" } });
    assert_eq!(ask(&site, &Method::POST, "/providers", &shared).await.status, 201);
    assert_eq!(ask(&site, &Method::DELETE, "/providers/moved", &Value::Null).await.status, 204);
    assert_eq!(stored(&site).await.len(), 1);
    is_sent(&site, &site.one, "shared/first", "sk-second-0000000").await;
    assert_eq!(ask(&site, &Method::DELETE, "/providers/shared", &Value::Null).await.status, 204);
    assert_eq!(stored(&site).await.len(), 1, "it has the name of another");
    let freed: Vec<_> = audit(&site).into_iter().filter(|(_, action, ..)| action == "secret.remove").collect();
    assert_eq!(freed.len(), 1);
    assert_eq!(
        (freed[0].2.as_str(), freed[0].3.as_str()),
        ("provider/moved/more", "with provider.key_remove of moved")
    );
    site.stop().await;
}

/// Row 110 and more: an admin of the gateway is not the owner of its machine.
#[tokio::test]
async fn the_api_starts_no_program_reads_no_file_and_sends_no_key_elsewhere() {
    let key = "api_key = { file = \"/dev/null\" }\nheaders = { x-team = \"scarlet\" }";
    let site = Site::start(&provider("ONE", key)).await;
    let before = std::fs::read_to_string(site.file()).unwrap();
    let now = version(&site).await;
    let set = |key: &str, value: Value| json!({ "version": now, "set": { key: value } });
    for (wanted, expected) in [
        (set("api_key", json!("sk-x")), (403, "not_from_here")),
        (set("api_keys", json!(["sk-x"])), (403, "not_from_here")),
        (set("api_key.command", json!("id")), (403, "not_from_here")),
        (set("headers.authorization", json!("x")), (403, "not_from_here")),
        (set("name", json!("other")), (403, "not_from_here")),
        (set("base_url", json!("http://127.0.0.1:1/v1")), (403, "not_from_here")),
        (set("priority", json!("high")), (422, "config_invalid")),
        (set("nonsense", json!(1)), (422, "config_invalid")),
        (set("a b", json!(1)), (422, "config_invalid")),
        (json!({ "set": {} }), (428, "version_required")),
        (json!({ "version": "x" }), (400, "bad_request")),
        (set("timeouts", json!({ "connect": "1s" })), (400, "bad_request")),
    ] {
        let answer = ask(&site, &Method::PATCH, "/providers/p", &wanted).await;
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{wanted}: {}", answer.text());
    }
    for (wanted, expected) in [
        (json!({ "provider": "http://h.example/v1", "name": "n", "key": { "command": "id" } }), (400, "bad_request")),
        (
            json!({ "provider": "http://h.example/v1", "name": "n", "key": { "file": "/etc/passwd" } }),
            (400, "bad_request"),
        ),
        (json!({ "provider": "http://h.example/v1", "name": "n", "key": { "env": "PATH" } }), (403, "not_from_here")),
        (json!({ "provider": "groq", "key": { "env": "PATH" } }), (403, "not_from_here")),
        (json!({ "provider": "groq" }), (422, "key_missing")),
        (json!({ "provider": "grok-nonsense" }), (422, "provider_invalid")),
        (json!({ "provider": "https://me:pass@h.example" }), (422, "provider_invalid")),
        (json!({ "provider": "groq", "name": "a\nb", "key": { "value": "x" } }), (422, "provider_invalid")),
        (json!({ "provider": "groq", "key": { "value": "a b" } }), (400, "bad_value")),
    ] {
        let answer = ask(&site, &Method::POST, "/providers", &wanted).await;
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{wanted}: {}", answer.text());
        assert!(!answer.text().contains("me:pass"));
    }
    let key = |given: Value| json!({ "version": now, "key": given });
    for (wanted, expected) in [
        (key(json!({ "env": "PATH" })), (403, "not_from_here")),
        (key(json!({ "command": "id" })), (400, "bad_request")),
        (json!({ "version": "0", "key": { "value": "sk-x" } }), (409, "version_conflict")),
    ] {
        let answer = ask(&site, &Method::PUT, "/providers/p/key", &wanted).await;
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{wanted}: {}", answer.text());
    }
    assert_eq!(std::fs::read_to_string(site.file()).unwrap(), before);
    let given = ask(&site, &Method::PUT, "/providers/p/key", &key(json!({ "value": SECRET }))).await;
    assert_eq!(given.status, 200, "{}", given.text());
    site.chat("p/first").await;
    let called = site.one.calls();
    assert!(called.iter().any(|call| call.headers.iter().any(|(_, value)| *value == format!("Bearer {SECRET}"))));
    site.stop().await;
}

#[tokio::test]
async fn settings_are_shown_with_defaults_and_changed_all_or_none() {
    let site = Site::start(&provider("ONE", "")).await;
    let shown = ask(&site, &Method::GET, "/settings", &Value::Null).await.json();
    let one = |shown: &Value, key: &str| {
        shown["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).cloned().unwrap()
    };
    let attempts = one(&shown, "routing.attempts");
    assert_eq!((attempts["value"].as_i64(), attempts["default"].as_i64()), (Some(3), Some(3)));
    assert!(attempts["meaning"].as_str().unwrap().contains("Calls in all for one request"));
    assert_eq!(one(&shown, "allow_localhost_no_auth")["value"], false);
    let now = shown["version"].as_str().unwrap();
    let set = |version: &str, set: Value| json!({ "version": version, "set": set });
    let wanted = set(now, json!({ "routing.attempts": 7, "admin.hosts": ["gw.lan"], "lossy": "reject" }));
    let changed = ask(&site, &Method::PATCH, "/settings", &wanted).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let shown = ask(&site, &Method::GET, "/settings", &Value::Null).await.json();
    assert_eq!(shown["version"], changed.json()["version"]);
    assert_eq!(
        (&one(&shown, "routing.attempts")["value"], &one(&shown, "admin.hosts")["value"]),
        (&json!(7), &json!(["gw.lan"]))
    );
    let before = std::fs::read_to_string(site.file()).unwrap();
    let now = shown["version"].as_str().unwrap();
    for (wanted, expected) in [
        (wanted.clone(), (409, "version_conflict")),
        (set(now, json!({ "routing.attempts": 5, "routing.attempt": 5 })), (422, "setting_unknown")),
        (set(now, json!({ "routing.attempts": 5, "lossy": "perhaps" })), (422, "config_invalid")),
        (set(now, json!({ "routing.attempts": "five" })), (422, "config_invalid")),
        (set(now, json!({ "providers": 1 })), (422, "setting_unknown")),
        (set(now, json!({ "server.trusted_proxies": ["0.0.0.0/0"] })), (422, "config_invalid")),
    ] {
        let answer = ask(&site, &Method::PATCH, "/settings", &wanted).await;
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{wanted}: {}", answer.text());
    }
    assert_eq!(std::fs::read_to_string(site.file()).unwrap(), before, "all or nothing");
    let undone = ask(&site, &Method::PATCH, "/settings", &set(now, json!({ "routing.attempts": null }))).await;
    assert_eq!(undone.status, 200);
    let trail = audit(&site);
    let details: Vec<_> =
        trail.iter().filter(|entry| entry.1 == "settings.change").map(|entry| entry.3.as_str()).collect();
    assert!(details[0].contains(r#""routing.attempts":{"after":7,"before":3}"#), "{details:?}");
    assert_eq!(details[1], r#"{"routing.attempts":{"after":null,"before":7}}"#);
    site.stop().await;
}

/// Of many who change the same version at once, one does.
#[tokio::test]
async fn of_two_changes_for_one_version_one_is_made() {
    let site = Site::start(&provider("ONE", "")).await;
    let now = version(&site).await;
    let set = |n: i64| json!({ "version": now, "set": { "routing.attempts": n } });
    let (one, two, three, four) = (set(4), set(5), set(6), set(7));
    let answers = tokio::join!(
        ask(&site, &Method::PATCH, "/settings", &one),
        ask(&site, &Method::PATCH, "/settings", &two),
        ask(&site, &Method::PATCH, "/settings", &three),
        ask(&site, &Method::PATCH, "/settings", &four),
    );
    let mut statuses = [answers.0.status, answers.1.status, answers.2.status, answers.3.status].map(|s| s.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    site.stop().await;
}
