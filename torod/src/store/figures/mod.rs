//! Figures of usage: what attempts come to, by any one or two of their dimensions, filtered by any, over stretches of time.

pub(in crate::store) mod block;
mod failed;
pub(in crate::store) mod fast;
mod gather;
mod keys;
mod lines;
mod sessions;
mod source;
pub(in crate::store) mod spread;
mod steps;
mod unread;

use rusqlite::{Connection, Transaction};
use tokenrouter_shared::figures::{Dimension, Sort, Spread, Totals};

use super::StoreError;
use block::{SUMS, Sums, totals};
pub use failed::{Failed, Failures, failures};
use gather::{Gather, Group, GroupKey, Groups};
use lines::Lines;
pub use sessions::{SessionSums, sessions};
use source::{Plan, each_block};
use spread::Both;
pub use steps::{MOST_STEPS, Step};
pub use unread::{UnreadSums, unread};

/// So many groups are put in order by one question.
const MOST_GROUPS: usize = 1_000_000;

/// So many lines one answer has.
const MOST_LINES: usize = 200_000;

/// So many filters one question has.
const MOST_FILTERS: usize = 16;

/// What is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// By what.
    pub dimension: Dimension,
    /// What passes; an empty text stands for what belongs to none. One that nobody knows is had by nobody.
    pub values: Vec<String>,
    /// What does not pass, instead.
    pub not: bool,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// From this time on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Before this time.
    pub until_ms: i64,
    /// The number of a token: only what it and those below it used.
    pub root: Option<i64>,
    /// All of them must let an attempt pass.
    pub filters: Vec<Filter>,
    /// What lines are told apart by: two at most.
    pub by: Vec<Dimension>,
    /// The stretches of time that lines are told apart by as well.
    pub step: Option<Step>,
    /// Which groups come first.
    pub sort: Sort,
    /// So many groups are told, at most.
    pub most: usize,
    /// Whether the spread of times is told.
    pub spread: bool,
    /// Whether attempts, costs and what groups are put in order by do: other sums are zero then.
    pub is_brief: bool,
}

impl Question {
    /// Everything in a span of time.
    pub const fn new(since_ms: i64, until_ms: i64) -> Self {
        Self {
            since_ms,
            until_ms,
            root: None,
            filters: Vec::new(),
            by: Vec::new(),
            step: None,
            sort: Sort::Cost,
            most: 1_000,
            spread: false,
            is_brief: false,
        }
    }

    /// The same by `dimension`.
    #[must_use]
    pub fn by(mut self, dimension: Dimension) -> Self {
        self.by.push(dimension);
        self
    }

    /// Only what has `value` in `dimension`.
    #[must_use]
    pub fn only(mut self, dimension: Dimension, value: &str) -> Self {
        self.filters.push(Filter { dimension, values: vec![value.to_owned()], not: false });
        self
    }

    /// The same by stretches of time.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.step = Some(step);
        self
    }

    fn check(&self) -> Result<(), StoreError> {
        let refused = |why: &str| Err(StoreError::Refused(why.to_owned()));
        if self.since_ms < 0 || self.since_ms > self.until_ms {
            return refused("the span begins after 1970 and ends no earlier than it begins");
        }
        if self.by.len() > 2 {
            return refused("lines are told apart by two dimensions at most");
        }
        if self.filters.len() > MOST_FILTERS {
            return Err(StoreError::Refused(format!("a question has {MOST_FILTERS} filters at most")));
        }
        Ok(())
    }
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What tells its group from others, one text for each dimension that was asked for; none: what belongs to none. Of
    /// tokens and runs it is the id. Two conversations of different tokens may have the same.
    pub key: Vec<Option<String>>,
    /// When its stretch of time begins, in milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// Its sums.
    pub totals: Totals,
    /// How its times are spread, if that was asked.
    pub spread: Option<Spread>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Groups in the order that was asked for; each with its stretches of time in their order, as far as there was
    /// something in them. Without groups there is a line for every stretch.
    pub lines: Vec<Line>,
    /// Everything that passed, groups that are not told included.
    pub total: Totals,
    /// How its times are spread, if that was asked.
    pub spread: Option<Spread>,
    /// How many groups there are, told or not.
    pub groups: u64,
    /// From when on the answer counts, in milliseconds since 1970: not always from when it was asked, where rows are gone and
    /// only sums over longer stretches are left.
    pub since_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// Records of all tokens that were lost in the span because the disk did not take them in time.
    pub lost_records: u64,
}

/// A transaction, so that several questions see the same moment; none where whoever asks has begun one.
fn moment(connection: &Connection) -> Result<Option<Transaction<'_>>, StoreError> {
    Ok(if connection.is_autocommit() { Some(connection.unchecked_transaction()?) } else { None })
}

/// Answers a question.
pub fn figures(connection: &Connection, question: &Question) -> Result<Figures, StoreError> {
    question.check()?;
    // All passes see the same moment.
    let moment = moment(connection)?;
    let transaction = moment.as_deref().unwrap_or(connection);
    let mut gather = Gather::new(transaction, question)?;
    let plan = Plan::new(transaction, question, &gather)?;
    let mut reach = plan.span();
    let is_grouped = !question.by.is_empty();
    let mut first: Vec<Group> = vec![([0; 2], None, None)];
    let (mut groups, mut total, mut is_known, mut whole) = (0, None, false, None);
    if is_grouped {
        // What is told by stretches of time is summed up when it is known which groups are.
        let weighed = question.step.is_some();
        let mut found = Groups::new(weighed, question.spread);
        let sums = if weighed || question.is_brief { gather.weighed() } else { [true; SUMS] };
        reach = each_block(
            transaction,
            &plan.coarse(),
            &mut gather,
            (sums, question.spread && !weighed),
            |gather, block| found.take(gather, block),
        )?;
        groups = found.len() as u64;
        is_known = !weighed && (found.has_spreads() || !question.spread);
        whole = found.total();
        total = whole.clone().filter(|_| is_known);
        gather.is_without_times = false;
        first = found.first(&gather, question.most);
    }
    let mut lines = Vec::new();
    if !is_known || first.iter().any(|(_, sums, _)| sums.is_none()) {
        if is_grouped && gather.wants_all() && plan.is_exact() {
            // What everything comes to is known without looking at everything.
            total = everything(transaction, question)?;
        }
        // Where the sums are known, times alone are looked at.
        whole = whole.filter(|_| question.step.is_none() && first.iter().all(|(_, sums, _)| sums.is_some()));
        let wanted = match (&whole, question.is_brief) {
            (Some(_), _) => [false; SUMS],
            (None, true) => gather.weighed(),
            (None, false) => [true; SUMS],
        };
        let chosen = first.iter().map(|(key, ..)| *key);
        let mut told = Lines::new(chosen, question.step.is_some(), question.spread, total.is_none());
        reach = each_block(transaction, &plan, &mut gather, (wanted, question.spread), |gather, block| {
            told.take(gather, block)
        })?;
        total = total.or_else(|| told.total());
        if let (Some((sums, _)), Some((whole, _))) = (&mut total, &whole) {
            *sums = *whole;
        }
        if !is_grouped {
            told.fill(gather.steps.len());
            groups = u64::from(total.as_ref().is_some_and(|(sums, _)| *sums != [0; SUMS]));
        }
        let mut order: Vec<((u32, u32), usize)> = told.lines.iter().copied().zip(0..).collect();
        order.sort_unstable();
        for ((group, step), at) in order {
            let Some((key, known, _)) = first.get(group as usize) else { continue };
            let Some(sums) = known.as_ref().filter(|_| whole.is_some()).or(told.sums.get(at)) else { continue };
            let at_ms = question.step.is_some().then(|| gather.steps.begins_ms(step as usize));
            let spread = told.both.get(at).map(Both::told);
            lines.push(Line { key: texts(transaction, &gather, *key)?, at_ms, totals: totals(sums), spread });
        }
    } else {
        for (key, sums, spread) in &first {
            let totals = sums.as_ref().map(totals).unwrap_or_default();
            lines.push(Line { key: texts(transaction, &gather, *key)?, at_ms: None, totals, spread: *spread });
        }
    }
    let (since_ms, until_ms) = reach;
    Ok(Figures {
        lines,
        total: total.as_ref().map(|(sums, _)| totals(sums)).unwrap_or_default(),
        spread: total.filter(|_| question.spread).map(|(_, spread)| spread.told()),
        groups,
        since_ms,
        until_ms,
        lost_records: super::usage_of::lost(transaction, question.since_ms, question.until_ms)?,
    })
}

/// What everything in the span of a question without filters comes to, from the sums that chunks have of all of their entries.
fn everything(connection: &Connection, question: &Question) -> Result<Option<(Sums, Both)>, StoreError> {
    let whole = Question { spread: question.spread, ..Question::new(question.since_ms, question.until_ms) };
    let mut gather = Gather::new(connection, &whole)?;
    let plan = Plan::new(connection, &whole, &gather)?;
    let mut told = Lines::new(std::iter::once([0; 2]), false, whole.spread, true);
    each_block(connection, &plan, &mut gather, ([true; SUMS], whole.spread), |gather, block| told.take(gather, block))?;
    Ok(told.total())
}

fn texts(connection: &Connection, gather: &Gather, key: GroupKey) -> Result<Vec<Option<String>>, StoreError> {
    gather.keys.iter().zip(key).map(|(dimension, number)| dimension.text(connection, number)).collect()
}
