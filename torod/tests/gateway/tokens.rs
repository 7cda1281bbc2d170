//! Tokens by the admin API: pages, changes, new keys, the audit trail, and who may do what.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::store::{schema, tokens};

use crate::support::{Answer, TestDaemon, configuration, port_zero, until};

const PATH: &str = "/admin/api/tokens";
const DAY_MS: i64 = 86_400_000;

/// Asks with the key of a token, or with the daemon's own for none.
async fn ask(daemon: &TestDaemon, method: Method, path: &str, key: Option<&str>, body: &str) -> Answer {
    let mut request = daemon.request(path, body.to_owned());
    *request.method_mut() = method;
    if let Some(key) = key {
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    }
    daemon.send(request).await
}

/// Makes a token; its id and key.
async fn made(daemon: &TestDaemon, key: Option<&str>, body: &str) -> (String, String) {
    let answer = ask(daemon, Method::POST, PATH, key, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn ids(page: &Value) -> Vec<String> {
    page["tokens"].as_array().unwrap().iter().map(|token| token["id"].as_str().unwrap().to_owned()).collect()
}

async fn at(ms: i64) -> (TestDaemon, Clock) {
    let clock = Clock::fixed(ms);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "");
    (TestDaemon::configured(simulator, &text, clock.clone()).await, clock)
}

#[tokio::test]
async fn a_list_comes_in_pages_and_holds_what_was_asked_for() {
    let daemon = TestDaemon::start().await;
    let mut expected = ids(&daemon.get(PATH).await.json());
    for n in 0..7 {
        let body = json!({ "name": format!("100%-{n}"), "role": if n == 3 { "keymaster" } else { "inferrer" },
            "labels": { "team": if n % 2 == 0 { "red" } else { "blue" } } });
        expected.push(made(&daemon, None, &body.to_string()).await.0);
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("{PATH}?limit=3&cursor={next}")).await.json();
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(cursor) => cursor.clone_into(&mut next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    let found = async |query: &str| ids(&daemon.get(&format!("{PATH}?{query}")).await.json());
    assert_eq!(found("q=100%25-3").await, expected[4..5]);
    assert_eq!(found("q=team%3Dblue&role=inferrer").await, [expected[2].clone(), expected[6].clone()]);
    assert_eq!(found("q=%25%25").await, Vec::<String>::new());
    assert_eq!(found("sort=name&order=desc&limit=2").await, [expected[0].clone(), expected[7].clone()]);
    assert_eq!(found(&format!("parent={}&role=keymaster", expected[0])).await, expected[4..5]);
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{PATH}/{}", expected[4]), None, "").await.status, 200);
    assert_eq!(found("all=true&state=revoked").await, expected[4..5]);
    assert_eq!((found("").await.len(), found("all=true").await.len()), (7, 8));
    for query in [
        "limit=0",
        "limit=501",
        "limit=x",
        "sort=age",
        "role=root",
        "state=dead",
        "cursor=x",
        "page=2",
        "q=a&q=b",
        "all=1",
    ] {
        let answer = daemon.get(&format!("{PATH}?{query}")).await;
        assert_eq!(code(&answer), (400, "bad_request".to_owned()), "{query}");
        assert!(answer.json()["error"]["advice"].as_str().is_some_and(|advice| advice.ends_with('.')), "{query}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_is_changed_field_by_field_and_only_at_its_version() {
    let daemon = TestDaemon::start().await;
    let wanted = json!({ "name": "ci", "labels": { "team": "red" }, "capture": false, "limits": {
        "budgets": [{ "unit": "usd_nanos", "limit": 5_000_000_000_i64, "window": { "calendar": "month", "time_zone": "Europe/Berlin" } }],
        "requests_per_minute": 60, "models": { "allow": ["sim/*"] } } });
    let (id, _) = made(&daemon, None, &wanted.to_string()).await;
    let path = format!("{PATH}/{id}");
    let shown = daemon.get(&path).await;
    assert_eq!(shown.header("etag"), "\"1\"");
    let shown = shown.json();
    for field in ["name", "labels", "capture", "limits"] {
        assert_eq!(shown[field], wanted[field], "{field}");
    }
    assert_eq!(
        (&shown["below"], shown["path"][0]["name"].as_str(), &shown["last_used_ms"]),
        (&json!(0), Some("test"), &json!(null))
    );
    assert_eq!(shown["created_by"], shown["path"][0]["id"]);
    let patch = async |body: &str| ask(&daemon, Method::PATCH, &path, None, body).await;
    assert_eq!(code(&patch(r#"{"name":"x"}"#).await), (428, "version_required".into()));
    // A list of values is no object, in whatever order they stand.
    for body in ["[1]", "[]", " [1,\"x\"]", "null", "\"x\"", "1"] {
        assert_eq!(code(&patch(body).await), (400, "bad_request".into()), "{body}");
        assert_eq!(code(&ask(&daemon, Method::POST, PATH, None, body).await), (400, "bad_request".into()), "{body}");
        let rotate = ask(&daemon, Method::POST, &format!("{path}/rotate"), None, body).await;
        assert_eq!(code(&rotate), (400, "bad_request".into()), "{body}");
    }
    let changed = patch(
        r#"{"version":1,"limits":{"requests_per_minute":null,"concurrent":2},"labels":{"team":null,"env":"dev"}}"#,
    )
    .await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
    let changed = changed.json();
    assert_eq!(changed["labels"], json!({ "env": "dev" }));
    assert_eq!(
        changed["limits"],
        json!({ "budgets": wanted["limits"]["budgets"], "concurrent": 2, "models": { "allow": ["sim/*"] } })
    );
    let late = patch(r#"{"version":1,"name":"late"}"#).await;
    assert_eq!(code(&late), (409, "version_conflict".into()));
    assert!(late.text().contains("version 2"), "{}", late.text());
    let with_header = async |tag: &str, body: &str| {
        let mut request = daemon.request(&path, body.to_owned());
        *request.method_mut() = Method::PATCH;
        request.headers_mut().insert("if-match", tag.parse().unwrap());
        daemon.send(request).await.status.as_u16()
    };
    assert_eq!(with_header("\"1\"", r#"{"name":"b"}"#).await, 409);
    assert_eq!(with_header("\"2\"", r#"{"name":"b","version":1}"#).await, 400);
    assert_eq!(with_header("\"2\", \"3\"", r#"{"name":"b"}"#).await, 400);
    assert_eq!(with_header("\"2\"", r#"{"name":"b"}"#).await, 200);
    assert_eq!(with_header("*", r#"{"name":"b"}"#).await, 200, "which it has already");
    for body in [
        r#"{"version":3,"role":"admin"}"#,
        r#"{"version":3,"parent":null}"#,
        r#"{"version":3,"limits":{"budgets":[{"unit":"tokens","limit":1,"window":{"calendar":"day","time_zone":"Nowhere/City"}}]}}"#,
        "null",
        "{",
    ] {
        assert_eq!(patch(body).await.status, 400, "{body}");
    }
    assert_eq!(daemon.get(&path).await.json()["version"], 3);
    daemon.stop().await;
}

#[tokio::test]
async fn two_changes_of_the_same_version_are_one_change() {
    let daemon = TestDaemon::start().await;
    let (id, _) = made(&daemon, None, "{}").await;
    let path = format!("{PATH}/{id}");
    let one = async |name: &str| {
        let body = json!({ "version": 1, "name": name }).to_string();
        ask(&daemon, Method::PATCH, &path, None, &body).await.status.as_u16()
    };
    let (a, b, c, d) = tokio::join!(one("a"), one("b"), one("c"), one("d"));
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    daemon.stop().await;
}

#[tokio::test]
async fn who_may_see_change_and_end_which_token() {
    let daemon = TestDaemon::start().await;
    let (lead, lead_key) = made(&daemon, None, r#"{"role":"keymaster","name":"lead"}"#).await;
    let (own, own_key) = made(&daemon, Some(&lead_key), r#"{"role":"inferrer","name":"own"}"#).await;
    let (other, other_key) = made(&daemon, None, r#"{"role":"inferrer","name":"other"}"#).await;
    let change = r#"{"version":1,"name":"renamed"}"#;
    let forbidden = (403, "own_token".to_owned());
    let inferrer = (403, "role_forbidden".to_owned());
    let unseen = (404, "token_not_found".to_owned());
    for (key, which, see, edit) in [
        (&lead_key, &lead, (200, String::new()), forbidden.clone()),
        (&lead_key, &other, unseen.clone(), unseen.clone()),
        (&own_key, &own, (200, String::new()), inferrer.clone()),
        (&own_key, &lead, unseen.clone(), inferrer.clone()),
        (&other_key, &own, unseen.clone(), inferrer.clone()),
    ] {
        let path = format!("{PATH}/{which}");
        assert_eq!(code(&ask(&daemon, Method::GET, &path, Some(key), "").await), see, "{key} sees {which}");
        assert_eq!(code(&ask(&daemon, Method::PATCH, &path, Some(key), change).await), edit, "{key} edits {which}");
        let rotate = format!("{path}/rotate");
        assert_eq!(code(&ask(&daemon, Method::POST, &rotate, Some(key), "").await), edit, "{key} rotates {which}");
    }
    let listed = ids(&ask(&daemon, Method::GET, PATH, Some(&own_key), "").await.json());
    assert_eq!(listed, std::slice::from_ref(&own));
    let listed = ids(&ask(&daemon, Method::GET, PATH, Some(&lead_key), "").await.json());
    assert_eq!(listed, [lead.clone(), own.clone()]);
    let edited = ask(&daemon, Method::PATCH, &format!("{PATH}/{own}"), Some(&lead_key), change).await;
    assert_eq!(edited.json()["path"], json!([{ "id": lead, "name": "lead" }]));
    assert_eq!(ask(&daemon, Method::GET, "/admin/api/audit", Some(&lead_key), "").await.status, 403);
    // Nobody ends what it does not see; everybody ends itself, and only that at once.
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{PATH}/{lead}"), Some(&own_key), "").await.status, 404);
    let ended = ask(&daemon, Method::DELETE, &format!("{PATH}/{other}"), Some(&other_key), "").await;
    assert_eq!(ended.json()["revoked"], json!([other]));
    assert_eq!(code(&ask(&daemon, Method::GET, PATH, Some(&other_key), "").await), (401, "token_revoked".to_owned()));
    let ended = ask(&daemon, Method::DELETE, &format!("{PATH}/lead"), None, "").await;
    assert_eq!(ended.json()["revoked"], json!([lead, own]));
    assert_eq!(ask(&daemon, Method::GET, PATH, Some(&own_key), "").await.status, 401);
    let all = daemon.get(&format!("{PATH}?all=true&q=renamed")).await.json();
    assert_eq!((&all["tokens"][0]["state"], &all["tokens"][0]["ended_by"]), (&json!("revoked"), &json!(lead)));
    daemon.stop().await;
}

#[tokio::test]
async fn shortening_a_parent_ends_what_lies_below_it_at_once() {
    let (daemon, clock) = at(1_800_000_000_000).await;
    let (lead, lead_key) = made(&daemon, None, r#"{"role":"keymaster"}"#).await;
    let (_, own_key) =
        made(&daemon, Some(&lead_key), &json!({ "role": "keymaster", "ttl_ms": DAY_MS }).to_string()).await;
    let (leaf, leaf_key) = made(&daemon, Some(&own_key), "{}").await;
    let models = async |key: &str| ask(&daemon, Method::GET, "/v1/models", Some(key), "").await.status.as_u16();
    assert_eq!(models(&leaf_key).await, 200);
    let change = json!({ "version": 1, "ttl_ms": 1000 }).to_string();
    assert_eq!(ask(&daemon, Method::PATCH, &format!("{PATH}/{lead}"), None, &change).await.status, 200);
    assert_eq!(daemon.get(&format!("{PATH}/{leaf}")).await.json()["expires_ms"], 1_800_000_001_000_i64);
    clock.advance(999);
    assert_eq!(models(&leaf_key).await, 200);
    clock.advance(1);
    assert_eq!((models(&lead_key).await, models(&own_key).await, models(&leaf_key).await), (401, 401, 401));
    let shown = daemon.get(&format!("{PATH}/{leaf}")).await.json();
    assert_eq!((&shown["state"], &shown["ended_by"]), (&json!("expired"), &json!(lead)));
    let (simulator, folder) = daemon.stop_keeping().await;
    let text = configuration(&simulator.url(), "", "");
    let daemon = TestDaemon::in_folder(simulator, &text, clock, folder).await;
    assert_eq!(ask(&daemon, Method::GET, "/v1/models", Some(&leaf_key), "").await.status, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn a_rotated_key_opens_no_more_or_for_as_long_as_was_asked() {
    let (daemon, clock) = at(1_800_000_000_000).await;
    let (id, first) = made(&daemon, None, "{}").await;
    let path = format!("{PATH}/{id}/rotate");
    let models = async |key: &str| ask(&daemon, Method::GET, "/v1/models", Some(key), "").await.status.as_u16();
    let rotated = ask(&daemon, Method::POST, &path, None, "").await;
    assert_eq!((rotated.status.as_u16(), rotated.header("cache-control")), (200, "no-store"));
    let second = rotated.json()["key"].as_str().unwrap().to_owned();
    assert_eq!((rotated.json()["id"].as_str(), models(&first).await, models(&second).await), (Some(&*id), 401, 200));
    let rotated = ask(&daemon, Method::POST, &path, None, r#"{"grace_ms":60000}"#).await.json();
    let third = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!((models(&second).await, models(&third).await), (200, 200));
    for wrong in [r#"{"grace_ms":86400001}"#, r#"{"grace_ms":-1}"#, r#"{"grace":1}"#, "x"] {
        assert_eq!(ask(&daemon, Method::POST, &path, None, wrong).await.status, 400, "{wrong}");
    }
    clock.advance(60_000);
    assert_eq!((models(&second).await, models(&third).await), (401, 200));
    assert_eq!(daemon.get(&format!("{PATH}/{id}")).await.json()["version"], 3);
    let trail = daemon.get(&format!("/admin/api/audit?subject={id}&action=token.rotate")).await.text();
    assert!(trail.contains(r#""after":{"key":"[secret]"}"#) && !trail.contains("tr_"), "{trail}");
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{PATH}/{id}"), None, "").await.status, 200);
    assert_eq!(code(&ask(&daemon, Method::POST, &path, None, "").await), (409, "token_ended".to_owned()));
    assert_eq!(models(&third).await, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn every_change_is_in_the_audit_trail_and_can_be_found() {
    let (daemon, clock) = at(1_800_000_000_000).await;
    let (lead, key) = made(&daemon, None, r#"{"role":"keymaster","name":"lead"}"#).await;
    clock.advance(10);
    let (own, _) = made(&daemon, Some(&key), r#"{"name":"own","labels":{"a":"1"}}"#).await;
    let change = r#"{"version":1,"labels":{"a":"2"},"limits":{"concurrent":3}}"#;
    assert_eq!(ask(&daemon, Method::PATCH, &format!("{PATH}/{own}"), Some(&key), change).await.status, 200);
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{PATH}/{lead}"), None, "").await.status, 200);
    let found = async |query: &str| {
        let page = daemon.get(&format!("/admin/api/audit?{query}")).await.json();
        let told = page["entries"].as_array().unwrap().iter();
        told.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&format!("actor={lead}")).await, ["token.edit", "token.create"]);
    assert_eq!(found(&format!("subject={own}")).await, ["token.revoke", "token.edit", "token.create"]);
    assert_eq!(found("action=token.revoke").await.len(), 2);
    assert_eq!(found("until_ms=1800000000010").await.len(), 2);
    let first = daemon.get("/admin/api/audit?limit=2").await.json();
    let rest = daemon.get(&format!("/admin/api/audit?cursor={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!((first["entries"].as_array().unwrap().len(), rest["entries"].as_array().unwrap().len()), (2, 4));
    let edit = daemon.get("/admin/api/audit?action=token.edit").await.json()["entries"][0].clone();
    assert_eq!(edit["before"], json!({ "labels": { "a": "1" }, "limits": {} }));
    assert_eq!(edit["after"], json!({ "labels": { "a": "2" }, "limits": { "concurrent": 3 } }));
    for query in ["limit=0", "who=x", "since_ms=yesterday"] {
        assert_eq!(daemon.get(&format!("/admin/api/audit?{query}")).await.status, 400, "{query}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn the_last_use_is_told_with_its_address() {
    let (daemon, _clock) = at(1_800_000_000_000).await;
    let (id, key) = made(&daemon, None, "{}").await;
    assert_eq!(ask(&daemon, Method::GET, "/v1/models", Some(&key), "").await.status, 200);
    let path = format!("{PATH}/{id}");
    until("its last use is written", || async {
        let shown = daemon.get(&path).await.json();
        shown["last_used_ms"] == 1_800_000_000_000_i64 && shown["last_used_from"] == "127.0.0.1"
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn what_a_removed_token_used_is_still_told_by_its_name() {
    let (daemon, clock) = at(1_800_000_000_000).await;
    let (id, key) = made(&daemon, None, r#"{"name":"gone"}"#).await;
    let chat = crate::support::chat_body("sim/ok", "");
    assert_eq!(ask(&daemon, Method::POST, "/v1/chat/completions", Some(&key), &chat).await.status, 200);
    assert_eq!(daemon.rows("token_id").await.len(), 1);
    assert_eq!(ask(&daemon, Method::DELETE, &format!("{PATH}/{id}"), None, "").await.status, 200);
    clock.advance(31 * DAY_MS);
    let (simulator, folder) = daemon.stop_keeping().await;
    let text = configuration(&simulator.url(), "", "");
    // The first round comes with the start.
    let daemon = TestDaemon::in_folder(simulator, &text, clock, folder).await;
    until("it is removed", || async { daemon.get(&format!("{PATH}/{id}")).await.status == 404 }).await;
    let answer = ask(&daemon, Method::GET, "/v1/models", Some(&key), "").await;
    assert_eq!(code(&answer), (401, "token_unknown".to_owned()));
    let data = daemon.folder.path().join("data");
    let reader = schema::open_reader(&data).unwrap();
    assert_eq!(tokens::by_name(&reader, "gone", None, 0, 9).unwrap(), []);
    let report = daemon.get("/admin/api/usage?by=token&period=90d").await.json();
    assert_eq!(report["rows"][0]["names"][0], "gone (removed)", "{report}");
    let trail = daemon.get(&format!("/admin/api/audit?subject={id}&actor=torod")).await.json();
    assert_eq!(trail["entries"][0]["action"], "token.remove");
    daemon.stop().await;
}
