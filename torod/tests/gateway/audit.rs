//! The audit trail: by name, for good, and never without what it tells of, nor that without it.

use serde_json::Value;
use torod::clock::Clock;
use torod::store::{Connection, schema};

use crate::site::Site;
use crate::support::{TestDaemon, chat_body};
use crate::versions::{send, with_file};

fn database(daemon: &TestDaemon) -> Connection {
    schema::open_writer(&daemon.folder.path().join("data")).unwrap()
}

/// Everything that changes leave in the database, beside the trail.
fn state(connection: &Connection) -> Vec<String> {
    let token = "id || public_id || hex(digest) || name || coalesce(revoked_ms, '') || limits || labels || version";
    let secret = "name || origins || hex(sealed)";
    let tables = [("token", token), ("token_removed", "public_id"), ("session", "public_id"), ("secret", secret)];
    let mut all = Vec::new();
    for (table, columns) in tables {
        let mut rows = connection.prepare(&format!("SELECT '{table} ' || {columns} FROM {table} ORDER BY 1")).unwrap();
        all.extend(rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    }
    all
}

const REFUSING: &str = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END";

#[tokio::test]
async fn what_cannot_be_told_is_not_done() {
    let daemon = with_file().await;
    let made = send(&daemon, "POST", "/tokens", None, r#"{"name":"t"}"#).await.json();
    let token = format!("/tokens/{}", made["id"].as_str().unwrap());
    let login = format!(r#"{{"key":{}}}"#, made["key"]);
    let session = send(&daemon, "POST", "/login", None, &login).await.json()["id"].as_str().unwrap().to_owned();
    let secret = r#"{"value":"s","for":["https://api.example.com"]}"#;
    assert_eq!(send(&daemon, "PUT", "/secrets/a", None, secret).await.status, 200);
    let version = send(&daemon, "GET", "/settings", None, "").await.json()["version"].to_string();
    let (file, database) = (daemon.folder.path().join("torod.toml"), database(&daemon));
    database.execute_batch(REFUSING).unwrap();
    database.execute_batch(&REFUSING.replace("full ", "begun ").replace("ON audit ", "ON audit_begun ")).unwrap();
    let (before, text) = (state(&database), std::fs::read(&file).unwrap());
    let new = r#"{"provider":"http://127.0.0.1:9/v1","name":"new","key":{"value":"sk-new-key-000000000"}}"#;
    for (method, path, body) in [
        ("POST", "/tokens", r#"{"name":"new"}"#.to_owned()),
        ("PATCH", &*token, r#"{"version":1,"name":"u","limits":{"concurrent":1}}"#.to_owned()),
        ("POST", &*format!("{token}/rotate"), String::new()),
        ("DELETE", &*token, String::new()),
        ("POST", "/login", login),
        ("DELETE", &*format!("/sessions/{session}"), String::new()),
        ("PUT", "/secrets/a", secret.to_owned()),
        ("PUT", "/secrets/b", secret.to_owned()),
        ("DELETE", "/secrets/a", String::new()),
        ("POST", "/secrets-key/rotate", String::new()),
        ("PATCH", "/settings", format!(r#"{{"version":{version},"set":{{"routing.attempts":2}}}}"#)),
        ("PATCH", "/routing", r#"{"active_model_profile":null}"#.to_owned()),
        ("POST", "/providers", new.to_owned()),
        ("PATCH", "/providers/sim", format!(r#"{{"version":{version},"set":{{"priority":3}}}}"#)),
        ("PUT", "/providers/sim/key", format!(r#"{{"version":{version},"key":{{"value":"sk-new-key-000000000"}}}}"#)),
        ("POST", "/providers/sim/disable", String::new()),
        ("DELETE", "/providers/sim", String::new()),
    ] {
        let answer = send(&daemon, method, path, None, &body).await;
        assert!(answer.status.is_server_error(), "{method} {path}: {} {}", answer.status, answer.text());
        assert_eq!(state(&database), before, "{method} {path}");
        assert_eq!(std::fs::read(&file).unwrap(), text, "{method} {path}");
    }
    // Nor is it in force.
    let mut request = daemon.request("/v1/chat/completions", chat_body("ok", ""));
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    request.headers_mut().insert("authorization", key.parse().unwrap());
    assert_eq!(daemon.send(request).await.status, 200);
    database.execute_batch("DROP TRIGGER full; DROP TRIGGER begun").unwrap();
    assert_eq!(send(&daemon, "DELETE", &token, None, "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn a_change_of_the_file_is_told_even_if_its_end_was_not_seen() {
    let daemon = with_file().await;
    let (file, database) = (daemon.folder.path().join("torod.toml"), database(&daemon));
    database.execute_batch(REFUSING).unwrap();
    assert!(send(&daemon, "POST", "/providers/sim/disable", None, "").await.status.is_server_error());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("enabled = false"), "{text}");
    // One that never came to its change.
    let sql =
        "INSERT INTO audit_begun (at_ms, actor, action, subject, detail, version) VALUES (1, '', 'x.y', '', '', ?1)";
    database.execute(sql, [torod::config::edit::version(&file).unwrap()]).unwrap();
    database.execute_batch("DROP TRIGGER full").unwrap();
    drop(database);
    let (simulator, folder) = daemon.stop_keeping().await;
    let daemon = TestDaemon::at_once(simulator, &text, Clock::system(), folder).await;
    let told = send(&daemon, "GET", "/audit", None, "").await.json();
    let actions: Vec<_> =
        told["entries"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token.create", "provider.disable", "token.create"], "{told}");
    let entry = &told["entries"][1];
    assert_eq!((entry["actor_name"].as_str(), entry["subject"].as_str()), (Some("test"), Some("sim")));
    assert!(entry["detail"].as_str().unwrap().contains("broken off"), "{entry}");
    daemon.stop().await;
}

#[tokio::test]
async fn entries_are_named_and_found_by_name_and_the_command_tells_them() {
    let mut site = Site::start("[[providers]]\nname = \"one\"\nbase_url = \"ONE/v1\"\n").await;
    let made: Value = site.ask("POST", "/admin/api/tokens", r#"{"name":"alice","role":"keymaster"}"#).await.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let below = site.head_as(key, "POST", "/admin/api/tokens", r#"{"name":"run_1%"}"#).await;
    assert_eq!(below.status(), 201);
    let renamed = format!("/admin/api/tokens/{id}");
    assert_eq!(site.ask("PATCH", &renamed, r#"{"version":1,"name":"bob"}"#).await.status, 200);
    let told = |words: &[&str]| -> Vec<Value> {
        serde_json::from_slice(&site.torod(&[&["audit", "--json"], words].concat()).stdout).unwrap()
    };
    let by_alice = told(&["--actor", "alice"]);
    assert_eq!(by_alice.len(), 1, "{by_alice:?}");
    assert_eq!((&by_alice[0]["actor"], &by_alice[0]["actor_name"]), (&Value::from(id), &Value::from("alice")));
    assert_eq!(by_alice[0]["subject_name"], "run_1%");
    let edited = told(&["--subject", id, "--action", "token.edit"]);
    assert_eq!((&edited[0]["before"]["name"], &edited[0]["after"]["name"]), (&"alice".into(), &"bob".into()));
    assert_eq!(told(&["--search", "run_1%"]).len(), 1);
    assert!(told(&["--search", "run%1"]).is_empty());
    let table = String::from_utf8(site.torod(&["audit", "--limit", "1"]).stdout).unwrap();
    assert!(table.lines().count() == 2 && table.contains("name alice → bob"), "{table}");
    let unclear = site.command(&["audit", "--since", "soon"]).output().unwrap();
    assert!(!unclear.status.success() && unclear.stderr.starts_with(b"torod: `--since soon` is no time"));
    site.end().await;
    let stopped = site.torod(&["audit", "--json", "--actor", "alice"]).stdout;
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&stopped).unwrap(), by_alice, "the same without a gateway");
}
