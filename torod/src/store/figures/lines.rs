//! Adds up the lines of an answer, once it is known which groups are told.

use super::MOST_LINES;
use super::block::{Block, SUMS, Sums};
use super::fast::FastMap;
use super::gather::{Gather, GroupKey, NOWHERE, add_columns, add_times};
use super::spread::Both;
use crate::store::StoreError;

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
    /// Entries of a block, and the line of each; used again from block to block.
    at: Vec<u32>,
    places: Vec<u32>,
    spreads: bool,
    by_step: bool,
    /// Everything together, lines that are not told included; none where that is known already, and who is not told is left out.
    total: Option<Sums>,
    /// How the times of lines are spread that are not told.
    others: Both,
}

impl Lines {
    /// Lines of `groups`, in their order.
    pub(super) fn new(groups: impl Iterator<Item = GroupKey>, by_step: bool, spreads: bool, sums_all: bool) -> Self {
        Self {
            groups: groups.zip(0..).collect(),
            slots: FastMap::default(),
            lines: Vec::new(),
            sums: Vec::new(),
            both: Vec::new(),
            at: Vec::new(),
            places: Vec::new(),
            spreads,
            by_step,
            total: sums_all.then_some([0; SUMS]),
            others: Both::default(),
        }
    }

    /// Takes in the entries of a block.
    pub(super) fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        self.at.clear();
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
                if self.total.is_some() {
                    self.at.push(at);
                    self.places.push(NOWHERE);
                }
                continue;
            };
            let step = match block.at_ms.get(at as usize) {
                Some(at_ms) if self.by_step => gather.steps.find(*at_ms),
                _ => 0,
            };
            let slot = self.slot((group, step))?;
            self.at.push(at);
            self.places.push(slot);
        }
        add_columns(block, &self.at, &self.places, &mut self.sums, self.total.as_mut())?;
        if self.spreads {
            add_times(block, &self.at, &self.places, &mut self.both, &mut self.others);
        }
        Ok(())
    }

    /// Everything together, and how its times are spread, where that was asked for.
    pub(super) fn total(&self) -> Option<(Sums, Both)> {
        let mut spread = self.others.clone();
        self.both.iter().for_each(|both| spread.add(both));
        self.total.map(|total| (total, spread))
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
