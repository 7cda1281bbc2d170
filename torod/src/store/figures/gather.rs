//! Puts entries into groups and adds them up.

use rusqlite::Connection;
use tokenrouter_shared::figures::{Sort, Spread};

use super::block::{Block, Dim, SUMS, Sum, Sums};
use super::fast::{FastMap, FastSet};
use super::keys::{Key, below};
use super::spread::Both;
use super::steps::Steps;
use super::{MOST_GROUPS, Question};
use crate::store::StoreError;

/// Which group: the numbers of one or two dimensions, 0 where there are fewer.
pub(super) type GroupKey = [u32; 2];

/// A group, its sums, and how its times are spread, as far as these are in memory.
pub(super) type Group = (GroupKey, Option<Sums>, Option<Spread>);

/// How many groups have all of their sums in memory at once while it is not known which are told.
const WHOLE: usize = 16_384;

/// How many have the spreads of their times there.
const WHOLE_SPREADS: usize = 512;

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
    /// Nobody looks at times any more.
    pub(super) is_without_times: bool,
    /// Columns that are looked at beside those of sieves and groups.
    also: Vec<Dim>,
    // What follows is used again from block to block.
    pub(super) passed: Vec<u32>,
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
            is_without_times: false,
            also: Vec::new(),
            passed: Vec::new(),
            numbers: Default::default(),
        })
    }

    /// The same for who looks at further columns by itself.
    pub(super) fn also(mut self, columns: &[Dim]) -> Self {
        self.also.extend_from_slice(columns);
        self
    }

    /// Only entries of this span pass.
    pub(super) const fn set_span(&mut self, span: (i64, i64)) {
        self.span = span;
    }

    /// Which columns it looks at, beside the sums.
    pub(super) fn columns(&self) -> Vec<Dim> {
        let sieves = self.sieves.iter().map(|sieve| sieve.key.column());
        let subtree = self.subtree.is_some().then_some(Dim::Token);
        let keys = self.keys.iter().map(Key::column);
        sieves.chain(subtree).chain(keys).chain(self.also.iter().copied()).collect()
    }

    /// Whether every entry passes.
    pub(super) fn wants_all(&self) -> bool {
        self.sieves.is_empty() && self.subtree.is_none()
    }

    /// Whether a token is one of those that are asked about.
    pub(super) fn is_asked(&self, token: u32) -> bool {
        self.subtree.as_ref().is_none_or(|subtree| subtree.contains(&token))
    }

    /// Whether nothing tells entries apart.
    pub(super) fn is_whole(&self) -> bool {
        self.keys.is_empty() && self.also.is_empty()
    }

    /// Finds which entries of a block pass, and their numbers in the dimensions of groups.
    pub(super) fn sift(&mut self, block: &Block) {
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

    pub(super) fn group(&self, at: u32) -> GroupKey {
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

    /// By what a group is put in order that has these sums.
    fn weight(&self, sums: &Sums) -> (i64, i64) {
        let mut weight = (0_i64, 0_i64);
        for (part, is_tie) in self.weights() {
            let to = if is_tie { &mut weight.1 } else { &mut weight.0 };
            *to = to.saturating_add(part.of(sums));
        }
        weight
    }

    /// Which sums it looks at to put groups in order, and costs.
    pub(super) fn weighed(&self) -> [bool; SUMS] {
        let mut wanted = [false; SUMS];
        for part in self.weights().map(|(part, _)| part).chain([Sum::Cost]) {
            if let Some(wanted) = wanted.get_mut(part as usize) {
                *wanted = true;
            }
        }
        wanted
    }
}

/// Adds up a block column by column: `slots` says where each of the entries `of` it belongs to in `to`, and [`NOWHERE`] that
/// it is not told. Into `total` they all go.
pub(super) fn add_columns(
    block: &Block,
    of: &[u32],
    slots: &[u32],
    to: &mut [Sums],
    mut total: Option<&mut Sums>,
) -> Result<(), StoreError> {
    for column in 0..if of.is_empty() { 0 } else { SUMS } {
        let mut whole = 0_i64;
        block.each(column, of, |place, value| {
            whole = whole.saturating_add(value);
            let slot = slots.get(place).copied().unwrap_or(NOWHERE);
            if let Some(sum) = to.get_mut(slot as usize).and_then(|sums| sums.get_mut(column)) {
                *sum = sum.saturating_add(value);
            }
        })?;
        if let Some(sum) = total.as_mut().and_then(|total| total.get_mut(column)) {
            *sum = sum.saturating_add(whole);
        }
    }
    Ok(())
}

/// Adds up how the times of a block are spread: `slots` says where each of the entries `of` it belongs to in `to`, and
/// [`NOWHERE`] that it is one of the `others`.
pub(super) fn add_times(block: &Block, of: &[u32], slots: &[u32], to: &mut [Both], others: &mut Both) {
    // By entry of the block: none where it does not pass.
    let mut lines: Vec<Option<u32>> = vec![None; block.len()];
    for (at, line) in of.iter().zip(slots) {
        if let Some(to) = lines.get_mut(*at as usize) {
            *to = Some(*line);
        }
    }
    for (kind, times) in block.times.iter().enumerate() {
        for (line, (bins, counts)) in lines.iter().zip(times.entries()) {
            let Some(line) = line else { continue };
            let Both(both) = to.get_mut(*line as usize).unwrap_or(others);
            let Some(to) = both.get_mut(kind) else { continue };
            for (bin, count) in bins.iter().zip(counts) {
                to.add(*bin, *count);
            }
        }
    }
}

/// In place of a line's number: the entry belongs to none that is told.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Which groups there are, and what is known of each when all entries were seen.
pub(super) struct Groups {
    slots: FastMap<GroupKey, u32>,
    /// All of their sums, as long as they are few.
    whole: Vec<Sums>,
    is_crowded: bool,
    /// By what they are put in order, once they are many: the weight, and for a tie the attempts.
    weights: Vec<(i64, i64)>,
    /// Everything together, as long as they are few.
    total: Sums,
    /// How the times of each are spread, as long as that is asked and they are fewer still.
    both: Option<Vec<Both>>,
    /// The group of each entry of a block; used again from block to block.
    places: Vec<u32>,
}

impl Groups {
    /// None yet. Only their weights are counted where they are `weighed` alone; else `spreads` says whether it is added up how
    /// their times are spread.
    pub(super) fn new(weighed: bool, spreads: bool) -> Self {
        Self {
            slots: FastMap::default(),
            whole: Vec::new(),
            is_crowded: weighed,
            weights: Vec::new(),
            total: [0; SUMS],
            both: (spreads && !weighed).then(Vec::new),
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
        if !self.is_crowded && self.len() > WHOLE {
            self.is_crowded = true;
            self.weights = std::mem::take(&mut self.whole).iter().map(|sums| gather.weight(sums)).collect();
        }
        let len = self.len();
        if len > WHOLE_SPREADS {
            self.both = None;
        }
        gather.is_without_times = self.both.is_none();
        if let Some(both) = &mut self.both {
            both.resize_with(len, Both::default);
            add_times(block, &gather.passed, &self.places, both, &mut Both::default());
        }
        if !self.is_crowded {
            self.whole.resize(len, [0; SUMS]);
            return add_columns(block, &gather.passed, &self.places, &mut self.whole, Some(&mut self.total));
        }
        self.weights.resize(len, (0, 0));
        for (part, is_tie) in gather.weights() {
            block.each(part as usize, &gather.passed, |place, value| {
                let slot = self.places.get(place).and_then(|slot| self.weights.get_mut(*slot as usize));
                if let Some((weight, tie)) = slot {
                    let to = if is_tie { tie } else { weight };
                    *to = to.saturating_add(value);
                }
            })?;
        }
        Ok(())
    }

    fn slot(&mut self, group: GroupKey) -> Result<u32, StoreError> {
        let new = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let slot = *self.slots.entry(group).or_insert(new);
        if slot == new && self.len() > MOST_GROUPS {
            return Err(StoreError::Refused(format!(
                "more than {MOST_GROUPS} groups: ask for a shorter span, or filter"
            )));
        }
        Ok(slot)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Everything together, where that is known, and how its times are spread as far as that is.
    pub(super) fn total(&self) -> Option<(Sums, Both)> {
        let mut spread = Both::default();
        self.both.iter().flatten().for_each(|both| spread.add(both));
        (!self.is_crowded).then_some((self.total, spread))
    }

    /// Whether it is known how the times of all of them are spread.
    pub(super) const fn has_spreads(&self) -> bool {
        self.both.is_some()
    }

    /// The first `most` in order, with their sums and spreads where these are in memory.
    pub(super) fn first(self, gather: &Gather, most: usize) -> Vec<Group> {
        let Self { slots, weights, whole, both, .. } = self;
        let of = |slot: u32| match whole.get(slot as usize) {
            Some(sums) => gather.weight(sums),
            None => weights.get(slot as usize).copied().unwrap_or_default(),
        };
        let mut all: Vec<((i64, i64), GroupKey, u32)> =
            slots.into_iter().map(|(key, slot)| (of(slot), key, slot)).collect();
        // The numbers of names settle a tie, so that two answers are the same.
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        all.truncate(most);
        let spread = |slot: u32| both.as_ref().and_then(|both| both.get(slot as usize)).map(Both::told);
        all.into_iter().map(|(_, key, slot)| (key, whole.get(slot as usize).copied(), spread(slot))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokenrouter_shared::figures::Dimension;

    use super::*;
    use crate::store::figures::block::{DIMS, Entry};

    #[test]
    fn groups_that_become_many_are_in_the_order_of_all_that_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let connection = crate::store::schema::open_writer(folder.path()).unwrap();
        let question = Question::new(0, i64::MAX).by(Dimension::Session);
        let mut gather = Gather::new(&connection, &question).unwrap();
        let (mut groups, mut block) = (Groups::new(false, false), Block::default());
        let many = u32::try_from(WHOLE).unwrap() + 100;
        // All of them once, and then again: the second time the others are known.
        for _ in 0..2 {
            for session in 1..=many {
                let mut dims = [0; DIMS];
                dims[gather.keys[0].column() as usize] = session;
                let mut sums = [0; SUMS];
                (sums[Sum::Cost as usize], sums[Sum::Attempts as usize]) = (i64::from(session % 1_000), 1);
                block.push(&Entry { at_ms: 5, dims, sums });
                if block.len() == 4_096 || session == many {
                    groups.take(&mut gather, &block).unwrap();
                    block.clear();
                }
            }
            assert_eq!(groups.len(), many as usize);
        }
        assert_eq!((groups.total().is_none(), groups.weights[998]), (true, (2 * 999, 2)));
        let first = groups.first(&gather, 3);
        assert_eq!(
            first.iter().map(|(key, sums, _)| (key[0], *sums)).collect::<Vec<_>>(),
            [(999, None), (1_999, None), (2_999, None)]
        );
    }
}
