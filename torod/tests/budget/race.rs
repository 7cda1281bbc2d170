//! Two hundred at once on a budget for twenty, three levels deep.

use std::sync::Arc;

use crate::rig::{PRICES, Token, budgets};
use crate::support::TestDaemon;

/// Requests at once.
const MANY: usize = 200;
/// Of these, what a budget pays for.
const PAID: u64 = 20;

/// What one answer costs, in LLM tokens and in nano-dollars.
async fn one(daemon: &TestDaemon) -> (u64, u64) {
    let free = daemon.token(None, serde_json::json!({})).await;
    assert_eq!(daemon.chat_of(&free, "ok", r#","max_tokens":40"#).await.status, 200);
    let [_, tokens, nanos] = daemon.spent(&[&free]).await;
    assert!(tokens > 0 && nanos > 0);
    (tokens, nanos)
}

/// Statuses of many requests of `token` at the same time.
async fn race(daemon: &Arc<TestDaemon>, token: &Token, model: &'static str) -> Vec<u16> {
    let all = (0..MANY).map(|_| {
        let (daemon, token) = (Arc::clone(daemon), token.clone());
        tokio::runtime::Handle::current()
            .spawn(async move { daemon.chat_of(&token, model, r#","max_tokens":40"#).await.status.as_u16() })
    });
    let all: Vec<_> = all.collect();
    let mut statuses = Vec::new();
    for one in all {
        statuses.push(one.await.unwrap());
    }
    statuses
}

async fn three(daemon: &TestDaemon, top: &[(&str, u64)], middle: &[(&str, u64)]) -> [Token; 3] {
    let first = daemon.token(None, budgets(top)).await;
    let second = daemon.token(Some(&first), budgets(middle)).await;
    let third = daemon.token(Some(&second), budgets(&[("tokens", 10_000_000)])).await;
    [first, second, third]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_at_once_spend_what_twenty_may() {
    let daemon = Arc::new(TestDaemon::with("", PRICES).await);
    let (_, nanos) = one(&daemon).await;
    let limit = nanos * PAID;
    let money = [("usd_nanos", limit), ("requests", 1_000)];
    let [first, second, third] = three(&daemon, &money, &money).await;
    let statuses = race(&daemon, &third, "ok").await;
    let served = statuses.iter().filter(|status| **status == 200).count() as u64;
    assert!(statuses.iter().all(|status| matches!(status, 200 | 402 | 429)), "{statuses:?}");
    // What is reserved is an estimate, so what was in flight may be a little more than thought.
    assert!((1..=PAID + 2).contains(&served), "{served}");
    let [requests, tokens, spent] = daemon.spent(&[&first, &second, &third]).await;
    assert_eq!((requests, spent), (served, served * nanos));
    assert_eq!(daemon.used(&first), [spent, requests]);
    assert_eq!(daemon.used(&second), [spent, requests]);
    assert_eq!(daemon.used(&third), [tokens]);
    // One after the other, what is left is spent up to less than one request.
    loop {
        let answer = daemon.chat_of(&third, "ok", r#","max_tokens":40"#).await;
        if answer.status != 200 {
            assert_eq!(answer.status, 402, "{}", answer.text());
            break;
        }
    }
    let [_, _, spent] = daemon.spent(&[&first, &second, &third]).await;
    assert_eq!(daemon.used(&first)[0], spent);
    assert!(spent <= limit + nanos, "{spent} of {limit}");
    Arc::into_inner(daemon).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_count_of_requests_is_exact_however_many_come() {
    let daemon = Arc::new(TestDaemon::with("", PRICES).await);
    let [first, second, third] =
        three(&daemon, &[("requests", PAID)], &[("usd_nanos", 1_000_000_000), ("requests", PAID)]).await;
    let statuses = race(&daemon, &third, "ok").await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count() as u64, PAID);
    assert_eq!(daemon.used(&first), [PAID]);
    let [requests, tokens, nanos] = daemon.spent(&[&first, &second, &third]).await;
    assert_eq!((requests, daemon.used(&second), daemon.used(&third)), (PAID, vec![nanos, PAID], vec![tokens]));
    // Failures give back what they had reserved.
    let [first, second, third] =
        three(&daemon, &[("requests", PAID)], &[("usd_nanos", 1_000_000_000), ("requests", PAID)]).await;
    let statuses = race(&daemon, &third, "s500").await;
    assert!(statuses.iter().all(|status| matches!(status, 500 | 429)), "{statuses:?}");
    assert_eq!((daemon.used(&first), daemon.used(&second), daemon.used(&third)), (vec![0], vec![0, 0], vec![0]));
    Arc::into_inner(daemon).unwrap().stop().await;
}
