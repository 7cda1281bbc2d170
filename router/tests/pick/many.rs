//! Choosing among many endpoints of which some cannot be called.

use std::collections::HashSet;
use std::sync::Arc;

use tokenrouter::pick::endpoint::{Endpoint, Trips};
use tokenrouter::pick::mix;
use tokenrouter::pick::order::Criterion::{Affinity, Latency, Quota, RoundRobin, Weighted};
use tokenrouter::pick::order::{Candidate, Candidates, Choice, Criterion, Wish};
use tokenrouter::pick::session::{Session, Sessions};
use tokenrouter::pick::verdict::Limits;

const MANY: usize = 100;
const NOW_MS: u64 = 1_000_000;

fn candidates(order: &[Criterion], weight: impl Fn(usize) -> u32) -> Candidates {
    let candidate = |n: usize| {
        let endpoint = Endpoint { weight: weight(n), ..Endpoint::new(n, 0, "m", &format!("provider-{n}/key/m")) };
        Candidate { endpoint: Arc::new(endpoint), rank: 0, weight: 1 }
    };
    Candidates::new((0..MANY).map(candidate).collect(), order.into())
}

fn shut(candidates: &Candidates, which: impl Fn(usize) -> bool, until_ms: u64) {
    for candidate in candidates.list().iter().filter(|candidate| which(candidate.endpoint.provider)) {
        candidate.endpoint.state.breaker.shut(until_ms);
    }
}

fn chosen(candidates: &Candidates, random: u64, session: Option<u64>) -> Choice {
    let wish = Wish {
        now_ms: NOW_MS,
        random: mix(random << 20),
        session: session.map(|n| Session(n << 40)),
        is_opening: false,
        sessions: &Sessions::new(0),
        tried: &[],
        fits: &|_| true,
        trips: &Trips::default(),
    };
    candidates.choose(&wish).unwrap()
}

fn choose(candidates: &Candidates, random: u64, session: Option<u64>) -> usize {
    candidates.list()[chosen(candidates, random, session).at].endpoint.provider
}

fn counted(candidates: &Candidates, calls: u64) -> Vec<u64> {
    let mut counts = vec![0; MANY];
    for n in 1..=calls {
        counts[choose(candidates, n, None)] += 1;
    }
    counts
}

#[test]
fn those_that_can_be_called_share_the_traffic_evenly() {
    let is_shut = |n: usize| n % 10 == 3 || (40..45).contains(&n);
    let usable = (0..MANY).filter(|n| !is_shut(*n)).count() as u64;
    for (order, tolerance) in [([RoundRobin], 1), ([Latency], 50), ([Weighted], 50), ([Quota], 50)] {
        let candidates = candidates(&order, |_| 1);
        assert!(counted(&candidates, 10_000).iter().all(|count| count.abs_diff(100) <= tolerance), "{order:?}");
        shut(&candidates, is_shut, NOW_MS + 1);
        let counts = counted(&candidates, usable * 100);
        for (n, count) in counts.iter().enumerate() {
            let fair = if is_shut(n) { *count == 0 } else { count.abs_diff(100) <= tolerance };
            assert!(fair, "{order:?} {n}: {counts:?}");
        }
    }
}

#[test]
fn weights_count_among_many_too() {
    let candidates = candidates(&[Weighted], |n| if n == 99 { 101 } else { 1 });
    let counts = counted(&candidates, 10_000);
    assert!(counts[99].abs_diff(5_050) < 200, "{counts:?}");
    shut(&candidates, |n| n < 50, NOW_MS + 1);
    let counts = counted(&candidates, 10_000);
    assert!(counts[99].abs_diff(6_733) < 200 && counts[..50].iter().all(|count| *count == 0), "{counts:?}");
}

#[test]
fn who_has_most_left_is_found_among_those_that_are_compared() {
    let candidates = candidates(&[Quota], |_| 1);
    for candidate in candidates.list() {
        let left_permille = if candidate.endpoint.provider == 42 { 900 } else { 500 };
        candidate.endpoint.state.observe(NOW_MS, Limits { left_permille, reset_ms: 60_000 });
    }
    let counts = counted(&candidates, 1_000);
    // 64 of 100 are compared.
    assert!(counts[42].abs_diff(640) < 60, "{counts:?}");
}

#[test]
fn only_the_conversations_of_those_that_are_shut_move_and_they_come_back_together() {
    for order in [[Affinity, Latency], [Affinity, Weighted]] {
        let candidates = candidates(&order, |_| 1);
        let place = |dice: u64| -> Vec<usize> { (1..=500).map(|n| choose(&candidates, dice + n, Some(n))).collect() };
        let before = place(0);
        assert_eq!(before, place(7_000), "{order:?}: no dice in it");
        assert!(before.iter().collect::<HashSet<_>>().len() > 90);
        shut(&candidates, |n| n < 10, NOW_MS + 1);
        let during = place(0);
        assert_eq!(during, place(7_000), "{order:?}");
        for (was, is) in before.iter().zip(&during) {
            assert!(if *was < 10 { *is >= 10 } else { is == was }, "{order:?}: {was} {is}");
        }
        let moved: HashSet<_> = before.iter().zip(&during).filter(|(was, is)| was != is).map(|(_, is)| is).collect();
        assert!(moved.len() > 10, "{order:?}: they are spread over all others: {moved:?}");
    }
}

#[test]
fn the_last_one_that_can_be_called_is_found() {
    for order in [[Latency], [RoundRobin], [Weighted], [Quota]] {
        let candidates = candidates(&order, |_| 1);
        shut(&candidates, |n| n != 77, NOW_MS + 1);
        assert_eq!(counted(&candidates, 100)[77], 100, "{order:?}");
    }
}

#[test]
fn who_may_have_recovered_is_tried_before_long_and_by_one_caller() {
    for order in [[Latency], [RoundRobin], [Weighted], [Quota]] {
        let candidates = candidates(&order, |_| 1);
        shut(&candidates, |n| n == 5, NOW_MS);
        // All of them are under way at the same time.
        let calls: Vec<Choice> = (1..=1_000).map(|n| chosen(&candidates, n, None)).collect();
        let at_it = |choice: &&Choice| candidates.list()[choice.at].endpoint.provider == 5;
        assert_eq!(calls.iter().filter(at_it).count(), 1, "{order:?}");
    }
}

#[test]
fn weights_count_in_the_usual_order_whatever_they_add_up_to() {
    // The first weighs as much as the mean of all.
    let candidates = candidates(&Criterion::USUAL, |n| [2, 1, 3][n.min(98) % 3]);
    let counts = counted(&candidates, 20_000);
    let of = |place: usize| (0..98).filter(|n| n % 3 == place).map(|n| counts[n]).sum::<u64>();
    assert!(of(2) > of(1) * 2 && of(0) > of(1) * 3 / 2, "{counts:?}");
}
