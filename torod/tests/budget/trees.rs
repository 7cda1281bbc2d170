//! Random trees, spends, revocations and restarts against a model that knows everything.
//!
//! What is reserved, spent and given back goes through the real index, meters, writer and database; the model adds up
//! plain numbers. No child may get past any token above it, nothing may be charged twice, nothing may be forgotten.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tokenrouter_shared::Role;
use tokenrouter_shared::ids::{AttemptId, ExchangeId};
use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits};
use tokenrouter_shared::window::{Period, Window};
use torod::access::budget::Reservation;
use torod::access::wall::{Amounts, Moment};
use torod::access::{TokenIndex, founding};
use torod::clock::Clock;
use torod::store::tokens::{self, TokenRow};
use torod::store::{Connection, schema};
use torod::usage::{Charge, Outcome, Record, Sequence, UsageWriter};

use crate::rig::record;

const START_MS: i64 = 1_796_000_000_000;
const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Debug)]
enum Step {
    Make { parent: usize, unit: u8, limit: u64, window: u8 },
    Begin { token: usize, estimate: u64 },
    End { which: usize, actual: u64, fails: bool },
    Revoke { token: usize },
    Restart,
    Wait { ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let place = 0_usize..64;
    prop_oneof![
        2 => (place.clone(), 0_u8..3, 0_u64..400, 0_u8..3)
            .prop_map(|(parent, unit, limit, window)| Step::Make { parent, unit, limit, window }),
        6 => (place.clone(), 0_u64..60).prop_map(|(token, estimate)| Step::Begin { token, estimate }),
        5 => (place.clone(), 0_u64..90, prop::bool::weighted(0.2))
            .prop_map(|(which, actual, fails)| Step::End { which, actual, fails }),
        1 => place.prop_map(|token| Step::Revoke { token }),
        1 => Just(Step::Restart),
        1 => (1_i64..DAY_MS).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// A token as the model knows it.
struct Known {
    parent: Option<usize>,
    unit: BudgetUnit,
    limit: u64,
    is_daily: bool,
    /// What was spent within its subtree, by the day of the reservation.
    spent: Vec<(i64, u64)>,
    /// Spent beyond what was reserved: what was in flight.
    over: u64,
    revoked: bool,
}

struct Flight {
    token: usize,
    wanted: Amounts,
    began_ms: i64,
    ids: (AttemptId, ExchangeId),
    reservation: Reservation,
}

impl Flight {
    fn day(&self) -> i64 {
        self.began_ms.div_euclid(DAY_MS)
    }
}

struct World<'f> {
    folder: &'f Path,
    clock: Clock,
    writer: UsageWriter,
    index: TokenIndex,
    connection: Connection,
    ids: Sequence,
    known: Vec<Known>,
    flights: Vec<Flight>,
}

fn amounts(amount: u64) -> Amounts {
    Amounts { requests: 1, tokens: amount, nanos: amount }
}

impl<'f> World<'f> {
    fn new(folder: &'f Path) -> Self {
        let clock = Clock::fixed(START_MS);
        let writer = UsageWriter::start(schema::open_writer(folder).unwrap(), 10_000, clock.clone()).unwrap();
        let connection = schema::open_writer(folder).unwrap();
        let (index, ids) = (TokenIndex::new(&[]), Sequence::after(0));
        Self { folder, clock, writer, index, connection, ids, known: Vec::new(), flights: Vec::new() }
    }

    fn day(&self) -> i64 {
        self.clock.now_ms().div_euclid(DAY_MS)
    }

    fn above(&self, token: usize) -> Vec<usize> {
        std::iter::successors(Some(token), |at| self.known[*at].parent).collect()
    }

    fn id(token: usize) -> i64 {
        i64::try_from(token).unwrap() + 1
    }

    fn make(&mut self, parent: usize, unit: u8, limit: u64, window: u8) {
        let parent =
            (!self.known.is_empty()).then(|| parent % (self.known.len() + 1)).filter(|at| *at < self.known.len());
        let unit = [BudgetUnit::Requests, BudgetUnit::Tokens, BudgetUnit::UsdNanos][usize::from(unit)];
        let limit = if unit == BudgetUnit::Requests { limit / 20 } else { limit };
        let is_daily = window == 0;
        let time_zone = "UTC".to_owned();
        let window = if is_daily { Window::Calendar { period: Period::Day, time_zone } } else { Window::Lifetime };
        let limits = Limits { budgets: vec![Budget { unit, limit, window }], ..Limits::default() };
        let at = self.known.len();
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&(at as u64 + 1).to_le_bytes());
        let row = TokenRow {
            digest,
            name: format!("t{at}"),
            parent_id: parent.map(Self::id),
            limits,
            ..TokenRow::new(&format!("tok_{at}"), Role::Keymaster)
        };
        let id = tokens::insert(&self.connection, &row).unwrap();
        assert_eq!(id, Self::id(at));
        self.index.publish(&[TokenRow { id, ..row }], &[]);
        let revoked = parent.is_some_and(|parent| self.known[parent].revoked);
        self.known.push(Known { parent, unit, limit, is_daily, spent: Vec::new(), over: 0, revoked });
    }

    /// What the model says is used of a token's budget.
    fn used(&self, token: usize) -> u64 {
        let (known, today) = (&self.known[token], self.day());
        let counts = |day: i64| !known.is_daily || day == today;
        let spent: u64 = known.spent.iter().filter(|(day, _)| counts(*day)).map(|(_, amount)| amount).sum();
        let held = self.flights.iter().filter(|f| counts(f.day()) && self.above(f.token).contains(&token));
        spent + held.map(|flight| flight.wanted.of(known.unit)).sum::<u64>()
    }

    fn begin(&mut self, token: usize, estimate: u64) -> Result<(), TestCaseError> {
        if self.known.is_empty() {
            return Ok(());
        }
        let token = token % self.known.len();
        let entry = self.index.by_id(Self::id(token)).unwrap();
        prop_assert_eq!(entry.revoked, self.known[token].revoked);
        if entry.revoked {
            return Ok(());
        }
        let wanted = amounts(estimate);
        let fits = self.above(token).iter().all(|at| {
            let (known, used) = (&self.known[*at], self.used(*at));
            let amount = wanted.of(known.unit);
            used + amount <= known.limit && (amount > 0 || used < known.limit)
        });
        let taken = Reservation::take(&entry, wanted, Moment::of(&self.clock));
        prop_assert_eq!(taken.is_ok(), fits);
        if let Ok(reservation) = taken {
            let began_ms = self.clock.now_ms();
            let ids = (self.ids.attempt(began_ms), self.ids.exchange(began_ms));
            self.flights.push(Flight { token, wanted, began_ms, ids, reservation });
        }
        Ok(())
    }

    fn end(&mut self, which: usize, actual: u64, fails: bool) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.swap_remove(which % self.flights.len());
        let record = Self::record(&flight, if fails { 0 } else { actual }, fails);
        let day = flight.day();
        let Flight { token, wanted, mut reservation, .. } = flight;
        let amounts = Amounts::from(record.sum());
        reservation.spend(amounts, Moment::of(&self.clock));
        drop(reservation);
        self.writer.recorder().push(record);
        for at in self.above(token) {
            let known = &mut self.known[at];
            let spent = amounts.of(known.unit);
            known.spent.push((day, spent));
            known.over += spent.saturating_sub(wanted.of(known.unit));
        }
    }

    fn record(flight: &Flight, actual: u64, fails: bool) -> Record {
        Record {
            outcome: if fails { Outcome::UpstreamError } else { Outcome::Ok },
            charge: Charge { nanos: actual, ..Charge::default() },
            counted: !fails,
            ..record(flight.ids, Self::id(flight.token), flight.began_ms, actual)
        }
    }

    fn revoke(&mut self, token: usize) {
        if self.known.is_empty() {
            return;
        }
        let token = token % self.known.len();
        tokens::revoke(
            &self.connection,
            Self::id(token),
            self.clock.now_ms(),
            tokenrouter_shared::run::RunEnd::Revoked,
        )
        .unwrap();
        self.index.publish(&tokens::subtree(&self.connection, Self::id(token)).unwrap(), &[]);
        for at in 0..self.known.len() {
            self.known[at].revoked |= self.above(at).contains(&token);
        }
    }

    /// As after `kill -9` a moment after the last row was written: what was in flight never comes to an end.
    fn restart(&mut self) {
        self.flights.drain(..).for_each(|flight| std::mem::forget(flight.reservation));
        assert!(self.writer.stop(Duration::from_secs(20)));
        self.writer =
            UsageWriter::start(schema::open_writer(self.folder).unwrap(), 10_000, self.clock.clone()).unwrap();
        self.index = TokenIndex::new(&tokens::all(&self.connection).unwrap());
        founding::found_all(&self.connection, &self.index, Moment::of(&self.clock)).unwrap();
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let now = Moment::of(&self.clock);
        for (at, known) in self.known.iter().enumerate() {
            let entry = self.index.by_id(Self::id(at)).unwrap();
            let walls = entry.meter.walls();
            let used = walls.as_ref().unwrap().walls[0].counter.used(now);
            prop_assert_eq!(used, self.used(at), "token {}", at);
            prop_assert!(used <= known.limit + known.over, "token {} is past its wall", at);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn nobody_gets_past_a_wall_and_nothing_is_forgotten_or_charged_twice(steps in prop::collection::vec(step(), 1..120)) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::new(folder.path());
        for step in steps {
            match step {
                Step::Make { parent, unit, limit, window } => world.make(parent, unit, limit, window),
                Step::Begin { token, estimate } => world.begin(token, estimate)?,
                Step::End { which, actual, fails } => world.end(which, actual, fails),
                Step::Revoke { token } => world.revoke(token),
                Step::Restart => world.restart(),
                Step::Wait { ms } => world.clock.advance(ms),
            }
            world.check()?;
        }
        world.restart();
        world.check()?;
        world.writer.stop(Duration::from_secs(20));
    }
}
