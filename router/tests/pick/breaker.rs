//! Every order in which threads can meet at a breaker, tried out by a model checker.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use loom::thread;
use tokenrouter::pick::breaker::{Breaker, Gate, Trip, Word};

/// The checker's stand-in for an atomic integer.
#[derive(Debug)]
struct Checked(AtomicU64);

impl Word for Checked {
    fn zero() -> Self {
        Self(AtomicU64::new(0))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

const TRIP: Trip = Trip { failures: 2, recovery_ms: 100 };

fn opened() -> Arc<Breaker<Checked>> {
    let breaker: Arc<Breaker<Checked>> = Arc::new(Breaker::default());
    breaker.failed(1, TRIP);
    assert!(breaker.failed(1, TRIP));
    breaker
}

#[test]
fn of_all_who_come_after_recovery_exactly_one_probes() {
    // More than two changes of thread in unlucky places would take minutes to try out and have found nothing more.
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(2);
    checker.check(|| {
        let breaker = opened();
        let won = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let (breaker, won) = (Arc::clone(&breaker), Arc::clone(&won));
                thread::spawn(move || {
                    if breaker.gate(101) == Gate::Probe && breaker.claim(101, TRIP) {
                        won.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(won.load(Ordering::Relaxed), 1);
        assert_eq!(breaker.gate(150), Gate::Shut(201));
    });
}

#[test]
fn failures_that_come_together_are_all_counted() {
    loom::model(|| {
        let breaker: Arc<Breaker<Checked>> = Arc::new(Breaker::default());
        let opened = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let (breaker, opened) = (Arc::clone(&breaker), Arc::clone(&opened));
                thread::spawn(move || {
                    if breaker.failed(1, TRIP) {
                        opened.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!((breaker.gate(1), opened.load(Ordering::Relaxed)), (Gate::Shut(101), 1));
    });
}

#[test]
fn a_late_success_never_closes_what_others_saw_open() {
    loom::model(|| {
        let breaker = opened();
        let late = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.succeeded())
        };
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.failed(2, TRIP))
        };
        late.join().unwrap();
        assert!(!other.join().unwrap(), "it was open already");
        assert!(matches!(breaker.gate(50), Gate::Shut(_)));
    });
}

#[test]
fn a_probe_that_comes_back_meets_failures_of_before() {
    loom::model(|| {
        let breaker = opened();
        assert!(breaker.claim(101, TRIP));
        let probe = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.recovered())
        };
        let before = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.failed(102, TRIP))
        };
        probe.join().unwrap();
        before.join().unwrap();
        // Either the failure came first and the probe closed it, or it counts as the first of a new row.
        assert!(breaker.reading() == (0, 0) || breaker.reading() == (1, 0), "{:?}", breaker.reading());
    });
}
