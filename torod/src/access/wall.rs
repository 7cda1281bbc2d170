//! A wall: so much of one thing within one window, for one token and everything below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokenrouter_shared::limits::{BudgetUnit, Limits, MAX_ROLLING_SECONDS, Window};

use super::fixed::Fixed;
use super::rights::Rights;
use crate::calendar::Calendar;
use crate::clock::Clock;
use crate::rolling::Rolling;
use crate::store::spend::Sum;

/// The length of the window of rates.
const MINUTE_S: u32 = 60;
/// The longest that a rolling window reaches back, which may be to before this program was started.
const LONGEST_MS: u64 = MAX_ROLLING_SECONDS as u64 * 1_000;

/// One moment, by both clocks: stretches of the calendar follow the machine's, rolling windows one that never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Milliseconds that never go back, so many that everything has a time that any window still knows of.
    pub uptime_ms: u64,
}

impl Moment {
    /// This moment.
    pub fn of(clock: &Clock) -> Self {
        Self { now_ms: clock.now_ms(), uptime_ms: clock.uptime_ms() + LONGEST_MS }
    }
}

/// What a request uses up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Requests.
    pub requests: u64,
    /// LLM tokens.
    pub tokens: u64,
    /// Nano-dollars.
    pub nanos: u64,
}

impl Amounts {
    /// How much of `unit`.
    pub const fn of(&self, unit: BudgetUnit) -> u64 {
        match unit {
            BudgetUnit::Requests => self.requests,
            BudgetUnit::Tokens => self.tokens,
            BudgetUnit::UsdNanos => self.nanos,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(more.requests),
            tokens: self.tokens.saturating_add(more.tokens),
            nanos: self.nanos.saturating_add(more.nanos),
        }
    }
}

impl From<Sum> for Amounts {
    fn from(sum: Sum) -> Self {
        let unsigned = |amount: i64| u64::try_from(amount).unwrap_or(0);
        Self { requests: unsigned(sum.requests), tokens: unsigned(sum.tokens), nanos: unsigned(sum.nanos) }
    }
}

#[derive(Debug)]
enum Kind {
    Fixed(Fixed),
    Rolling(Rolling),
}

/// What was used of a wall. It outlasts changes of the limit.
#[derive(Debug)]
pub struct Counter {
    kind: Kind,
    /// Of what is used, what requests under way have reserved; for what people are told, not for deciding.
    held: AtomicU64,
}

impl Counter {
    /// Nothing used yet.
    pub fn new(window: &Window) -> Self {
        let kind = match window {
            Window::Lifetime => Kind::Fixed(Fixed::new(None)),
            Window::Rolling { seconds } => Kind::Rolling(Rolling::new(*seconds)),
            Window::Calendar { period, time_zone } => {
                // Names are checked when a token is made. Should one be dropped from the tables, its days are UTC's.
                let calendar = Calendar::new(*period, time_zone).or_else(|| Calendar::new(*period, "UTC"));
                Kind::Fixed(Fixed::new(calendar))
            }
        };
        Self { kind, held: AtomicU64::new(0) }
    }

    /// Takes `amount` if no more than `limit` is used with it. Returns where it was taken from.
    pub fn reserve(&self, amount: u64, limit: u64, now: Moment) -> Option<u64> {
        let taken = match &self.kind {
            Kind::Fixed(fixed) => fixed.reserve(amount, limit, now.now_ms),
            Kind::Rolling(rolling) => rolling.reserve(amount, limit, now.uptime_ms),
        };
        let mark = taken.ok()?;
        self.held.fetch_add(amount, Ordering::Relaxed);
        Some(mark)
    }

    /// Puts `actual` in the place of what was reserved with [`Counter::reserve`].
    pub fn settle(&self, mark: u64, reserved: u64, actual: u64) {
        match &self.kind {
            Kind::Fixed(fixed) => fixed.settle(mark, reserved, actual),
            Kind::Rolling(rolling) => rolling.settle(mark, reserved, actual),
        }
        self.held.fetch_sub(reserved, Ordering::Relaxed);
    }

    /// Takes `amount`, whatever is left.
    pub fn charge(&self, amount: u64, now: Moment) {
        match &self.kind {
            Kind::Fixed(fixed) => fixed.charge(amount, now.now_ms),
            Kind::Rolling(rolling) => rolling.charge(amount, now.uptime_ms),
        };
    }

    /// The same for what was used `age_ms` ago, in the current window.
    pub fn charge_past(&self, amount: u64, age_ms: u64, now: Moment) {
        match &self.kind {
            Kind::Fixed(fixed) => _ = fixed.charge(amount, now.now_ms),
            Kind::Rolling(rolling) => rolling.charge_past(amount, age_ms, now.uptime_ms),
        }
    }

    /// What is used.
    pub fn used(&self, now: Moment) -> u64 {
        match &self.kind {
            Kind::Fixed(fixed) => fixed.used(now.now_ms),
            Kind::Rolling(rolling) => rolling.used(now.uptime_ms),
        }
    }

    /// What requests under way have reserved and may give back.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// From when on what is used counts, in milliseconds since 1970.
    pub fn since_ms(&self, window: &Window, now: Moment) -> i64 {
        match (&self.kind, window) {
            (Kind::Fixed(fixed), _) => i64::try_from(fixed.window(now.now_ms).0).unwrap_or(i64::MAX),
            (Kind::Rolling(_), Window::Rolling { seconds }) => now.now_ms.saturating_sub(i64::from(*seconds) * 1_000),
            (Kind::Rolling(_), _) => now.now_ms,
        }
    }

    /// In how many milliseconds all of it is there again by the course of time alone; none: never.
    pub fn resets_in_ms(&self, now: Moment) -> Option<u64> {
        match &self.kind {
            Kind::Fixed(_) => self.frees_in_ms(0, now),
            Kind::Rolling(rolling) => Some(rolling.empties_in_ms(now.uptime_ms)),
        }
    }

    /// In how many milliseconds `amount` of what is used is free again by the course of time alone; none: never.
    pub fn frees_in_ms(&self, amount: u64, now: Moment) -> Option<u64> {
        match &self.kind {
            Kind::Fixed(fixed) => match fixed.window(now.now_ms).1 {
                u64::MAX => None,
                end => Some(end.saturating_sub(u64::try_from(now.now_ms).unwrap_or(0))),
            },
            Kind::Rolling(rolling) => rolling.frees_in_ms(amount.max(1), now.uptime_ms),
        }
    }
}

/// What a wall is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What may be used up.
    Budget,
    /// How fast.
    Rate,
}

/// A counter with its limit.
#[derive(Clone, Debug)]
pub struct Wall {
    /// What is counted.
    pub unit: BudgetUnit,
    /// How much of it there is.
    pub limit: u64,
    /// In which time.
    pub window: Window,
    /// What for.
    pub purpose: Purpose,
    /// What was used.
    pub counter: Arc<Counter>,
    /// Whether what was used before the wall was there is still to be counted.
    pub is_new: bool,
}

impl Wall {
    /// Takes its part of `wanted`; returns where it was taken from.
    pub fn reserve(&self, wanted: &Amounts, now: Moment) -> Option<u64> {
        self.counter.reserve(wanted.of(self.unit), self.limit, now)
    }

    /// Whether there is room for its part of `wanted`. Nothing is taken.
    pub fn has_room(&self, wanted: &Amounts, now: Moment) -> bool {
        let (used, wanted) = (self.counter.used(now), wanted.of(self.unit));
        used.checked_add(wanted).is_some_and(|sum| sum <= self.limit) && (wanted > 0 || used < self.limit)
    }

    /// Whether it is looked at when a request comes, and not when it is known what it may need.
    pub fn is_pace(&self) -> bool {
        self.purpose == Purpose::Rate && self.unit == BudgetUnit::Requests
    }

    fn is_like(&self, unit: BudgetUnit, window: &Window, purpose: Purpose) -> bool {
        self.unit == unit && self.purpose == purpose && self.window == *window
    }
}

/// Every limit of one token, as it is enforced.
#[derive(Debug)]
pub struct Walls {
    /// What they were made of.
    pub limits: Arc<Limits>,
    /// Budgets, then LLM tokens a minute.
    pub walls: Box<[Wall]>,
    /// Requests a minute.
    pub requests_per_minute: Option<Wall>,
    /// Requests at the same time.
    pub concurrent: Option<usize>,
    /// Which models.
    pub rights: Rights,
    /// Which units anything of `walls` counts, so that nobody reckons what nobody counts.
    pub counts_tokens: bool,
    /// The same for money.
    pub counts_money: bool,
}

impl Walls {
    /// The walls of `limits`. Those of `before` that are the same but for their height keep what was used.
    pub fn new(limits: &Arc<Limits>, before: Option<&Self>) -> Self {
        let minute = Window::Rolling { seconds: MINUTE_S };
        let known = |unit: BudgetUnit, window: &Window, purpose: Purpose| {
            let walls = before.into_iter().flat_map(|b| b.walls.iter().chain(&b.requests_per_minute));
            walls.into_iter().find(|wall| wall.is_like(unit, window, purpose))
        };
        let wall = |unit: BudgetUnit, limit: u64, window: &Window, purpose: Purpose| {
            let known = known(unit, window, purpose);
            let counter = known.map_or_else(|| Arc::new(Counter::new(window)), |wall| Arc::clone(&wall.counter));
            let is_new = known.is_none_or(|wall| wall.is_new);
            Wall { unit, limit, window: window.clone(), purpose, counter, is_new }
        };
        let budgets = limits.budgets.iter().map(|b| wall(b.unit, b.limit, &b.window, Purpose::Budget));
        let rate = limits.tokens_per_minute.map(|limit| wall(BudgetUnit::Tokens, limit, &minute, Purpose::Rate));
        let walls: Box<[Wall]> = budgets.chain(rate).collect();
        let counts = |unit: BudgetUnit| walls.iter().any(|wall| wall.unit == unit);
        Self {
            limits: Arc::clone(limits),
            counts_tokens: counts(BudgetUnit::Tokens),
            counts_money: counts(BudgetUnit::UsdNanos),
            walls,
            requests_per_minute: limits
                .requests_per_minute
                .map(|limit| wall(BudgetUnit::Requests, limit.into(), &minute, Purpose::Rate)),
            concurrent: limits.concurrent.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            rights: Rights::new(&limits.models),
        }
    }

    /// Every wall, that of the requests a minute last.
    pub fn all(&self) -> impl Iterator<Item = &Wall> {
        self.walls.iter().chain(&self.requests_per_minute)
    }

    /// The same walls, of which all was counted that was used before they were there.
    #[must_use]
    pub fn founded(&self) -> Self {
        let old = |wall: &Wall| Wall { is_new: false, ..wall.clone() };
        Self {
            limits: Arc::clone(&self.limits),
            walls: self.walls.iter().map(old).collect(),
            requests_per_minute: self.requests_per_minute.as_ref().map(old),
            concurrent: self.concurrent,
            rights: self.rights.clone(),
            ..*self
        }
    }
}
