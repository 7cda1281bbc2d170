//! Model servers of this machine: used while they are there, without anybody telling the daemon.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::act::Act;
use crate::rig::HEAD;
use crate::support::{TestDaemon, port_zero, until};
use crate::upstream::Upstream;

/// The usual ports of this machine are none of a test's business: only `port` is looked at, for a preset `mine`.
async fn daemon(port: u16, clock: Clock) -> TestDaemon {
    let mut text = HEAD.replace("auto_detect_local_servers = false", "auto_detect_local_servers = true");
    for preset in ["ollama", "lmstudio", "llama-cpp", "vllm"] {
        text += &format!("[presets.{preset}]\nprotocols = {{ openai = \"http://127.0.0.1:9/v1\" }}\n");
    }
    text += &format!("[presets.mine]\nprotocols = {{ openai = \"http://127.0.0.1:9/v1\" }}\nlocal_port = {port}\n");
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    TestDaemon::at_once(simulator, &text, clock, tempfile::tempdir().unwrap()).await
}

fn looks(daemon: &TestDaemon) -> u64 {
    daemon.app.live.local.count()
}

/// Has the ports looked at once more, by missing a name, `ms` later.
async fn look(daemon: &TestDaemon, clock: &Clock, ms: i64) {
    let before = looks(daemon);
    clock.advance(ms);
    assert!([404, 503].contains(&daemon.chat("missing-name/x", "").await.status.as_u16()));
    until("the ports were looked at", || async { looks(daemon) > before }).await;
}

async fn is_listed(daemon: &TestDaemon) -> bool {
    daemon.get("/v1/models").await.text().contains("\"mine/m\"")
}

#[tokio::test]
async fn a_server_is_used_from_when_it_comes_until_it_has_been_gone_for_a_while() {
    let up = Upstream::start("p0", &["m"]);
    up.close().await;
    let clock = Clock::fixed(1_800_000_000_000);
    let daemon = daemon(up.addr.port(), clock.clone()).await;
    until("the ports were looked at", || async { looks(&daemon) > 0 }).await;
    assert!(!is_listed(&daemon).await);

    // It comes, and the first request for it is served.
    up.reopen();
    clock.advance(3_000);
    assert_eq!(daemon.chat("mine/m", "").await.status, 200);
    until("its list is read", || is_listed(&daemon)).await;
    assert_eq!(daemon.chat("m", "").await.status, 200);

    // A moment's absence is nothing: it is the same provider afterwards.
    let provider = || daemon.app.live.load().providers.iter().find(|p| &*p.name == "mine").cloned();
    let first = provider().unwrap();
    up.close().await;
    look(&daemon, &clock, 3_000).await;
    look(&daemon, &clock, 20_000).await;
    up.reopen();
    look(&daemon, &clock, 20_000).await;
    look(&daemon, &clock, 20_000).await;
    assert!(std::sync::Arc::ptr_eq(&first, &provider().unwrap()));

    // It goes; what names it means nothing any more, and nobody follows it.
    up.close().await;
    look(&daemon, &clock, 3_000).await;
    assert!(provider().is_some(), "only just gone");
    look(&daemon, &clock, 31_000).await;
    assert!(provider().is_none() && !is_listed(&daemon).await);
    assert!([404, 503].contains(&daemon.chat("mine/m", "").await.status.as_u16()));

    // And it comes back.
    up.reopen();
    clock.advance(3_000);
    assert_eq!(daemon.chat("mine/m", "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn a_call_under_way_outlives_the_removal_of_its_server() {
    let up = Upstream::start("p0", &["m"]);
    let clock = Clock::fixed(1_800_000_000_000);
    let daemon = daemon(up.addr.port(), clock.clone()).await;
    until("it is found", || is_listed(&daemon)).await;
    up.always(Act::Held(Box::new(Act::Ok)));
    let removed = async {
        until("the call is there", || async { up.calls() == 1 }).await;
        let live = &daemon.app.live;
        let provider = live.load().providers.iter().find(|p| &*p.name == "mine").cloned().unwrap();
        live.remove(&provider);
        assert!(!is_listed(&daemon).await);
        up.release(1);
    };
    let (answer, ()) = tokio::join!(daemon.chat("mine/m", ""), removed);
    assert_eq!(answer.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn who_listens_there_and_serves_no_models_is_left_in_peace() {
    let up = Upstream::start("p0", &["m"]);
    up.has_list(false);
    let clock = Clock::fixed(1_800_000_000_000);
    let daemon = daemon(up.addr.port(), clock.clone()).await;
    until("the ports were looked at", || async { looks(&daemon) > 0 }).await;
    // A knock and a question.
    assert_eq!(up.connections(), 2);
    look(&daemon, &clock, 3_000).await;
    look(&daemon, &clock, 3_000).await;
    assert_eq!(up.connections(), 4, "it is not asked again so soon");
    // It was only starting.
    up.has_list(true);
    clock.advance(10_000);
    assert_eq!(daemon.chat("mine/m", "").await.status, 200);
    daemon.stop().await;
}
