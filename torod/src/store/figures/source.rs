//! Where entries come from: chunks as far as they go, and rows for what the span cuts or is in no chunk yet.

use rusqlite::Connection;
use tokenrouter_shared::ids::first_of_ms;

use super::Question;
use super::block::{Block, COLUMNS, Entry};
use super::gather::Gather;
use super::steps::SHORTEST_MS;
use crate::store::StoreError;
use crate::store::history::codec::Wanted;
use crate::store::history::{DIMS, Lane, Node, SUMS, State, Tier, children, data, roots, totals};

/// So many entries are looked at together.
const BLOCK: usize = 4_096;

/// A span of time in milliseconds since 1970, without its end.
type Span = (i64, i64);

/// The parts of a question's span.
#[derive(Debug)]
pub(super) struct Plan {
    /// Whole stretches of five minutes, of which chunks know.
    middle: Span,
    /// What is read row by row at its ends.
    ends: [Span; 2],
    /// The coarsest chunks that tell the question's stretches of time apart.
    coarsest: Tier,
    state: State,
}

impl Plan {
    /// How `question` is answered.
    pub(super) fn new(connection: &Connection, question: &Question, gather: &Gather) -> Result<Self, StoreError> {
        let state = State::read(connection)?;
        // Rows of before this time are gone: what the span cuts there counts as a whole.
        let gone_ms = state.gone_ms;
        let (since, until) = (question.since_ms, question.until_ms.min(i64::MAX - SHORTEST_MS));
        let begin = |at: i64| at - at.rem_euclid(SHORTEST_MS);
        let end = |at: i64| begin(at.saturating_add(SHORTEST_MS - 1));
        let from = if since < gone_ms { begin(since) } else { end(since) };
        let to = if until < gone_ms { end(until) } else { begin(until) };
        let coarsest = [Tier::Days, Tier::Hours].into_iter().find(|tier| gather.steps.are_multiples(tier.stretch_ms()));
        let (middle, ends) = if from > to {
            // Within one stretch.
            ((since, since), [(since, until), (until, until)])
        } else {
            ((from, to), [(since.min(from), from), (to, until.max(to))])
        };
        Ok(Self { middle, ends, coarsest: coarsest.unwrap_or(Tier::Minutes), state })
    }

    /// Whether every part of it can be told from the others: no rows are gone in it.
    pub(super) const fn is_exact(&self) -> bool {
        let [(since, _), _] = self.ends;
        since >= self.state.gone_ms
    }

    /// The same for who does not tell its stretches of time apart.
    pub(super) fn coarse(&self) -> Self {
        Self { coarsest: if self.is_exact() { Tier::Days } else { self.coarsest }, ..*self }
    }

    /// The same for who wants to know when something was.
    pub(super) fn fine(&self) -> Self {
        Self { coarsest: Tier::Minutes, ..*self }
    }

    /// The span that is answered for.
    pub(super) fn span(&self) -> Span {
        let [(since, _), (_, until)] = self.ends;
        (since, until)
    }
}

/// Hands out everything in the question's span, block by block. Returns the span that was counted.
pub(super) fn each_block(
    connection: &Connection,
    plan: &Plan,
    gather: &mut Gather,
    (sums, times): ([bool; SUMS], bool),
    mut each: impl FnMut(&mut Gather, &Block) -> Result<(), StoreError>,
) -> Result<Span, StoreError> {
    let wanted = wanted(gather, sums, times);
    let mut reading = Reading { connection, plan, block: Block::default(), reach: plan.span(), wanted };
    let State { round, oldest_id, old_done_id, old_until_id, .. } = plan.state;
    gather.set_span(plan.span());
    for span in plan.ends {
        reading.rows(gather, "", span, (0, i64::MAX), 0, &mut each)?;
    }
    if plan.middle.0 >= plan.middle.1 {
        return Ok(reading.reach);
    }
    let middle = plan.middle;
    reading.rows(gather, "AND round = ?3", middle, (oldest_id, i64::MAX), round, &mut each)?;
    let old = (old_done_id.saturating_add(1), old_until_id.saturating_add(1));
    reading.rows(gather, "", middle, old, 0, &mut each)?;
    gather.set_span(middle);
    for lane in Lane::ALL {
        for node in roots(connection, lane)? {
            reading.node(gather, &node, &mut each)?;
        }
    }
    Ok(reading.reach)
}

fn wanted(gather: &Gather, sums: [bool; SUMS], times: bool) -> Wanted {
    let mut dims = [false; DIMS];
    for dim in gather.columns() {
        if let Some(wanted) = dims.get_mut(dim as usize) {
            *wanted = true;
        }
    }
    Wanted { dims, sums, times, packed: true }
}

type Each<'e> = &'e mut dyn FnMut(&mut Gather, &Block) -> Result<(), StoreError>;

struct Reading<'r> {
    connection: &'r Connection,
    plan: &'r Plan,
    block: Block,
    wanted: Wanted,
    /// What was counted.
    reach: Span,
}

impl Reading<'_> {
    /// The rows of a span with ids in a range; `and` is a condition that may ask for `round`.
    fn rows(
        &mut self,
        gather: &mut Gather,
        and: &str,
        span: Span,
        ids: Span,
        round: i64,
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        let from = first_of_ms(span.0).max(ids.0);
        let until = if span.1 >= i64::MAX - SHORTEST_MS { i64::MAX } else { first_of_ms(span.1) }.min(ids.1);
        if span.0 >= span.1 || from >= until {
            return Ok(());
        }
        let sql = format!("SELECT {COLUMNS} FROM usage WHERE id >= ?1 AND id < ?2 {and}");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows =
            if and.is_empty() { statement.query((from, until))? } else { statement.query((from, until, round))? };
        self.block.clear();
        while let Some(row) = rows.next()? {
            self.block.push(&Entry::read(row)?);
            if self.block.len() == BLOCK {
                each(gather, &self.block)?;
                self.block.clear();
            }
        }
        each(gather, &self.block)
    }

    /// What lies within the middle of the span, of a chunk or of those that it sums up.
    fn node(&mut self, gather: &mut Gather, node: &Node, each: Each<'_>) -> Result<(), StoreError> {
        let (since, until) = self.plan.middle;
        let stretch_ms = node.tier.stretch_ms();
        let end = node.last_ms.saturating_add(stretch_ms);
        if end <= since || node.first_ms >= until {
            return Ok(());
        }
        let is_cut = node.first_ms < since || end > until;
        if node.tier > self.plan.coarsest || (is_cut && node.tier > Tier::Minutes) {
            if !gather.wants_all() && !self.has_any(gather, node)? {
                return Ok(());
            }
            let (below, is_whole) = children(self.connection, node)?;
            // Those that are gone had only what was before the rows that are left.
            if is_whole || since >= self.plan.state.gone_ms {
                for node in below {
                    self.node(gather, &node, each)?;
                }
                return Ok(());
            }
        }
        self.wanted.times &= !gather.is_without_times;
        if gather.wants_all() && gather.is_whole() {
            totals(self.connection, node, &self.wanted, &mut self.block)?;
        } else {
            data(self.connection, node, &self.wanted, &mut self.block)?;
        }
        if is_cut && node.tier > Tier::Minutes {
            self.widen(stretch_ms);
        }
        each(gather, &self.block)
    }

    /// Whether anything in a chunk may pass: those that it sums up need not be read where nothing does.
    fn has_any(&mut self, gather: &mut Gather, node: &Node) -> Result<bool, StoreError> {
        let (since, until) = self.plan.middle;
        let wanted = Wanted { dims: self.wanted.dims, sums: [false; SUMS], times: false, packed: true };
        data(self.connection, node, &wanted, &mut self.block)?;
        // Stretches that the span cuts count here.
        gather.set_span((since.saturating_sub(node.tier.stretch_ms()), until));
        gather.sift(&self.block);
        gather.set_span((since, until));
        Ok(!gather.passed.is_empty())
    }

    /// Counts stretches as a whole that the span cuts, since nobody knows their parts any more.
    fn widen(&mut self, stretch_ms: i64) {
        let (since, until) = self.plan.middle;
        for at_ms in &mut self.block.at_ms {
            let end = at_ms.saturating_add(stretch_ms);
            if *at_ms < since && end > since {
                self.reach.0 = self.reach.0.min(*at_ms);
                *at_ms = since;
            } else if *at_ms < until && end > until {
                self.reach.1 = self.reach.1.max(end);
            }
        }
    }
}
