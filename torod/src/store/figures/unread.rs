//! Conversations that wrote to a prompt cache and read nothing from it.

use rusqlite::Connection;
use tokenrouter_shared::figures::Dimension;

use super::block::{Block, SUMS, Sum, totals};
use super::fast::FastMap;
use super::gather::Gather;
use super::lines::Lines;
use super::source::{Plan, each_block};
use super::{Line, MOST_GROUPS, Question, moment, texts};
use crate::store::StoreError;

/// What is looked at: read, written for five minutes and for an hour, and saved.
const LOOKED_AT: [Sum; 4] = [Sum::CacheRead, Sum::CacheWrite5m, Sum::CacheWrite1h, Sum::Savings];

/// What such conversations come to.
#[derive(Clone, Debug, Default)]
pub struct UnreadSums {
    /// How many there are.
    pub sessions: u64,
    /// LLM tokens that they wrote.
    pub tokens: u64,
    /// What caching cost them more than without it, in nano-dollars.
    pub lost_nanos: u64,
    /// Whether there were more conversations than are looked at.
    pub is_least: bool,
    /// Those that wrote the most.
    pub lines: Vec<Line>,
}

/// Adds up what is looked at, by conversation.
#[derive(Default)]
struct Found {
    slots: FastMap<u32, u32>,
    sums: Vec<[i64; LOOKED_AT.len()]>,
    is_least: bool,
    places: Vec<u32>,
}

impl Found {
    fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        self.places.clear();
        for at in &gather.passed {
            let [session, _] = gather.group(*at);
            let new = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
            // What belongs to no conversation may be many.
            let slot = match self.slots.get(&session) {
                _ if session == 0 => u32::MAX,
                Some(slot) => *slot,
                None if self.sums.len() < MOST_GROUPS => {
                    self.slots.insert(session, new);
                    self.sums.push([0; LOOKED_AT.len()]);
                    new
                }
                None => {
                    self.is_least = true;
                    u32::MAX
                }
            };
            self.places.push(slot);
        }
        for (column, sum) in LOOKED_AT.into_iter().enumerate() {
            block.each(sum as usize, &gather.passed, |place, value| {
                let sums = self.places.get(place).and_then(|slot| self.sums.get_mut(*slot as usize));
                if let Some(sum) = sums.and_then(|sums| sums.get_mut(column)) {
                    *sum = sum.saturating_add(value);
                }
            })?;
        }
        Ok(())
    }
}

/// The conversations in the span of `question` that wrote and read nothing, with the lines of those `most` that wrote the
/// most.
pub fn unread(connection: &Connection, question: &Question, most: usize) -> Result<UnreadSums, StoreError> {
    let question = Question { by: vec![Dimension::Session], step: None, spread: false, ..question.clone() };
    question.check()?;
    let moment = moment(connection)?;
    let connection = moment.as_deref().unwrap_or(connection);
    let mut gather = Gather::new(connection, &question)?;
    let plan = Plan::new(connection, &question, &gather)?.coarse();
    let mut wanted = [false; SUMS];
    for sum in LOOKED_AT {
        if let Some(wanted) = wanted.get_mut(sum as usize) {
            *wanted = true;
        }
    }
    let mut found = Found::default();
    each_block(connection, &plan, &mut gather, (wanted, false), |gather, block| found.take(gather, block))?;
    let mut told = UnreadSums { is_least: found.is_least, ..UnreadSums::default() };
    let mut order: Vec<(i64, u32)> = Vec::new();
    for (session, slot) in &found.slots {
        let Some([0, short, long, saved]) = found.sums.get(*slot as usize).copied() else { continue };
        let written = short.saturating_add(long);
        if written > 0 {
            told.sessions += 1;
            told.tokens = told.tokens.saturating_add(written.unsigned_abs());
            told.lost_nanos = told.lost_nanos.saturating_add(saved.min(0).unsigned_abs());
            order.push((written, *session));
        }
    }
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    order.truncate(most);
    let mut lines = Lines::new(order.iter().map(|(_, session)| [*session, 0]), false, false, false);
    each_block(connection, &plan, &mut gather, ([true; SUMS], false), |gather, block| lines.take(gather, block))?;
    let mut known: Vec<(u32, usize)> = lines.lines.iter().map(|(group, _)| *group).zip(0..).collect();
    known.sort_unstable();
    for (group, at) in known {
        let (Some((_, session)), Some(sums)) = (order.get(group as usize), lines.sums.get(at)) else { continue };
        let key = texts(connection, &gather, [*session, 0])?;
        told.lines.push(Line { key, at_ms: None, totals: totals(sums), spread: None });
    }
    Ok(told)
}
