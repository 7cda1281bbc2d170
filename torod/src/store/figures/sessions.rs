//! The conversations of a token and those below it: what each used, and from when to when it went on.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};
use tokenrouter_shared::ids::{first_of_ms, ms_of};
use tokenrouter_shared::usage_of::UsageTotals;

use super::block::{Block, Dim, SUMS, Sums, totals};
use super::fast::FastMap;
use super::gather::{Gather, add_columns};
use super::source::{Plan, each_block};
use super::steps::SHORTEST_MS;
use super::{MOST_GROUPS, Question, moment};
use crate::store::StoreError;

/// So many rows are looked at to tell when conversations began and ended; the times of those for which that was not enough are
/// told by stretches of five minutes.
const MOST_LOOKED_AT: usize = 100_000;

/// A conversation and what it used.
#[derive(Clone, Debug)]
pub struct SessionSums {
    /// The agent's own id of it; `None`: attempts without one.
    pub id: Option<String>,
    /// The id of the one that it was begun by.
    pub parent: Option<String>,
    /// The program that asked, where it was always the same.
    pub agent: Option<String>,
    /// When the first of its attempts began, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last one did.
    pub last_ms: i64,
    /// Its sums.
    pub totals: UsageTotals,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Its number; 0: attempts that belong to none.
    session: u32,
    /// When its first and its last stretch begin.
    stretches: (i64, i64),
    /// When its first and its last attempt began, as far as rows tell.
    exact: Option<(i64, i64)>,
    /// The number of the program; 0: nobody said.
    agent: u32,
    /// Whether several programs were seen.
    is_mixed: bool,
}

#[derive(Default)]
struct Sessions {
    slots: FastMap<u32, u32>,
    seen: Vec<Seen>,
    sums: Vec<Sums>,
    /// The conversation of each entry of a block; used again from block to block.
    places: Vec<u32>,
}

impl Sessions {
    fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        self.places.clear();
        for at in gather.passed.iter().map(|at| *at as usize) {
            let number = |dim: Dim| block.dim(dim).get(at).copied().unwrap_or(0);
            let at_ms = block.at_ms.get(at).copied().unwrap_or(0);
            let stretch = at_ms - at_ms.rem_euclid(SHORTEST_MS);
            let (session, agent) = (number(Dim::Session), number(Dim::Agent));
            let new = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
            let slot = *self.slots.entry(session).or_insert(new);
            if slot == new {
                let stretches = (stretch, stretch);
                self.seen.push(Seen { session, stretches, exact: None, agent: 0, is_mixed: false });
            }
            if let Some(seen) = self.seen.get_mut(slot as usize) {
                seen.stretches = (seen.stretches.0.min(stretch), seen.stretches.1.max(stretch));
                seen.is_mixed |= agent != 0 && seen.agent != 0 && seen.agent != agent;
                seen.agent = seen.agent.max(agent);
            }
            self.places.push(slot);
        }
        if self.seen.len() > MOST_GROUPS {
            return Err(StoreError::Refused(format!("more than {MOST_GROUPS} conversations: ask for a shorter span")));
        }
        self.sums.resize(self.seen.len(), [0; SUMS]);
        add_columns(block, &gather.passed, &self.places, &mut self.sums, None)
    }

    /// Looks at the rows of the stretches that conversations begin and end in.
    fn look_at_rows(
        &mut self,
        connection: &Connection,
        gather: &Gather,
        span: (i64, i64),
        of: &[u32],
    ) -> Result<(), StoreError> {
        let ends = of.iter().filter_map(|slot| self.seen.get(*slot as usize));
        let stretches: BTreeSet<i64> = ends.flat_map(|seen| [seen.stretches.0, seen.stretches.1]).collect();
        let sql = "SELECT id, token_id, coalesce(session, 0) FROM usage WHERE id >= ?1 AND id < ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let mut looked_at = 0;
        for begin in stretches {
            let (since, until) = (begin.max(span.0), begin.saturating_add(SHORTEST_MS).min(span.1));
            let mut rows = statement.query((first_of_ms(since), first_of_ms(until)))?;
            while let Some(row) = rows.next()? {
                looked_at += 1;
                if looked_at > MOST_LOOKED_AT {
                    return Ok(());
                }
                let (token, session): (u32, u32) = (row.get(1)?, row.get(2)?);
                let Some(slot) = self.slots.get(&session).filter(|_| gather.is_asked(token)) else { continue };
                let Some(seen) = self.seen.get_mut(*slot as usize) else { continue };
                let at_ms = ms_of(row.get(0)?);
                let (first, last) = seen.exact.unwrap_or((at_ms, at_ms));
                seen.exact = Some((first.min(at_ms), last.max(at_ms)));
            }
        }
        Ok(())
    }
}

impl Seen {
    /// When its first and its last attempt began: where no row tells, when their stretches did.
    fn span(&self) -> (i64, i64) {
        let (first, last) = self.stretches;
        let within = |exact: i64, begin: i64| (begin..begin.saturating_add(SHORTEST_MS)).contains(&exact);
        let (exact_first, exact_last) = self.exact.unwrap_or(self.stretches);
        (
            if within(exact_first, first) { exact_first } else { first },
            if within(exact_last, last) { exact_last } else { last },
        )
    }
}

/// The conversations in the span of `question`, the oldest first, `most` at most, and how many there are.
pub fn sessions(
    connection: &Connection,
    question: &Question,
    most: usize,
) -> Result<(Vec<SessionSums>, u64), StoreError> {
    let question = Question { by: Vec::new(), step: None, spread: false, ..question.clone() };
    question.check()?;
    let moment = moment(connection)?;
    let connection = moment.as_deref().unwrap_or(connection);
    let mut gather = Gather::new(connection, &question)?.also(&[Dim::Session, Dim::Agent]);
    let plan = Plan::new(connection, &question, &gather)?.fine();
    let mut found = Sessions::default();
    each_block(connection, &plan, &mut gather, ([true; SUMS], false), |gather, block| found.take(gather, block))?;
    let count = found.seen.len() as u64;
    let mut order: Vec<u32> = found.slots.values().copied().collect();
    let by_age = |found: &Sessions, order: &mut Vec<u32>| {
        order.sort_by_key(|slot| found.seen.get(*slot as usize).map(|seen| (seen.span().0, seen.session)));
    };
    by_age(&found, &mut order);
    order.truncate(most);
    found.look_at_rows(connection, &gather, (question.since_ms, question.until_ms), &order)?;
    by_age(&found, &mut order);
    let told = order.iter().filter_map(|slot| {
        let at = *slot as usize;
        Some(told(connection, found.seen.get(at)?, found.sums.get(at)?))
    });
    Ok((told.collect::<Result<_, _>>()?, count))
}

fn told(connection: &Connection, seen: &Seen, sums: &Sums) -> Result<SessionSums, StoreError> {
    let mut statement = connection.prepare_cached("SELECT text, parent FROM agent_session WHERE id = ?1")?;
    let known = statement.query_row([seen.session], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (id, parent) = known.map_or((None, None), |(id, parent)| (Some(id), parent));
    let mut statement = connection.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
    let agent = if seen.is_mixed { 0 } else { seen.agent };
    let agent = statement.query_row([agent], |row| row.get(0)).optional()?;
    let (first_ms, last_ms) = seen.span();
    Ok(SessionSums { id, parent, agent, first_ms, last_ms, totals: totals(sums).counted() })
}
