//! How fast and how many at once.

use std::sync::Arc;

use serde_json::json;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::rig::PRICES;
use crate::support::{SOON, TestDaemon, chat_body, configuration, port_zero, until, whole};

#[tokio::test]
async fn a_token_has_its_requests_a_minute_and_so_has_the_one_above() {
    let daemon = TestDaemon::with("", PRICES).await;
    let parent = daemon.token(None, json!({ "requests_per_minute": 3 })).await;
    let child = daemon.token(Some(&parent), json!({ "requests_per_minute": 2 })).await;
    for _ in 0..2 {
        assert_eq!(daemon.chat_of(&child, "ok", "").await.status, 200);
    }
    let third = daemon.chat_of(&child, "ok", "").await;
    assert_eq!((third.status.as_u16(), third.json()["error"]["code"].as_str()), (429, Some("rate_limit_exceeded")));
    let seconds: u32 = third.header("retry-after").parse().unwrap();
    assert!((1..=62).contains(&seconds), "{seconds}");
    // Who was refused did not come.
    assert_eq!(daemon.chat_of(&parent, "ok", "").await.status, 200);
    assert_eq!(daemon.chat_of(&parent, "ok", "").await.status, 429);
    let counted = daemon.post_of(&parent, "/v1/messages/count_tokens", chat_body("ok", "")).await;
    assert_eq!(counted.status, 429);
    daemon.stop().await;
}

#[tokio::test]
async fn llm_tokens_a_minute_are_settled_by_what_was_used() {
    let daemon = TestDaemon::with("", PRICES).await;
    let token = daemon.token(None, json!({ "tokens_per_minute": 5_000 })).await;
    assert_eq!(daemon.chat_of(&token, "ok", "").await.status, 200);
    let [_, tokens, _] = daemon.spent(&[&token]).await;
    assert_eq!(daemon.used(&token), [tokens]);
    let large = daemon.chat_of(&token, "ok", r#","n":2"#).await;
    assert_eq!(large.status, 429, "{}", large.text());
    assert_eq!(daemon.used(&token), [tokens]);
    // What does not fit in any minute is not tried again.
    assert_eq!((large.header("retry-after"), large.header("x-should-retry")), ("", "false"));
    assert!(large.text().contains("more than the 5000 a minute"), "{}", large.text());
    daemon.stop().await;
}

#[tokio::test]
async fn the_gateway_has_a_pace_of_its_own() {
    let clock = Clock::fixed(1_800_000_000_000);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "[limits]\nrequests_per_second = 100\nburst = 20\n", "");
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    for at in 0..20 {
        assert_eq!(daemon.chat("ok", "").await.status, 200, "{at}");
    }
    let refused = daemon.chat("ok", "").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    clock.advance(10);
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    assert_eq!(daemon.chat("ok", "").await.status, 429);
    daemon.stop().await;
}

#[tokio::test]
async fn a_provider_that_was_sent_its_minute_is_passed_over() {
    let daemon = TestDaemon::with("", "requests_per_minute = 2").await;
    for _ in 0..2 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    let refused = daemon.chat("ok", "").await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"]["code"].as_str()), (429, Some("rate_limit_exceeded")));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() <= 62);
    assert_eq!(daemon.simulator.calls().len(), 2);
    daemon.stop().await;
}

/// Two of three are under way; the third is refused until one of the two is hung up on.
async fn third_of_two(daemon: TestDaemon, token: crate::rig::Token, status: u16) {
    let daemon = Arc::new(daemon);
    let mut under_way = Vec::new();
    for at in 1..=2 {
        let (other, token) = (Arc::clone(&daemon), token.clone());
        under_way.push(tokio::runtime::Handle::current().spawn(async move {
            let request = other.request_of(&token, "/v1/chat/completions", chat_body("slow3s", ""));
            whole(other.client.request(request).await.unwrap()).await.status
        }));
        until("it is under way", || async { daemon.simulator.calls().len() == at }).await;
    }
    let third = daemon.chat_of(&token, "slow3s", "").await;
    assert_eq!(third.status, status, "{}", third.text());
    assert_eq!(daemon.simulator.calls().len(), 2);
    under_way.remove(0).abort();
    until("the one that was hung up on has ended", || async { daemon.lifecycle.in_flight() == 1 }).await;
    assert_eq!(daemon.chat_of(&token, "ok", "").await.status, 200);
    assert_eq!(tokio::time::timeout(SOON, under_way.remove(0)).await.unwrap().unwrap(), 200);
    Arc::into_inner(daemon).unwrap().stop().await;
}

#[tokio::test]
async fn a_place_is_free_as_soon_as_its_client_hangs_up() {
    let daemon = TestDaemon::with("", PRICES).await;
    let parent = daemon.token(None, json!({ "concurrent": 2 })).await;
    let child = daemon.token(Some(&parent), json!({})).await;
    third_of_two(daemon, child, 429).await;
}

#[tokio::test]
async fn requests_without_a_stream_and_one_provider_have_their_own_places() {
    for (more, inside) in [("[limits]\nconcurrent_non_streams = 2\n", ""), ("", "concurrent = 2\n")] {
        let daemon = TestDaemon::with(more, &format!("{inside}{PRICES}")).await;
        let token = daemon.token(None, json!({})).await;
        third_of_two(daemon, token, 503).await;
    }
}

#[tokio::test]
async fn who_waits_for_a_place_gets_it_and_the_queue_has_an_end() {
    let more = "[limits]\nqueue = 1\nqueue_wait = \"20s\"\n";
    let daemon = Arc::new(TestDaemon::with(more, &format!("concurrent = 1\n{PRICES}")).await);
    let ask = |model: &'static str| {
        let daemon = Arc::clone(&daemon);
        tokio::runtime::Handle::current().spawn(async move { daemon.chat(model, "").await.status.as_u16() })
    };
    let first = ask("sim/slow1s");
    until("the first is under way", || async { daemon.simulator.calls().len() == 1 }).await;
    let second = ask("ok");
    until("the second waits", || async { daemon.app.queue.count() == 1 }).await;
    let third = daemon.chat("ok", "").await;
    assert_eq!((third.status.as_u16(), third.json()["error"]["code"].as_str()), (503, Some("gateway_full")));
    second.abort();
    until("who hangs up waits no longer", || async { daemon.app.queue.count() == 0 }).await;
    let fourth = ask("ok");
    until("the fourth waits", || async { daemon.app.queue.count() == 1 }).await;
    assert_eq!(daemon.simulator.calls().len(), 1);
    assert_eq!((first.await.unwrap(), fourth.await.unwrap()), (200, 200));
    assert_eq!(daemon.app.queue.count(), 0);
    Arc::into_inner(daemon).unwrap().stop().await;
}
