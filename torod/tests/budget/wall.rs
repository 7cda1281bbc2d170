//! A budget is a wall: for one, for many at once, through restarts.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::rig::{PRICES, budgets};
use crate::support::{TestDaemon, configuration, port_zero};

#[tokio::test]
async fn the_third_of_two_requests_is_refused_and_the_parent_pays_too() {
    let daemon = TestDaemon::with("", PRICES).await;
    let parent = daemon.token(None, budgets(&[("requests", 3)])).await;
    let child = daemon.token(Some(&parent), budgets(&[("requests", 2), ("tokens", 100_000)])).await;
    for _ in 0..2 {
        assert_eq!(daemon.chat_of(&child, "ok", "").await.status, 200);
    }
    let third = daemon.chat_of(&child, "ok", "").await;
    assert_eq!((third.status.as_u16(), third.json()["error"]["code"].as_str()), (429, Some("insufficient_quota")));
    assert_eq!(daemon.used(&parent), [2]);
    assert_eq!(daemon.chat_of(&parent, "ok", "").await.status, 200);
    let above = daemon.chat_of(&parent, "ok", "").await;
    assert_eq!(above.status, 429);
    let [requests, tokens, _] = daemon.spent(&[&child]).await;
    assert_eq!(daemon.used(&child), [requests, tokens]);
    daemon.stop().await;
}

#[tokio::test]
async fn what_failed_costs_nothing_and_a_dollar_is_counted_to_the_last_nano() {
    let daemon = TestDaemon::with("", PRICES).await;
    let token = daemon.token(None, budgets(&[("usd_nanos", 10_000_000), ("requests", 50)])).await;
    assert_eq!(daemon.chat_of(&token, "s500", "").await.status, 500);
    assert_eq!(daemon.used(&token), [0, 0]);
    let mut served = 0;
    let refused = loop {
        let answer = daemon.chat_of(&token, "ok", r#","max_tokens":10"#).await;
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(served < 1_000);
    };
    let [requests, _, nanos] = daemon.spent(&[&token]).await;
    assert_eq!(daemon.used(&token), [nanos, requests]);
    assert!(nanos <= 10_000_000 || served == 50, "{nanos}");
    assert!(matches!(refused.status.as_u16(), 402 | 429), "{}", refused.text());
    daemon.stop().await;
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", PRICES);
    let folder = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    let month = serde_json::json!({ "budgets": [
        { "unit": "usd_nanos", "limit": 1_000_000_000 },
        { "unit": "usd_nanos", "limit": 1_000_000_000, "window": { "calendar": "month", "time_zone": "Asia/Kathmandu" } },
        { "unit": "tokens", "limit": 1_000_000, "window": { "seconds": 5_000 } },
        { "unit": "requests", "limit": 1_000, "window": { "seconds": 60 } },
    ] });
    let parent = daemon.token(None, month).await;
    let child = daemon.token(Some(&parent), budgets(&[("tokens", 1_000_000)])).await;
    let plain = daemon.token(Some(&child), serde_json::json!({})).await;
    for token in [&parent, &child, &plain, &plain] {
        assert_eq!(daemon.chat_of(token, "ok", "").await.status, 200);
    }
    let [requests, tokens, nanos] = daemon.spent(&[&parent, &child, &plain]).await;
    assert_eq!(daemon.used(&parent), [nanos, nanos, tokens, requests]);
    let below = daemon.used(&child);
    let (_, folder) = daemon.stop_keeping().await;
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    assert_eq!(daemon.used(&parent), [nanos, nanos, tokens, requests]);
    assert_eq!(daemon.used(&child), below);
    daemon.stop().await;
}
