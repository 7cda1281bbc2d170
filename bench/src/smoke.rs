//! A whole measurement in small: floor-peek in front of the simulated provider, in this process.
use std::time::Duration;

use tokenrouter_simulator::{Settings, Simulator};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use crate::load::{self, Ask, Shared};
use crate::phases::{Figures, Phase, Plan};
use crate::targets::Running;
use crate::{body, floor};

const TINY: Plan = Plan {
    warm_up: Duration::from_millis(100),
    window: Duration::from_millis(400),
    windows: 1,
    fixed_requests: 60,
    fixed_streams: 8,
    slow_streams: 20,
    slow_spread: Duration::from_millis(50),
    slow_chunks: 2,
};

/// Runs the test with a floor-peek before a provider.
async fn with_floor<F: Future<Output = ()>>(test: impl FnOnce(Running) -> F) {
    let settings = Settings { chunks: 8, record: false, strict: false, ..Settings::default() };
    LocalSet::new()
        .run_until(async {
            let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap();
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let addr = listener.local_addr().unwrap();
            spawn_local(floor::serve(listener, simulator.addr().to_string(), true));
            test(Running::at(addr, floor::KEY)).await;
            simulator.stop().await;
        })
        .await;
}

#[tokio::test]
async fn every_answer_is_right() {
    with_floor(|floor| async move {
        let mut figures = Figures::default();
        for phase in [Phase::Small, Phase::Agent, Phase::Dense, Phase::Fixed, Phase::Slow] {
            figures.take(phase, &floor, &TINY, None).await;
        }
        assert_eq!((figures.errors, &figures.problem), (0, &None));
        assert_eq!((figures.slow_right, figures.slow_asked), (Some(20), Some(20)));
        assert!(figures.small_per_second.unwrap() > 0);
        assert!(figures.gap_p99_us.is_some() && figures.latency_p99_us.is_some());
        assert!(figures.first_event_p50_us.is_some());
    })
    .await;
}

#[tokio::test]
async fn wrong_answers_are_errors() {
    with_floor(|floor| async move {
        let wrong = [
            // a key that is not known, a provider that fails, a stream that breaks off, one that has no end
            Ask { key: "other".to_owned(), ..floor.ask(body::small("ok", false), None) },
            floor.ask(body::small("s503", false), None),
            floor.ask(body::small("die2+chunks=4+interval_ms=1", true), Some(4)),
            floor.ask(body::small("nodone+chunks=4+interval_ms=1", true), Some(4)),
            floor.ask(body::small("ok+chunks=4+interval_ms=1", true), Some(5)),
        ];
        for ask in wrong {
            assert!(load::once(&ask).await.is_err(), "{}", String::from_utf8_lossy(&ask.body));
        }
        let right = floor.ask(body::small("ok+chunks=4+interval_ms=1", true), Some(4));
        let tally = Shared::default();
        load::open_loop(&load::always(right), 100, 10, 2, &tally).await;
        assert_eq!((tally.borrow().answers, tally.borrow().pieces, tally.borrow().gap_us.len()), (10, 40, 30));
    })
    .await;
}
