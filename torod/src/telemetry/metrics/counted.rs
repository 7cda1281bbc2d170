//! What is counted of usage rows: every number here is a sum over the rows that were written since the start.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokenrouter::count::Source;

use super::families as f;
use super::histogram::{DURATION, FIRST, Histogram, TOKEN};
use super::known::{Known, Names, virtual_model};
use super::text::{Family, Nanos, Text};
use crate::upstreams::snapshot::Snapshot;
use crate::usage::{Outcome, Record};

/// Models that are told apart at most, whatever is configured in the course of time; the others are `other`.
const MOST_MODELS: usize = 1_000;
/// The same for surface, model and stream together.
const MOST_WAYS: usize = 2_000;
/// The same for pairs of providers, and of virtual models and targets.
const MOST_PAIRS: usize = 2_000;
/// Requests with a failed attempt that are remembered until their next one.
const MOST_FALLEN: usize = 1_024;

/// The kinds of tokens that a total is made of, in the order of the row.
pub const KINDS: [&str; 5] = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];
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
    unpriced: u64,
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
            unpriced: 0,
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
}

/// The sums.
#[derive(Debug)]
pub struct Counted {
    known: Known,
    ways: BTreeMap<Way, OfWay>,
    models: BTreeMap<Names, OfModel>,
    fallbacks: BTreeMap<(Arc<str>, Arc<str>), u64>,
    decisions: BTreeMap<(&'static str, Names), u64>,
    fallen: VecDeque<Fallen>,
}

impl Counted {
    /// Nothing yet.
    pub const fn new(known: Known) -> Self {
        Self {
            known,
            ways: BTreeMap::new(),
            models: BTreeMap::new(),
            fallbacks: BTreeMap::new(),
            decisions: BTreeMap::new(),
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
        let names = self.known.names(live, &record.provider, &record.model);
        let other = || Names { provider: self.known.other(), model: self.known.other() };
        let of_model = entry(&mut self.models, names.clone(), MOST_MODELS, other);
        of_model.add(record);
        if record.counted {
            let way = |names| Way { surface: record.surface, names, stream: record.stream };
            let new = || OfWay { requests: 0, duration: DURATION.empty() };
            let of_way = entry_with(&mut self.ways, way(names.clone()), MOST_WAYS, || way(other()), new);
            of_way.requests += 1;
            of_way.duration.add(record.total_us);
            if let Some(asked) = &record.model_asked
                && let Some(of) = virtual_model(live, asked)
            {
                *entry(&mut self.decisions, (of, names.clone()), MOST_PAIRS, || (of, other())) += 1;
            }
        }
        self.follow(record, names.provider);
    }

    /// Counts the attempt if one before it failed.
    fn follow(&mut self, record: &Record, to: Arc<str>) {
        let exchange = record.exchange_id.0;
        if let Some(at) = self.fallen.iter().rposition(|fallen| fallen.exchange == exchange)
            && let Some(fallen) = self.fallen.remove(at)
        {
            let other = || (self.known.other(), self.known.other());
            *entry(&mut self.fallbacks, (fallen.provider, Arc::clone(&to)), MOST_PAIRS, other) += 1;
        }
        if !matches!(record.outcome, Outcome::Ok | Outcome::ClientAbort) {
            if self.fallen.len() >= MOST_FALLEN {
                self.fallen.pop_front();
            }
            self.fallen.push_back(Fallen { exchange, provider: to });
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
        self.each_kind(text, &f::TOKENS, &KINDS, |of| &of.tokens);
        self.each_model(text, &f::REASONING, |text, labels, of| text.sample(&f::REASONING, labels, of.reasoning));
        self.each_model(text, &f::ESTIMATED, |text, labels, of| text.sample(&f::ESTIMATED, labels, of.estimated));
        self.each_model(text, &f::COST, |text, labels, of| text.sample(&f::COST, labels, Nanos(of.cost_nanos)));
        self.each_model(text, &f::UNPRICED, |text, labels, of| text.sample(&f::UNPRICED, labels, of.unpriced));
        self.each_kind(text, &f::STREAM_ABORTS, &SIDES, |of| &of.aborts);
        text.begin(&f::FALLBACKS);
        for ((from, to), count) in &self.fallbacks {
            text.sample(&f::FALLBACKS, &[from, to], count);
        }
        text.begin(&f::DECISIONS);
        for ((of, target), count) in &self.decisions {
            text.sample(&f::DECISIONS, &[of, &format!("{}/{}", target.provider, target.model)], count);
        }
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

impl OfModel {
    fn add(&mut self, record: &Record) {
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
        self.unpriced += u64::from(record.charge.is_unpriced());
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
