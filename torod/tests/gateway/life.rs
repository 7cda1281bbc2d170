//! Starting, stopping, and what is in the way of both.

use http_body_util::BodyExt;
use tokenrouter_simulator::{Settings, Simulator};
use torod::access::system_random;
use torod::clock::Clock;
use torod::config;
use torod::daemon::{Daemon, Options};

use crate::support::{SOON, TestDaemon, chat_body, configuration, events, port_zero};

async fn start(listen: &str, data_dir: &std::path::Path) -> anyhow::Result<Daemon> {
    let text = format!("listen_addr = \"{listen}\"\nauto_detect_local_servers = false");
    let config = config::parse(&text, "t").unwrap();
    Daemon::start(Options {
        config,
        file: None,
        data_dir: data_dir.into(),
        clock: Clock::system(),
        random: system_random,
        env: |_| None,
    })
    .await
}

#[tokio::test]
async fn a_soft_stop_lets_streams_finish_and_refuses_new_requests() {
    let daemon = TestDaemon::start().await;
    let request =
        daemon.request("/v1/chat/completions", chat_body("sim/ok+chunks=20+interval_ms=50", r#","stream":true"#));
    let mut stream = daemon.head(request).await.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    daemon.lifecycle.stop_softly();
    let refused = daemon.chat("ok", "").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "2"));
    assert_eq!(refused.json()["error"]["code"], "shutting_down");
    assert_eq!(daemon.get("/healthz").await.status, 503);
    let rest = stream.collect().await.unwrap().to_bytes();
    let all = [first.as_ref(), rest.as_ref()].concat();
    assert_eq!(events(&all).last().unwrap(), "[DONE]");
    let (simulator, folder) = daemon.stop_keeping().await;
    assert_eq!(crate::support::rows(folder.path(), "outcome, stream"), [["0", "1"]]);
    simulator.stop().await;
}

#[tokio::test]
async fn a_hard_stop_ends_streams_and_still_writes_their_rows() {
    let daemon = TestDaemon::start().await;
    let request = daemon.request("/v1/chat/completions", chat_body("sim/long+seconds=30", r#","stream":true"#));
    let mut stream = daemon.head(request).await.into_body();
    drop(stream.frame().await);
    daemon.lifecycle.stop_softly();
    daemon.lifecycle.stop_now();
    let ended = tokio::time::timeout(SOON, async { while let Some(Ok(_)) = stream.frame().await {} });
    ended.await.unwrap();
    let TestDaemon { simulator, folder, .. } = daemon;
    crate::support::until("the row is there", || async { !crate::support::rows(folder.path(), "id").is_empty() }).await;
    assert_eq!(crate::support::rows(folder.path(), "outcome"), [["1"]]);
    simulator.stop().await;
}

#[tokio::test]
async fn rows_and_tokens_survive_a_restart_and_ids_go_on() {
    let daemon = TestDaemon::start().await;
    let key = daemon.key.clone();
    daemon.chat("ok", "").await;
    let before: i64 = daemon.rows("id").await[0][0].parse().unwrap();
    let (simulator, folder) = daemon.stop_keeping().await;
    let text = configuration(&simulator.url(), "", "");
    // The clock has been set back by years; ids must not care.
    let mut daemon = TestDaemon::in_folder(simulator, &text, Clock::fixed(1_000_000), folder).await;
    daemon.key = key;
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    let after: i64 = daemon.rows("id").await[1][0].parse().unwrap();
    assert!(after > before);
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_in_the_way_of_a_start_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = start("127.0.0.1:0", folder.path()).await.unwrap();
    let taken = first.addr().to_string();
    let same_folder = start("127.0.0.1:0", folder.path()).await.err().unwrap().to_string();
    assert!(same_folder.contains("another torod is using") && same_folder.contains("--data-dir"), "{same_folder}");
    let other = tempfile::tempdir().unwrap();
    let same_port = start(&taken, other.path()).await.err().unwrap().to_string();
    assert!(same_port.contains(&taken) && same_port.contains("listen_addr"), "{same_port}");
    let file = other.path().join("file");
    std::fs::write(&file, "").unwrap();
    let unreadable = start("127.0.0.1:0", &file.join("data")).await.err().unwrap();
    assert!(format!("{unreadable:#}").contains(file.to_str().unwrap()), "{unreadable:#}");
    first.lifecycle().stop_softly();
    assert!(first.run().await);
}

#[tokio::test]
async fn a_provider_without_its_key_is_off_and_the_others_serve() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "")
        + &format!(
            "\n[[providers]]\nname = \"keyless\"\nbase_url = \"{}\"\napi_key = \"${{NO_SUCH_VARIABLE}}\"\n",
            simulator.url()
        );
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    let off = daemon.chat("keyless/ok", "").await;
    assert_eq!((off.status.as_u16(), off.json()["error"]["code"].as_str()), (404, Some("provider_disabled")));
    daemon.stop().await;
}

#[tokio::test]
async fn limits_of_concurrency_are_kept_and_places_are_given_back() {
    let more = "[limits]\nconcurrent = 4\nconcurrent_streams = 1\nconcurrent_per_provider = 2\n";
    let daemon = TestDaemon::with(more, "").await;
    let open = async |model: &str, more: &str| {
        daemon.head(daemon.request("/v1/chat/completions", chat_body(model, more))).await
    };
    let stream = open("sim/long+seconds=30", r#","stream":true"#).await;
    assert_eq!(stream.status(), 200);
    let second = daemon.chat("ok", r#","stream":true"#).await;
    assert_eq!((second.status.as_u16(), second.header("retry-after")), (503, "1"));
    assert!(second.text().contains("limits.concurrent_streams"), "{}", second.text());
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    let slow = async { daemon.chat("slow3s", "").await };
    let meanwhile = async {
        daemon.simulator.wait_calls(3, SOON).await.unwrap();
        daemon.chat("ok", "").await
    };
    let (slow, refused) = tokio::join!(slow, meanwhile);
    assert_eq!(slow.status, 200);
    assert!(refused.text().contains("limits.concurrent_per_provider"), "{}", refused.text());
    drop(stream);
    crate::support::until("the stream's place is free", || async { daemon.app.streams.count() == 0 }).await;
    assert_eq!(daemon.chat("ok", r#","stream":true"#).await.status, 200);
    daemon.stop().await;
}
