//! A disk that takes nothing: inference goes on, what waits is bounded and shown, and all is well again by itself.

use crate::rig::{ON, chat, daemon, said};
use crate::support::until;

#[tokio::test]
async fn a_disk_that_takes_nothing_harms_no_request_and_is_taken_again() {
    let daemon = daemon("").await;
    let file = daemon.folder.path().join("data").join("conversations.db");
    // Where the file should be there is a folder.
    std::fs::create_dir(&file).unwrap();
    let on = torod::config::Conversations { enabled: true, loopback: true, ..torod::config::Conversations::default() };
    daemon.app.conversations.configure(on);
    for _ in 0..3 {
        assert!(!said(&daemon.post("/v1/chat/completions", chat(&[("user", "hello")])).await).is_empty());
    }
    until("it is told", || async { daemon.app.conversations.status().error.is_some() }).await;
    let status = daemon.get("/v1/status").await.json();
    assert!(
        status["conversations"]["error"].is_string() && status["conversations"]["waiting"].as_u64().unwrap() > 0,
        "{status}"
    );
    std::fs::remove_dir(&file).unwrap();
    daemon.all_is_kept().await;
    assert_eq!(daemon.talks("").await.len(), 3);
    let status = daemon.app.conversations.status();
    assert_eq!((status.kept, status.lost, status.error), (3, 0, None));
    daemon.stop().await;
}

#[tokio::test]
async fn whoever_removes_something_does_not_wait_for_what_cannot_be_kept() {
    let daemon = daemon(ON).await;
    daemon.post("/v1/chat/completions", chat(&[("user", "hello")])).await;
    assert_eq!(daemon.talks("").await.len(), 1);
    let file = daemon.folder.path().join("data").join("conversations.db");
    let other = torod::store::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.post("/v1/chat/completions", chat(&[("user", "once more")])).await;
    until("it is told", || async { daemon.app.conversations.status().error.is_some() }).await;
    let remove = async || {
        let mut request = daemon.request("/admin/api/conversations", "");
        *request.method_mut() = http::Method::DELETE;
        daemon.send(request).await
    };
    let refused = remove().await;
    assert!(refused.status == 503 && refused.text().contains("busy"), "{} {}", refused.status, refused.text());
    assert!(daemon.app.conversations.status().error.is_some(), "it was answered while nothing could be kept");
    other.execute_batch("ROLLBACK").unwrap();
    daemon.all_is_kept().await;
    assert_eq!(remove().await.json()["exchanges"], 2);
    daemon.stop().await;
}

#[tokio::test]
async fn hostile_bodies_are_kept_or_refused_and_never_in_the_way() {
    let daemon = daemon(ON).await;
    let deep = format!(r#"{{"model":"all/ok","messages":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let many = format!(r#"{{"model":"all/ok","messages":[{}]}}"#, vec!["{}"; 20_000].join(","));
    let strange =
        r#"{"model":"all/ok","messages":[{"role":"user","content":"\ud800 \u0000 \u202e"},{"role":"weird"},7,null]}"#;
    for body in [deep.as_bytes(), many.as_bytes(), strange.as_bytes(), b"\xff\xfe{}", b"{", b""] {
        daemon.post("/v1/chat/completions", bytes::Bytes::copy_from_slice(body)).await;
    }
    assert!(!said(&daemon.post("/v1/chat/completions", chat(&[("user", "still here")])).await).is_empty());
    for talk in daemon.talks("?internal=true").await {
        let _ = daemon.talk(&talk["id"]).await;
        let export = daemon.get(&format!("/admin/api/conversations/{}/export?form=markdown", talk["id"])).await;
        assert_eq!(export.status, 200);
    }
    assert_eq!(daemon.app.conversations.status().lost, 0);
    daemon.stop().await;
}
