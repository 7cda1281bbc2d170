//! Failed attempts by what they have in common: how many of each kind there are from sums, and the last of each from its row.

use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};
use tokenrouter_shared::ExchangeId;
use tokenrouter_shared::figures::{ERROR_CLASSES, OUTCOMES};
use tokenrouter_shared::ids::{first_of_ms, ms_of};

use super::block::{Block, Dim, SUMS, Sum};
use super::fast::{FastMap, FastSet};
use super::gather::Gather;
use super::source::{Plan, each_block};
use super::{MOST_GROUPS, Question, moment};
use crate::store::StoreError;
use crate::store::attempt_filter::Conditions;

/// The longest stretch that an entry stands for, in milliseconds.
const LONGEST_MS: i64 = 86_400_000;

/// What failures have in common: outcome, class, provider and status, as numbers.
type Kind = [u32; 4];

/// The columns of [`Kind`], in its order.
const KIND: [Dim; 4] = [Dim::Outcome, Dim::ErrorClass, Dim::Provider, Dim::Status];

/// Failed attempts that are alike.
#[derive(Clone, Debug)]
pub struct Failures {
    /// How they ended: a word of `OUTCOMES`.
    pub outcome: String,
    /// Why: a word of `ERROR_CLASSES`; empty: only the outcome tells.
    pub class: String,
    /// The provider.
    pub provider: String,
    /// HTTP status; 0: none.
    pub status: u16,
    /// How many there are.
    pub count: u64,
    /// How many models that concerns.
    pub models: u64,
    /// When the last one began, in milliseconds since 1970; where its row is gone, the stretch that it is summed up over.
    pub last_ms: i64,
    /// Its model.
    pub model: String,
    /// Its request, as long as its row is there.
    pub request: Option<ExchangeId>,
}

/// What failed.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// The most frequent first.
    pub rows: Vec<Failures>,
    /// How many kinds there are, told or not.
    pub kinds: u64,
    /// All attempts that failed.
    pub failures: u64,
    /// All attempts.
    pub attempts: u64,
    /// Records of all tokens that were lost in the span.
    pub lost_records: u64,
}

/// What is known of a kind.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    count: i64,
    models: u64,
    /// The latest entry, by when its stretch begins, and its model.
    last: (i64, u32),
}

/// Adds up entries by kind.
#[derive(Default)]
struct Kinds {
    slots: FastMap<Kind, u32>,
    known: Vec<Known>,
    /// Which models were seen with which kind.
    models: FastSet<(u32, u32)>,
    attempts: i64,
    failures: i64,
    /// Entries that failed; used again from block to block.
    failed: Vec<u32>,
}

impl Kinds {
    fn take(&mut self, gather: &mut Gather, block: &Block) -> Result<(), StoreError> {
        gather.sift(block);
        let column = Sum::Attempts as usize;
        block.each(column, &gather.passed, |_, count| self.attempts = self.attempts.saturating_add(count))?;
        let outcomes = block.dim(Dim::Outcome);
        self.failed.clear();
        let went_well = |at: &u32| outcomes.get(*at as usize).is_none_or(|outcome| *outcome == 0);
        self.failed.extend(gather.passed.iter().filter(|at| !went_well(at)));
        let (slots, known, models) = (&mut self.slots, &mut self.known, &mut self.models);
        let failures = &mut self.failures;
        block.each(column, &self.failed, |place, count| {
            let Some(at) = self.failed.get(place).map(|at| *at as usize) else { return };
            let number = |dim: Dim| block.dim(dim).get(at).copied().unwrap_or(0);
            let new = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let slot = *slots.entry(KIND.map(number)).or_insert(new);
            if slot == new {
                known.push(Known::default());
            }
            let Some(known) = known.get_mut(slot as usize) else { return };
            let model = number(Dim::Model);
            known.count = known.count.saturating_add(count);
            known.models += u64::from(models.insert((slot, model)));
            known.last = known.last.max((block.at_ms.get(at).copied().unwrap_or(0), model));
            *failures = failures.saturating_add(count);
        })?;
        if self.models.len() > MOST_GROUPS {
            return Err(StoreError::Refused(format!(
                "more than {MOST_GROUPS} kinds of failures: ask for a shorter span, or filter"
            )));
        }
        Ok(())
    }
}

/// Failed attempts of the span of `question` by outcome, class, provider and status, `most` kinds at most; by what else it
/// asks lines to be told apart does not matter.
pub fn failures(connection: &Connection, question: &Question, most: usize) -> Result<Failed, StoreError> {
    let question = Question { by: Vec::new(), step: None, spread: false, ..question.clone() };
    question.check()?;
    // Sums and rows are of the same moment.
    let moment = moment(connection)?;
    let transaction = moment.as_deref().unwrap_or(connection);
    let mut gather = Gather::new(transaction, &question)?.also(&KIND).also(&[Dim::Model]);
    let plan = Plan::new(transaction, &question, &gather)?.coarse();
    let mut sums = [false; SUMS];
    if let Some(wanted) = sums.get_mut(Sum::Attempts as usize) {
        *wanted = true;
    }
    let mut kinds = Kinds::default();
    each_block(transaction, &plan, &mut gather, (sums, false), |gather, block| kinds.take(gather, block))?;
    let mut order: Vec<(Kind, Known)> =
        kinds.slots.iter().filter_map(|(kind, slot)| Some((*kind, *kinds.known.get(*slot as usize)?))).collect();
    order.sort_unstable_by(|(a_kind, a), (b_kind, b)| {
        b.count.cmp(&a.count).then_with(|| b.last.cmp(&a.last)).then_with(|| a_kind.cmp(b_kind))
    });
    order.truncate(most);
    let conditions = Conditions::of(transaction, question.root, &question.filters)?;
    let told = |(kind, known): &(Kind, Known)| told(transaction, &question, &conditions, *kind, known);
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Failed {
        rows: order.iter().map(told).collect::<Result<_, _>>()?,
        kinds: kinds.known.len() as u64,
        failures: whole(kinds.failures),
        attempts: whole(kinds.attempts),
        lost_records: crate::store::usage_of::lost(transaction, question.since_ms, question.until_ms)?,
    })
}

/// The last row of a kind: when it began, its model, and its request.
type Last = (i64, Option<String>, i64);

fn told(
    connection: &Connection,
    question: &Question,
    conditions: &Conditions,
    kind: Kind,
    known: &Known,
) -> Result<Failures, StoreError> {
    let name = |number: u32| -> Result<String, StoreError> {
        let mut statement = connection.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
        Ok(statement.query_row([number], |row| row.get(0)).optional()?.unwrap_or_default())
    };
    let word = |words: &[&str], at: u32| {
        let known = usize::try_from(at).ok().and_then(|at| words.get(at));
        known.map_or_else(|| format!("#{at}"), |word| (*word).to_owned())
    };
    let [outcome, class, provider, status] = kind;
    // Failed rows have an index of their own by kind. No row of this one is later than the stretch that was found.
    let (last_ms, model) = known.last;
    let sql = format!(
        "SELECT id, skew_ms, (SELECT text FROM name WHERE id = model), exchange_id FROM usage INDEXED BY usage_failed
         WHERE outcome <> 0 AND outcome = ? AND error_class = ? AND provider = ? AND status = ? AND id >= ? AND id < ? AND {}
         ORDER BY id DESC LIMIT 1",
        conditions.sql()
    );
    let from = first_of_ms(last_ms.max(question.since_ms));
    let until = first_of_ms(last_ms.saturating_add(LONGEST_MS).min(question.until_ms));
    let bound = kind.map(Value::from).into_iter().chain([from.into(), until.into()]);
    let bound = bound.chain(conditions.values().cloned());
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Last> {
        Ok((ms_of(row.get(0)?).saturating_add(row.get(1)?), row.get(2)?, row.get(3)?))
    };
    let last = connection.prepare_cached(&sql)?.query_row(params_from_iter(bound), read).optional()?;
    let (last_ms, model, request) = match last {
        Some((at_ms, model, exchange)) => (at_ms, model.unwrap_or_default(), Some(ExchangeId(exchange))),
        None => (last_ms, name(model)?, None),
    };
    Ok(Failures {
        outcome: word(&OUTCOMES, outcome),
        class: word(&ERROR_CLASSES, class),
        provider: name(provider)?,
        status: u16::try_from(status).unwrap_or(0),
        count: u64::try_from(known.count).unwrap_or(0),
        models: known.models,
        last_ms,
        model,
        request,
    })
}
