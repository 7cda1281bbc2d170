//! Breakers: when they open, for how long, for what, and who finds out that an endpoint has recovered.

use std::sync::Arc;

use http::Method;
use torod::clock::Clock;

use crate::act::Act;
use crate::rig::{Rig, alias};
use crate::support::until;
use crate::upstream::Upstream;

/// One call for one request: what the rows count.
const ONCE: &str = "[routing]\nattempts = 1\nprobe = false\n";

async fn failing(rig: &Rig, count: usize) {
    for _ in 0..count {
        assert_ne!(rig.chat("m").await.status, 200);
    }
}

#[tokio::test]
async fn row_67_three_failures_open_it_for_sixty_seconds() {
    let rig = Rig::equal(1, ONCE).await;
    rig.up[0].always(Act::status(503));
    failing(&rig, 3).await;
    assert_eq!(rig.seen(), [3]);
    let refused = rig.chat("m").await;
    assert_eq!(rig.seen(), [0], "the fourth makes no call");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["error"]["code"], "no_endpoint_available", "{}", refused.text());
    let after: i64 = refused.header("retry-after").parse().unwrap();
    assert!((55..=60).contains(&after), "Retry-After: {after}");
    // Who comes within the last second is made to wait for it.
    rig.clock.advance(58_000);
    failing(&rig, 2).await;
    assert_eq!(rig.seen(), [0]);
    rig.clock.advance(3_000);
    failing(&rig, 3).await;
    assert_eq!(rig.seen(), [1], "after 61 s one probe, and as it fails no other call");
    rig.up[0].always(Act::Ok);
    rig.clock.advance(61_000);
    for _ in 0..5 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    assert_eq!(rig.seen(), [5]);
    rig.stop().await;
}

#[tokio::test]
async fn row_67_successes_in_between_keep_it_closed() {
    let rig = Rig::equal(1, ONCE).await;
    rig.up[0].does(|ask| if ask.n % 3 == 2 { Act::Ok } else { Act::status(500) });
    for _ in 0..12 {
        rig.chat("m").await;
    }
    assert_eq!(rig.seen(), [12]);
    rig.stop().await;
}

#[tokio::test]
async fn row_68_threshold_and_recovery_are_configurable() {
    let breaker = "breaker = { failures = 5, recovery = \"30s\" }\n";
    let rig = Rig::equal(1, &format!("{ONCE}{breaker}")).await;
    rig.up[0].always(Act::status(503));
    failing(&rig, 7).await;
    assert_eq!(rig.seen(), [5]);
    rig.clock.advance(28_000);
    failing(&rig, 1).await;
    assert_eq!(rig.seen(), [0]);
    rig.clock.advance(3_000);
    failing(&rig, 1).await;
    assert_eq!(rig.seen(), [1]);
    rig.stop().await;
}

#[tokio::test]
async fn row_69_a_refused_connection_skips_the_whole_provider_for_two_minutes() {
    let rig = Rig::with_backup("[routing]\nprobe = false\n").await;
    rig.up[0].close().await;
    let answer = rig.chat("m").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-tokenrouter-provider")), (200, "p1"), "{}", answer.text());
    rig.up[0].reopen();
    for model in ["m", "m2"] {
        for _ in 0..3 {
            assert_eq!(rig.chat(model).await.header("x-tokenrouter-provider"), "p1", "{model}");
        }
    }
    rig.clock.advance(119_000);
    assert_eq!(rig.chat("m2").await.header("x-tokenrouter-provider"), "p1");
    assert_eq!(rig.up[0].calls(), 0);
    rig.clock.advance(2_000);
    for model in ["m", "m2"] {
        assert_eq!(rig.chat(model).await.header("x-tokenrouter-provider"), "p0", "{model}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_69_a_failing_model_leaves_the_others_usable() {
    let rig = Rig::with_backup("[routing]\nprobe = false\n").await;
    rig.up[0].does(|ask| if ask.model == "m" { Act::status(503) } else { Act::Ok });
    for _ in 0..5 {
        assert_eq!(rig.chat("m").await.header("x-tokenrouter-provider"), "p1");
    }
    assert_eq!(rig.up[0].calls_of("m"), 3);
    for _ in 0..5 {
        assert_eq!(rig.chat("m2").await.header("x-tokenrouter-provider"), "p0");
    }
    assert_eq!(rig.chat("m").await.header("x-tokenrouter-provider"), "p1", "its success does not close the other's");
    assert_eq!(rig.up[0].calls_of("m"), 3);
    rig.stop().await;
}

/// Opens the first provider's breaker, waits its time out, and sends fifty requests at once.
async fn fifty(rig: Arc<Rig>) -> Vec<u16> {
    rig.up[0].always(Act::status(503));
    for _ in 0..3 {
        rig.chat("m").await;
    }
    assert_eq!(rig.up[0].clear(), 3);
    rig.up[0].always(Act::held());
    rig.clock.advance(61_000);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let rig = Arc::clone(&rig);
        asking.spawn(async move { rig.chat("m").await.status.as_u16() });
    }
    let mut statuses = Vec::new();
    for _ in 0..49 {
        statuses.push(asking.join_next().await.unwrap().unwrap());
    }
    assert_eq!(rig.up[0].calls(), 1, "one caller finds out");
    rig.up[0].release(100);
    statuses.push(asking.join_next().await.unwrap().unwrap());
    statuses
}

#[tokio::test]
async fn row_70_one_of_fifty_callers_probes() {
    let rig = Arc::new(Rig::equal(1, ONCE).await);
    let statuses = fifty(Arc::clone(&rig)).await;
    assert_eq!((statuses[49], statuses[..49].iter().all(|s| *s == 503)), (200, true), "{statuses:?}");
    for _ in 0..5 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    Arc::into_inner(rig).unwrap().stop().await;
}

#[tokio::test]
async fn probe_14_the_other_forty_nine_are_served_elsewhere() {
    let rig = Arc::new(Rig::with_backup("[routing]\nprobe = false\n").await);
    let statuses = fifty(Arc::clone(&rig)).await;
    assert!(statuses.iter().all(|s| *s == 200), "{statuses:?}");
    assert_eq!((rig.up[0].calls(), rig.up[1].calls()), (1, 52));
    Arc::into_inner(rig).unwrap().stop().await;
}

#[tokio::test]
async fn a_probe_whose_caller_hangs_up_does_not_keep_the_endpoint_away_for_good() {
    let rig = Rig::equal(1, ONCE).await;
    rig.up[0].always(Act::status(503));
    failing(&rig, 3).await;
    rig.seen();
    rig.up[0].always(Act::held());
    rig.clock.advance(61_000);
    let request = rig.daemon.request("/v1/chat/completions", crate::support::chat_body("m", ""));
    tokio::select! {
        _ = rig.daemon.client.request(request) => panic!("it is held"),
        () = until("the probe is there", || async { rig.up[0].calls() == 1 }) => {}
    }
    until("the probe was dropped", || async { rig.up[0].hung_up() == 1 }).await;
    rig.up[0].always(Act::Ok);
    rig.clock.advance(61_000);
    assert_eq!(rig.chat("m").await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn row_77_an_open_breaker_survives_a_reload() {
    let top = "active_model_profile = \"a\"";
    let below = format!("{}{ONCE}breaker = {{ recovery = \"10m\" }}\n", alias("other", &["a p0 m2", "b p0 m2"]));
    let rig = Rig::new(top, &[""], &below).await;
    rig.up[0].always(Act::status(503));
    failing(&rig, 3).await;
    rig.seen();
    rig.up[0].always(Act::Ok);
    rig.clock.advance(6 * 60_000);
    let changed = rig.admin(Method::PATCH, "/admin/api/routing", r#"{"active_model_profile":"b"}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    failing(&rig, 1).await;
    assert_eq!(rig.seen(), [0], "still open");
    rig.clock.advance(5 * 60_000);
    assert_eq!(rig.chat("m").await.status, 200);
    rig.stop().await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_asked_for_its_list_until_it_answers() {
    let probing = "[routing]\nprobe = true\nprobe_interval = \"100ms\"\n";
    let up = vec![Upstream::start("p0", &["m"]), Upstream::start("p1", &["m"])];
    let rig = Rig::over(up, "", &["priority = 0", "priority = 10"], probing, Clock::fixed(1_800_000_000_000)).await;
    rig.up[0].close().await;
    assert_eq!(rig.chat("m").await.header("x-tokenrouter-provider"), "p1");
    rig.up[0].reopen();
    // The clock stands still: it is the probe that finds it again, not the time.
    until("it is used again", || async { rig.chat("m").await.header("x-tokenrouter-provider") == "p0" }).await;
    rig.stop().await;
}
