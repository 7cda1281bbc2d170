//! Puts entries into groups and adds them up.

use rusqlite::Connection;
use tokenrouter_shared::figures::Sort;

use super::block::{Block, Dim, SUMS, Sum, Sums};
use super::fast::{FastMap, FastSet};
use super::keys::{Key, below};
use super::spread::Both;
use super::steps::Steps;
use super::{MOST_GROUPS, MOST_LINES, Question};
use crate::store::StoreError;

/// Which group: the numbers of one or two dimensions, 0 where there are fewer.
pub(super) type GroupKey = [u32; 2];

/// How many groups have all of their sums in memory at once while it is not known which are told.
const WHOLE: usize = 4_096;

/// Lets through what a filter wants.
struct Sieve {
    key: Key,
    picked: FastSet<u32>,
    not: bool,
}

/// A question that is being answered.
pub(super) struct Gather {
    sieves: Vec<Sieve>,
    subtree: Option<FastSet<u32>>,
    pub(super) keys: Vec<Key>,
    pub(super) steps: Steps,
    sort: Sort,
    span: (i64, i64),
    // What follows is used again from block to block.
    passed: Vec<u32>,
    numbers: [Vec<u32>; 2],
}

impl Gather {
    /// Prepares for the answer to `question`.
    pub(super) fn new(connection: &Connection, question: &Question) -> Result<Self, StoreError> {
        let sieve = |filter: &super::Filter| {
            let key = Key::filter(connection, &filter.dimension)?;
            let picked = key.picked(connection, &filter.values)?;
            Ok(Sieve { key, picked, not: filter.not })
        };
        Ok(Self {
            sieves: question.filters.iter().map(sieve).collect::<Result<_, StoreError>>()?,
            subtree: question.root.map(|root| below(connection, root)).transpose()?,
            keys: question.by.iter().map(|by| Key::new(connection, by)).collect::<Result<_, _>>()?,
            steps: Steps::new(question.step.as_ref(), question.since_ms, question.until_ms)?,
            sort: question.sort,
            span: (question.since_ms, question.until_ms),
            passed: Vec::new(),
            numbers: Default::default(),
        })
    }

    /// Only entries of this span pass.
    pub(super) const fn set_span(&mut self, span: (i64, i64)) {
        self.span = span;
    }

    /// Which columns it looks at, beside the sums.
    pub(super) fn columns(&self) -> Vec<Dim> {
        let sieves = self.sieves.iter().map(|sieve| sieve.key.column());
        let subtree = self.subtree.is_some().then_some(Dim::Token);
        sieves.chain(subtree).chain(self.keys.iter().map(Key::column)).collect()
    }

    /// Whether every entry passes.
    pub(super) fn wants_all(&self) -> bool {
        self.sieves.is_empty() && self.subtree.is_none()
    }

    /// Finds which entries of a block pass, and their numbers in the dimensions of groups.
    fn sift(&mut self, block: &Block) {
        let (since, until) = self.span;
        let numbered = (0_u32..).zip(&block.at_ms);
        self.passed.clear();
        self.passed.extend(numbered.filter(|(_, at)| (since..until).contains(at)).map(|(at, _)| at));
        if let Some(subtree) = &self.subtree {
            let tokens = block.dim(Dim::Token);
            self.passed.retain(|at| tokens.get(*at as usize).is_some_and(|token| subtree.contains(token)));
        }
        let [numbers, _] = &mut self.numbers;
        for sieve in &self.sieves {
            sieve.key.numbers(block, numbers);
            self.passed.retain(|at| numbers.get(*at as usize).is_some_and(|n| sieve.picked.contains(n) != sieve.not));
        }
        for (key, numbers) in self.keys.iter().zip(&mut self.numbers) {
            key.numbers(block, numbers);
        }
    }

    fn group(&self, at: u32) -> GroupKey {
        let mut group = [0; 2];
        for ((to, numbers), _) in group.iter_mut().zip(&self.numbers).zip(&self.keys) {
            *to = numbers.get(at as usize).copied().unwrap_or(0);
        }
        group
    }

    /// By what groups are put in order, and what settles a tie.
    fn weights(&self) -> impl Iterator<Item = (Sum, bool)> + use<> {
        let parts: &'static [Sum] = match self.sort {
            Sort::Cost => &[Sum::Cost],
            Sort::Tokens => &[Sum::Uncached, Sum::CacheRead, Sum::CacheWrite5m, Sum::CacheWrite1h, Sum::Output],
            Sort::Requests => &[Sum::Exchanges],
            Sort::Attempts => &[Sum::Attempts],
            Sort::Failures => &[Sum::Failures],
            Sort::Savings => &[Sum::Savings],
            Sort::Time => &[Sum::TotalUs],
        };
        parts.iter().map(|part| (*part, false)).chain([(Sum::Attempts, true)])
    }

    /// Which sums it looks at to put groups in order.
    pub(super) fn weighed(&self) -> [bool; SUMS] {
        let mut wanted = [false; SUMS];
        for (part, _) in self.weights() {
            if let Some(wanted) = wanted.get_mut(part as usize) {
                *wanted = true;
            }
        }
        wanted
    }
}

/// Adds up a block column by column: `slots` says where each entry of `passed` belongs to in `to`, and [`NOWHERE`] that it
/// is not told. Columns of nothing but zeros are empty.
fn add_columns(block: &Block, passed: &[u32], slots: &[u32], to: &mut [Sums], total: &mut Sums) {
    for (column, list) in block.sums.iter().enumerate() {
        if list.is_empty() {
            continue;
        }
        let mut whole = 0_i64;
        for (at, slot) in passed.iter().zip(slots) {
            let value = list.get(*at as usize).copied().unwrap_or(0);
            whole = whole.saturating_add(value);
            if let Some(sum) = to.get_mut(*slot as usize).and_then(|sums| sums.get_mut(column)) {
                *sum = sum.saturating_add(value);
            }
        }
        if let Some(sum) = total.get_mut(column) {
            *sum = sum.saturating_add(whole);
        }
    }
}

/// In place of a line's number: the entry belongs to none that is told.
const NOWHERE: u32 = u32::MAX;

/// Which groups there are, and what is known of each when all entries were seen.
pub(super) struct Groups {
    slots: FastMap<GroupKey, u32>,
    /// By what they are put in order: the weight, and for a tie the attempts.
    weights: Vec<(i64, i64)>,
    /// All of their sums, as long as they are few.
    whole: Vec<Sums>,
    is_crowded: bool,
    /// Everything together.
    pub(super) total: Sums,
    /// The group of each entry of a block; used again from block to block.
    places: Vec<u32>,
}

impl Groups {
    /// None yet. Only their weights are counted where they are `weighed` alone.
    pub(super) fn new(weighed: bool) -> Self {
        Self {
            slots: FastMap::default(),
            weights: Vec::new(),
            whole: Vec::new(),
            is_crowded: weighed,
            total: [0; SUMS],
            places: Vec::new(),
        }
    }

    /// Takes in the entries of a block.
    pub(super) fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        let mut last: Option<(GroupKey, u32)> = None;
        self.places.clear();
        for at in &gather.passed {
            let group = gather.group(*at);
            let slot = match last {
                Some((known, slot)) if known == group => slot,
                _ => self.slot(group)?,
            };
            last = Some((group, slot));
            self.places.push(slot);
        }
        for (part, is_tie) in gather.weights() {
            let Some(list) = block.sums.get(part as usize).filter(|list| !list.is_empty()) else { continue };
            for (at, slot) in gather.passed.iter().zip(&self.places) {
                if let Some((weight, tie)) = self.weights.get_mut(*slot as usize) {
                    let to = if is_tie { tie } else { weight };
                    *to = to.saturating_add(list.get(*at as usize).copied().unwrap_or(0));
                }
            }
        }
        add_columns(block, &gather.passed, &self.places, &mut self.whole, &mut self.total);
        Ok(())
    }

    fn slot(&mut self, group: GroupKey) -> Result<u32, StoreError> {
        let new = u32::try_from(self.weights.len()).unwrap_or(u32::MAX);
        let slot = *self.slots.entry(group).or_insert(new);
        if slot == new {
            if self.weights.len() >= MOST_GROUPS {
                return Err(StoreError::Refused(format!(
                    "more than {MOST_GROUPS} groups: ask for a shorter span, or filter"
                )));
            }
            self.weights.push((0, 0));
            self.is_crowded |= self.weights.len() > WHOLE;
            if self.is_crowded {
                self.whole = Vec::new();
            } else {
                self.whole.push([0; SUMS]);
            }
        }
        Ok(slot)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The first `most` in order, with their sums where these are in memory.
    pub(super) fn first(self, most: usize) -> Vec<(GroupKey, Option<Sums>)> {
        let Self { slots, weights, whole, .. } = self;
        let of = |slot: u32| weights.get(slot as usize).copied().unwrap_or_default();
        let mut all: Vec<((i64, i64), GroupKey, u32)> =
            slots.into_iter().map(|(key, slot)| (of(slot), key, slot)).collect();
        // The numbers of names settle a tie, so that two answers are the same.
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        all.truncate(most);
        all.into_iter().map(|(_, key, slot)| (key, whole.get(slot as usize).copied())).collect()
    }
}

/// The sums of lines that are known to be told.
pub(super) struct Lines {
    /// The place of each group, from 0 on.
    groups: FastMap<GroupKey, u32>,
    slots: FastMap<(u32, u32), u32>,
    /// By group and stretch of time.
    pub(super) lines: Vec<(u32, u32)>,
    /// What each comes to.
    pub(super) sums: Vec<Sums>,
    /// How the times of each are spread, where that is asked.
    pub(super) both: Vec<Both>,
    /// The line of each entry of a block; used again from block to block.
    places: Vec<u32>,
    spreads: bool,
    by_step: bool,
    /// Everything together, lines that are not told included.
    pub(super) total: Sums,
    /// How its times are spread, where that is asked.
    pub(super) spread: Both,
}

impl Lines {
    /// Lines of `groups`, in their order.
    pub(super) fn new(groups: impl Iterator<Item = GroupKey>, by_step: bool, spreads: bool) -> Self {
        Self {
            groups: groups.zip(0..).collect(),
            slots: FastMap::default(),
            lines: Vec::new(),
            sums: Vec::new(),
            both: Vec::new(),
            places: Vec::new(),
            spreads,
            by_step,
            total: [0; SUMS],
            spread: Both::default(),
        }
    }

    /// Takes in the entries of a block.
    pub(super) fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        self.places.clear();
        let mut last: Option<(GroupKey, Option<u32>)> = None;
        for place in 0..gather.passed.len() {
            let Some(at) = gather.passed.get(place).copied() else { break };
            let key = gather.group(at);
            let group = match last {
                Some((known, group)) if known == key => group,
                _ => self.groups.get(&key).copied(),
            };
            last = Some((key, group));
            let Some(group) = group else {
                self.places.push(NOWHERE);
                continue;
            };
            let step = match block.at_ms.get(at as usize) {
                Some(at_ms) if self.by_step => gather.steps.find(*at_ms),
                _ => 0,
            };
            let slot = self.slot((group, step))?;
            self.places.push(slot);
        }
        add_columns(block, &gather.passed, &self.places, &mut self.sums, &mut self.total);
        if self.spreads {
            self.add_times(gather, block);
        }
        Ok(())
    }

    fn slot(&mut self, line: (u32, u32)) -> Result<u32, StoreError> {
        let new = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        let slot = match self.lines.last() {
            Some(last) if *last == line => new - 1,
            _ => *self.slots.entry(line).or_insert(new),
        };
        if slot == new {
            if self.lines.len() >= MOST_LINES {
                return Err(StoreError::Refused(format!(
                    "more than {MOST_LINES} lines: ask for fewer groups, or for longer stretches of time"
                )));
            }
            self.push(line);
        }
        Ok(slot)
    }

    fn push(&mut self, line: (u32, u32)) {
        self.lines.push(line);
        self.sums.push([0; SUMS]);
        if self.spreads {
            self.both.push(Both::default());
        }
    }

    fn add_times(&mut self, gather: &Gather, block: &Block) {
        // By entry of the block: none where it does not pass.
        let mut lines: Vec<Option<u32>> = vec![None; block.len()];
        for (at, line) in gather.passed.iter().zip(&self.places) {
            if let Some(to) = lines.get_mut(*at as usize) {
                *to = Some(*line);
            }
        }
        for (kind, times) in block.times.iter().enumerate() {
            for (at, bin, count) in &times.seen {
                let Some(line) = lines.get(*at as usize).copied().flatten() else { continue };
                let line = self.both.get_mut(line as usize);
                for Both(both) in line.into_iter().chain([&mut self.spread]) {
                    if let Some(bins) = both.get_mut(kind) {
                        bins.add(*bin, *count);
                    }
                }
            }
        }
    }

    /// A line for every one of `steps` stretches of time, of the one group that there is.
    pub(super) fn fill(&mut self, steps: usize) {
        let steps = if self.by_step { steps } else { 1 };
        for step in (0_u32..).take(steps) {
            if !self.slots.contains_key(&(0, step)) {
                self.push((0, step));
            }
        }
    }
}
