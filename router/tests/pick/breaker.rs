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
                    if breaker.gate(101) == Gate::Probe && breaker.claim(101, TRIP).is_some() {
                        won.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(won.load(Ordering::Relaxed), 1);
        assert_eq!(breaker.gate(150), Gate::Probed(201));
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
        assert!(breaker.claim(101, TRIP).is_some());
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

/// A probe is taken and given back while `others` do something; what the breaker says afterwards at 150 and at 500.
fn given_back_among(others: fn(&Breaker<Checked>), judge: fn(Gate, Gate)) {
    loom::model(move || {
        let breaker = opened();
        let prober = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || {
                if let Some(probe) = breaker.claim(101, TRIP) {
                    breaker.give_back(probe);
                }
            })
        };
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || others(&breaker))
        };
        prober.join().unwrap();
        other.join().unwrap();
        judge(breaker.gate(150), breaker.gate(500));
    });
}

#[test]
fn a_probe_given_back_undoes_nothing_that_others_did() {
    let is_shut = |now, later| assert_eq!((now, later), (Gate::Shut(201), Gate::Probe));
    given_back_among(|breaker| _ = breaker.failed(101, TRIP), is_shut);
    given_back_among(|breaker| _ = breaker.shut(201), is_shut);
    given_back_among(
        |breaker| _ = breaker.recovered(),
        |now, later| assert_eq!((now, later), (Gate::Open, Gate::Open)),
    );
    // A call of before says nothing, so the probe is free.
    given_back_among(Breaker::succeeded, |now, _| assert_eq!(now, Gate::Probe));
}

#[test]
fn of_two_probes_one_given_back_leaves_the_other_alone() {
    loom::model(|| {
        let breaker = opened();
        let lost = breaker.claim(101, TRIP).unwrap();
        let late = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.give_back(lost))
        };
        // After another recovery time the probe counts as lost.
        let second = breaker.claim(201, TRIP);
        late.join().unwrap();
        let expected = if second.is_some() { Gate::Probed(301) } else { Gate::Probe };
        assert_eq!(breaker.gate(250), expected);
    });
}
