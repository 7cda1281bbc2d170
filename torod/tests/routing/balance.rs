//! How traffic is shared between equals, and what becomes of one that grows slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::act::{Act, Speech};
use crate::rig::Rig;

/// Sends `count` requests, so many at a time; `text` says what each asks.
async fn load(rig: &Arc<Rig>, count: usize, at_once: usize, text: fn(usize) -> String) -> Vec<u64> {
    rig.seen();
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (rig, next) = (Arc::clone(rig), Arc::clone(&next));
        clients.spawn(async move {
            loop {
                let n = next.fetch_add(1, Relaxed);
                if n >= count {
                    return;
                }
                let outcome = rig.ask(Speech::OpenAi, "m", false, &text(n), &[]).await;
                assert!(outcome.is_good(), "{outcome:?}");
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    rig.seen()
}

/// How many of so many requests the first of two equals gets, once when all ask the same and once when each asks its own.
async fn shares(routing: &str, requests: usize, fair: std::ops::RangeInclusive<u64>) {
    for text in [|_| "hi".to_owned(), |n| format!("question {n}")] {
        let rig = Arc::new(Rig::equal(2, routing).await);
        rig.up.iter().for_each(|up| up.keeps(false));
        let seen = load(&rig, requests, 16, text).await;
        assert_eq!(seen[0] + seen[1], requests as u64);
        assert!(fair.contains(&seen[0]), "{routing}: {seen:?}");
        Arc::into_inner(rig).unwrap().stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_equal_endpoints_get_half_each_within_two_percent() {
    shares("[routing]\nprobe = false\norder = [\"affinity\", \"priority\", \"price\"]\n", 10_000, 4_800..=5_200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_speed_counts_neither_of_two_equals_is_left_out() {
    // On a busy machine two equals answer unequally fast, which the default order rightly goes by.
    shares("[routing]\nprobe = false\n", 3_000, 1_050..=1_950).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ten_times_slower_gets_at_most_a_twentieth_and_is_still_looked_at() {
    let rig = Arc::new(Rig::equal(2, "[routing]\nprobe = false\n").await);
    rig.up.iter().for_each(|up| up.keeps(false));
    // Long enough that a busy machine, which makes both slower by the same, does not make them alike.
    rig.up.iter().for_each(|up| up.always(Act::slow(20)));
    load(&rig, 200, 8, |n| format!("warm {n}")).await;
    rig.up[1].always(Act::slow(200));
    load(&rig, 200, 8, |n| format!("learn {n}")).await;
    let seen = load(&rig, 2_000, 8, |n| format!("question {n}")).await;
    assert!(seen[1] <= 100, "{seen:?}");
    let mut looked = 0;
    for _ in 0..20 {
        rig.clock.advance(30_000);
        looked += load(&rig, 50, 8, |n| format!("later {n}")).await[1];
    }
    assert!(looked >= 1, "within ten minutes nobody looked whether it has become faster");
    // As fast as the other again, it is found.
    rig.up[1].always(Act::slow(20));
    let mut found = 0;
    for _ in 0..20 {
        rig.clock.advance(30_000);
        found += load(&rig, 50, 8, |n| format!("again {n}")).await[1];
    }
    assert!(found >= 200, "{found} of 1,000 after it became fast again");
    Arc::into_inner(rig).unwrap().stop().await;
}
