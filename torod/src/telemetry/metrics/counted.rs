//! What is counted of usage rows: every number here is a sum over the rows that were written since the start.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::sync::Arc;

use tokenrouter::count::{Report, Source};
use tokenrouter::price::{Bill, Price};

use super::decided::Decided;
use super::families as f;
use super::histogram::{DURATION, FIRST, Histogram, TOKEN};
use super::known::{Known, Names};
use super::text::{Family, Micros, Nanos, Text};
use crate::upstreams::snapshot::Snapshot;
use crate::usage::{Outcome, Record};

/// Models that are told apart at most, whatever is configured in the course of time; the others are `other`.
const MOST_MODELS: usize = 1_000;
/// The same for surface, model and stream together.
const MOST_WAYS: usize = 2_000;
/// The same for pairs of providers.
const MOST_PAIRS: usize = 2_000;
/// Requests with a failed attempt that are remembered until their next one.
const MOST_FALLEN: usize = 1_024;

/// The kinds of tokens that a total is made of, in the order of the row.
pub const KINDS: [&str; 5] = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];
/// What is paid for, in the order of a cost; the last is what is paid in pieces.
pub const PAID: [&str; 7] = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "other"];
/// What providers tell the time of.
pub const PHASES: [&str; 2] = ["prompt", "generation"];
/// The classes of a status.
pub const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// Who ended a stream.
pub const SIDES: [&str; 3] = ["client", "upstream", "idle_timeout"];

/// How a request came and went.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    surface: &'static str,
    names: Names,
    stream: bool,
}

#[derive(Debug)]
struct OfWay {
    requests: u64,
    duration: Histogram,
}

#[derive(Debug)]
struct OfModel {
    attempts: [[u64; CLASSES.len()]; Outcome::ALL.len()],
    tokens: [u64; KINDS.len()],
    reasoning: u64,
    estimated: u64,
    cost_nanos: u128,
    paid_nanos: [u128; PAID.len()],
    timed_tokens: [u64; PHASES.len()],
    timed_us: [u64; PHASES.len()],
    unpriced: u64,
    /// What the prompt cache saved, and what writing to it cost more.
    saved_nanos: u128,
    premium_nanos: u128,
    aborts: [u64; SIDES.len()],
    first: Histogram,
    per_token: Histogram,
}

impl Default for OfModel {
    fn default() -> Self {
        Self {
            attempts: [[0; CLASSES.len()]; Outcome::ALL.len()],
            tokens: [0; KINDS.len()],
            reasoning: 0,
            estimated: 0,
            cost_nanos: 0,
            paid_nanos: [0; PAID.len()],
            timed_tokens: [0; PHASES.len()],
            timed_us: [0; PHASES.len()],
            unpriced: 0,
            saved_nanos: 0,
            premium_nanos: 0,
            aborts: [0; SIDES.len()],
            first: FIRST.empty(),
            per_token: TOKEN.empty(),
        }
    }
}

/// A request whose last attempt failed.
#[derive(Debug)]
struct Fallen {
    exchange: i64,
    provider: Arc<str>,
    outcome: Outcome,
}

/// The sums.
#[derive(Debug)]
pub struct Counted {
    known: Known,
    ways: BTreeMap<Way, OfWay>,
    models: BTreeMap<Names, OfModel>,
    /// By both providers and how the first call ended.
    fallbacks: BTreeMap<(Arc<str>, Arc<str>, &'static str), u64>,
    decided: Decided,
    /// By both protocols.
    degraded: BTreeMap<(&'static str, &'static str), u64>,
    fallen: VecDeque<Fallen>,
}

impl Counted {
    /// Nothing yet.
    pub fn new(known: Known) -> Self {
        Self {
            known,
            ways: BTreeMap::new(),
            models: BTreeMap::new(),
            fallbacks: BTreeMap::new(),
            decided: Decided::default(),
            degraded: BTreeMap::new(),
            fallen: VecDeque::new(),
        }
    }

    /// Counts records that have rows now.
    pub fn add(&mut self, records: &[Record]) {
        let live = self.known.look();
        for record in records {
            self.add_one(&live, record);
        }
    }

    fn add_one(&mut self, live: &Snapshot, record: &Record) {
        // Nobody was called: these are told by `Errors`.
        if record.outcome == Outcome::Refused {
            return;
        }
        let names = self.known.names(live, &record.provider, &record.model);
        let other = || Names { provider: self.known.other(), model: self.known.other() };
        let of_model = entry(&mut self.models, names.clone(), MOST_MODELS, other);
        of_model.add(record, &live.unknown_price);
        if record.counted {
            let way = |names| Way { surface: record.surface, names, stream: record.stream };
            let new = || OfWay { requests: 0, duration: DURATION.empty() };
            let of_way = entry_with(&mut self.ways, way(names.clone()), MOST_WAYS, || way(other()), new);
            of_way.requests += 1;
            of_way.duration.add(record.total_us);
        }
        self.decided.add(record, &names);
        if record.degraded > 0 {
            let protocols = (record.client_protocol.as_str(), record.upstream_protocol.as_str());
            *self.degraded.entry(protocols).or_default() += 1;
        }
        self.follow(record, names.provider);
    }

    /// Counts the attempt if one before it failed.
    fn follow(&mut self, record: &Record, to: Arc<str>) {
        let exchange = record.exchange_id.0;
        if let Some(at) = self.fallen.iter().rposition(|fallen| fallen.exchange == exchange)
            && let Some(fallen) = self.fallen.remove(at)
        {
            let reason = fallen.outcome.as_str();
            let other = || (self.known.other(), self.known.other(), reason);
            *entry(&mut self.fallbacks, (fallen.provider, Arc::clone(&to), reason), MOST_PAIRS, other) += 1;
        }
        if !matches!(record.outcome, Outcome::Ok | Outcome::ClientAbort) {
            if self.fallen.len() >= MOST_FALLEN {
                self.fallen.pop_front();
            }
            self.fallen.push_back(Fallen { exchange, provider: to, outcome: record.outcome });
        }
    }

    /// Writes all of it.
    pub fn write(&self, text: &mut Text) {
        text.begin(&f::REQUESTS);
        self.each_way(|labels, of| text.sample(&f::REQUESTS, labels, of.requests));
        text.begin(&f::REQUEST_DURATION);
        self.each_way(|labels, of| of.duration.write(text, &f::REQUEST_DURATION, labels));
        text.begin(&f::ATTEMPTS);
        for (names, of) in &self.models {
            for (outcome, by_class) in Outcome::ALL.iter().zip(&of.attempts) {
                for (class, count) in CLASSES.iter().zip(by_class).filter(|(_, count)| **count > 0) {
                    text.sample(&f::ATTEMPTS, &[&names.provider, &names.model, outcome.as_str(), class], count);
                }
            }
        }
        self.each_model(text, &f::FIRST_TOKEN, |text, labels, of| of.first.write(text, &f::FIRST_TOKEN, labels));
        self.each_model(text, &f::PER_TOKEN, |text, labels, of| of.per_token.write(text, &f::PER_TOKEN, labels));
        self.each_phase(text, &f::TIMED_TOKENS, |tokens, _| tokens);
        self.each_phase(text, &f::TIMED_SECONDS, |_, us| Micros(u128::from(us)));
        self.each_kind(text, &f::TOKENS, &KINDS, |of| &of.tokens);
        self.each_model(text, &f::REASONING, |text, labels, of| text.sample(&f::REASONING, labels, of.reasoning));
        self.each_model(text, &f::ESTIMATED, |text, labels, of| text.sample(&f::ESTIMATED, labels, of.estimated));
        self.each_model(text, &f::COST, |text, labels, of| text.sample(&f::COST, labels, Nanos(of.cost_nanos)));
        text.begin(&f::COST_KINDS);
        for (names, of) in &self.models {
            for (kind, nanos) in PAID.iter().zip(of.paid_nanos).filter(|(_, nanos)| *nanos > 0) {
                text.sample(&f::COST_KINDS, &[&names.provider, &names.model, kind], Nanos(nanos));
            }
        }
        self.each_model(text, &f::UNPRICED, |text, labels, of| text.sample(&f::UNPRICED, labels, of.unpriced));
        self.each_model(text, &f::CACHE_SAVINGS, |text, labels, of| {
            text.sample(&f::CACHE_SAVINGS, labels, Nanos(of.saved_nanos));
        });
        self.each_model(text, &f::CACHE_PREMIUM, |text, labels, of| {
            text.sample(&f::CACHE_PREMIUM, labels, Nanos(of.premium_nanos));
        });
        text.begin(&f::DEGRADED);
        for ((client, upstream), count) in &self.degraded {
            text.sample(&f::DEGRADED, &[client, upstream], count);
        }
        self.each_kind(text, &f::STREAM_ABORTS, &SIDES, |of| &of.aborts);
        text.begin(&f::FALLBACKS);
        for ((from, to, reason), count) in &self.fallbacks {
            text.sample(&f::FALLBACKS, &[from, to, reason], count);
        }
        self.decided.write(text);
    }

    fn each_way(&self, mut write: impl FnMut(&[&str], &OfWay)) {
        for (way, of) in &self.ways {
            let stream = if way.stream { "true" } else { "false" };
            write(&[way.surface, &way.names.provider, &way.names.model, stream], of);
        }
    }

    fn each_model(&self, text: &mut Text, family: &Family, mut write: impl FnMut(&mut Text, &[&str], &OfModel)) {
        text.begin(family);
        for (names, of) in &self.models {
            write(text, &[&names.provider, &names.model], of);
        }
    }

    /// Only where a provider tells it: most do not.
    fn each_phase<N: Display>(&self, text: &mut Text, family: &Family, number: impl Fn(u64, u64) -> N) {
        text.begin(family);
        for (names, of) in &self.models {
            for (phase, (tokens, us)) in PHASES.iter().zip(of.timed_tokens.iter().zip(of.timed_us)) {
                if us > 0 {
                    text.sample(family, &[&names.provider, &names.model, phase], number(*tokens, us));
                }
            }
        }
    }

    fn each_kind(&self, text: &mut Text, family: &Family, kinds: &[&str], counts: impl Fn(&OfModel) -> &[u64]) {
        text.begin(family);
        for (names, of) in &self.models {
            for (kind, count) in kinds.iter().zip(counts(of)) {
                text.sample(family, &[&names.provider, &names.model, kind], count);
            }
        }
    }
}

/// What is counted under `key`; where there are `most` already, under what `other` says.
fn entry<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K, most: usize, other: impl FnOnce() -> K) -> &mut V {
    entry_with(map, key, most, other, V::default)
}

fn entry_with<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    most: usize,
    other: impl FnOnce() -> K,
    new: impl FnOnce() -> V,
) -> &mut V {
    let key = if map.len() >= most && !map.contains_key(&key) { other() } else { key };
    map.entry(key).or_insert_with(new)
}

/// What the parts of a call cost, which come to `cost_nanos` as its row has it.
fn paid(record: &Record, cost_nanos: u64, unknown: &Price) -> [u64; PAID.len()] {
    let whole = [0, 0, 0, 0, 0, 0, cost_nanos];
    if cost_nanos == 0 {
        return whole;
    }
    let plain = Report::of(record.counts);
    let report = record.detail.as_deref().unwrap_or(&plain);
    let price = record.charge.tariff.as_ref().map_or(unknown, |tariff| &*tariff.price);
    let at_ms = u64::try_from(record.started_ms).unwrap_or(0);
    match price.cost(&Bill::of(report, at_ms)) {
        Some(cost) if cost.total_nanos == cost_nanos => [
            cost.input_nanos,
            cost.cache_read_nanos,
            cost.cache_write_5m_nanos,
            cost.cache_write_1h_nanos,
            cost.output_nanos,
            cost.reasoning_nanos,
            cost.pieces_nanos,
        ],
        // The price for unknown models may have been another when it was charged.
        _ => whole,
    }
}

impl OfModel {
    fn add(&mut self, record: &Record, unknown: &Price) {
        let class = usize::from(record.status / 100).min(CLASSES.len() - 1);
        let outcome = usize::from(record.outcome.number());
        if let Some(count) = self.attempts.get_mut(outcome).and_then(|by_class| by_class.get_mut(class)) {
            *count += 1;
        }
        let (counts, cost_nanos) = record.figures();
        for (sum, count) in self.tokens.iter_mut().zip(counts) {
            *sum += count;
        }
        let [.., output, reasoning] = counts;
        self.reasoning += reasoning;
        self.estimated += u64::from(record.source == Source::Estimated && counts != [0; 6]);
        self.cost_nanos += u128::from(cost_nanos);
        for (sum, part) in self.paid_nanos.iter_mut().zip(paid(record, cost_nanos, unknown)) {
            *sum += u128::from(part);
        }
        let input: u64 = counts.iter().take(4).sum();
        for (at, (tokens, us)) in [(input, record.prompt_us), (output, record.generation_us)].into_iter().enumerate() {
            if let (Some(timed), Some(sum_us)) = (self.timed_tokens.get_mut(at), self.timed_us.get_mut(at))
                && us > 0
            {
                *timed += tokens;
                *sum_us += u64::from(us);
            }
        }
        self.unpriced += u64::from(record.is_unpriced());
        // A counter only grows, so each side has its own.
        let saved = u128::from(record.savings_nanos.unsigned_abs());
        if record.savings_nanos > 0 {
            self.saved_nanos += saved;
        } else {
            self.premium_nanos += saved;
        }
        if !record.stream {
            return;
        }
        let side = match record.outcome {
            Outcome::ClientAbort => Some(0),
            Outcome::Cut => Some(1),
            // Before the first byte it was no stream yet.
            Outcome::Timeout if record.first_byte_us > 0 => Some(2),
            _ => None,
        };
        if let Some(count) = side.and_then(|side: usize| self.aborts.get_mut(side)) {
            *count += 1;
        }
        if record.first_byte_us > 0 && record.status < 400 {
            self.first.add(record.first_byte_us);
            if record.outcome == Outcome::Ok && output > 1 {
                self.per_token.add(record.total_us.saturating_sub(record.first_byte_us) / (output - 1));
            }
        }
    }
}
