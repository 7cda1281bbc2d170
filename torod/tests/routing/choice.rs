//! Which of several endpoints is chosen: price, latency, priority, turns, weights, quota, credentials.

use crate::act::Act;
use crate::rig::{Rig, alias};

async fn many(rig: &Rig, count: usize) -> Vec<u64> {
    rig.seen();
    for _ in 0..count {
        let answer = rig.chat("m").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    rig.seen()
}

fn order(criteria: &str) -> String {
    format!("[routing]\norder = [{criteria}]\nprobe = false\n")
}

fn priced(usd: &str) -> String {
    format!("[[providers.models]]\nid = \"m\"\nprice = {{ input = {usd}, output = {usd} }}")
}

#[tokio::test]
async fn row_46_the_cheaper_gets_all_until_it_fails() {
    for criteria in ["\"price\"", "\"affinity\", \"priority\", \"price\", \"latency\""] {
        let (dear, cheap) = (priced("0.01"), priced("0.001"));
        let rig = Rig::new("", &[&dear, &cheap], &order(criteria)).await;
        assert_eq!(many(&rig, 100).await, [0, 100], "{criteria}");
        rig.up[1].always(Act::status(503));
        assert_eq!(many(&rig, 20).await, [20, 3], "after three failures only the other is asked");
        rig.up[1].always(Act::Ok);
        rig.clock.advance(61_000);
        assert_eq!(many(&rig, 20).await, [0, 20], "healed, it is the cheaper again");
        rig.stop().await;
    }
}

#[tokio::test]
async fn row_47_the_faster_of_equals_gets_nearly_all() {
    let rig = Rig::equal(2, "[routing]\nprobe = false\n").await;
    rig.up[0].always(Act::slow(60));
    many(&rig, 30).await;
    let seen = many(&rig, 200).await;
    assert!(seen[1] >= 190, "{seen:?}");
    rig.stop().await;
}

#[tokio::test]
async fn row_48_the_smaller_priority_gets_all() {
    let rig = Rig::new("", &["priority = 10", "priority = 0"], "").await;
    assert_eq!(many(&rig, 100).await, [0, 100]);
    rig.stop().await;
}

#[tokio::test]
async fn row_49_round_robin_gives_each_its_turn() {
    let rig = Rig::equal(2, &order("\"round_robin\"")).await;
    assert_eq!(many(&rig, 100).await, [50, 50]);
    rig.up[0].always(Act::status(503));
    many(&rig, 10).await;
    rig.seen();
    assert_eq!(many(&rig, 10).await, [0, 10], "an open breaker loses its turns");
    rig.stop().await;
}

#[tokio::test]
async fn row_49_weights_share_the_traffic() {
    let rig = Rig::new("", &["", ""], &alias("w", &["- p0 m 3", "- p1 m 1"])).await;
    for _ in 0..2_000 {
        rig.chat("w").await;
    }
    let seen = rig.seen();
    assert!(seen[0] + seen[1] == 2_000 && (1_400..=1_600).contains(&seen[0]), "{seen:?}");
    rig.up[0].always(Act::status(503));
    for _ in 0..10 {
        assert_eq!(rig.chat("w").await.status, 200, "who has less weight serves when the other fails");
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_49_quota_prefers_who_has_more_left() {
    let rig = Rig::equal(2, &order("\"quota\"")).await;
    let left = |left: &str| {
        let header = |name: &str, value: &str| (format!("x-ratelimit-{name}"), value.to_owned());
        Act::OkWith(vec![
            header("limit-requests", "1000"),
            header("remaining-requests", left),
            header("reset-requests", "300s"),
        ])
    };
    rig.up[0].always(left("300"));
    rig.up[1].always(left("900"));
    many(&rig, 10).await;
    let seen = many(&rig, 50).await;
    assert!(seen[1] >= 48, "{seen:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_credential_near_its_limit_is_avoided_before_it_fails() {
    let keys = "api_keys = [\"key-a-0123456789\", \"key-b-0123456789\"]";
    let rig = Rig::new("", &[keys], "[routing]\nprobe = false\n").await;
    rig.up[0].does(|ask| {
        let left = if ask.key.starts_with("key-a") { "0" } else { "900" };
        let header = |name: &str, value: &str| (format!("x-ratelimit-{name}"), value.to_owned());
        Act::OkWith(vec![
            header("limit-requests", "1000"),
            header("remaining-requests", left),
            header("reset-requests", "300s"),
        ])
    });
    many(&rig, 20).await;
    many(&rig, 20).await;
    for _ in 0..20 {
        rig.chat("m").await;
    }
    let counts = rig.up[0].by_key();
    assert_eq!(counts.get("key-a-0123456789"), None, "{counts:?}");
    rig.up[0].clear();
    rig.clock.advance(301_000);
    for _ in 0..40 {
        rig.chat("m").await;
    }
    assert!(rig.up[0].by_key().contains_key("key-a-0123456789"), "its limit was set back");
    rig.stop().await;
}

#[tokio::test]
async fn row_50_a_limited_key_gives_way_to_the_next_in_the_same_request() {
    let keys = "api_keys = [\"key-a-0123456789\", { value = \"key-b-0123456789\" }]";
    let keys = keys.replace("{ value = \"key-b-0123456789\" }", "\"key-b-0123456789\"");
    let rig = Rig::new("", &[&keys], "[routing]\nprobe = false\n").await;
    // Whichever is asked first is at its limit.
    let first: std::sync::Arc<std::sync::OnceLock<String>> = std::sync::Arc::default();
    let limited = std::sync::Arc::clone(&first);
    rig.up[0].does(move |ask| {
        if limited.get_or_init(|| ask.key.clone()) == &ask.key { Act::with(429, "retry-after", "30") } else { Act::Ok }
    });
    let answer = rig.chat("m").await;
    assert_eq!((answer.status.as_u16(), rig.up[0].calls()), (200, 2), "{}", answer.text());
    let asks = rig.up[0].asks();
    assert_ne!(asks[0].key, asks[1].key);
    rig.up[0].clear();
    for _ in 0..10 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    assert_eq!(rig.up[0].calls(), 10, "the limited key is left alone for as long as it said");
    rig.stop().await;
}

#[tokio::test]
async fn weights_of_keys_share_the_traffic() {
    let keys = "api_keys = [{ env = \"NONE\" }]";
    assert!(
        torod::config::parse(&format!("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n{keys}"), "t").is_ok()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{name}-0123456789")).unwrap();
        path.display().to_string()
    };
    let keys = format!(
        "api_keys = [{{ file = \"{}\", weight = 3 }}, {{ file = \"{}\", weight = 1 }}]",
        file("key-a"),
        file("key-b")
    );
    let rig = Rig::new("", &[&keys], &order("\"weighted\"")).await;
    for _ in 0..2_000 {
        assert_eq!(rig.chat("m").await.status, 200);
    }
    let first = rig.up[0].by_key()["key-a-0123456789"];
    assert!((1_400..=1_600).contains(&first), "{:?}", rig.up[0].by_key());
    rig.stop().await;
}

#[tokio::test]
async fn probe_12_two_equal_routes_get_half_each() {
    let rig = Rig::equal(2, "").await;
    // What was slow for once, as the first call is, is forgotten in time.
    let mut seen = vec![0, 0];
    for _ in 0..20 {
        rig.clock.advance(30_000);
        let five = many(&rig, 5).await;
        seen = vec![seen[0] + five[0], seen[1] + five[1]];
    }
    assert!((30..=70).contains(&seen[0]), "{seen:?}");
    rig.stop().await;
}

#[tokio::test]
async fn probe_13_a_route_that_becomes_slow_is_left() {
    let rig = Rig::equal(2, "[routing]\nprobe = false\n").await;
    rig.up[1].always(Act::slow(200));
    many(&rig, 20).await;
    assert!(many(&rig, 20).await[0] >= 18);
    rig.up[0].always(Act::slow(1_500));
    many(&rig, 3).await;
    let seen = many(&rig, 20).await;
    assert!(seen[1] >= 18, "{seen:?}");
    rig.stop().await;
}
