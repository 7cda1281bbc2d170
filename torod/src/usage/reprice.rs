//! Reckons anew what attempts cost, step by step, by prices of today. Where nobody knows a price today either, a row stays
//! as it is.

use std::collections::{HashMap, hash_map};
use std::sync::Arc;

use rusqlite::{Transaction, TransactionBehavior};
use tokenrouter::catalog::Tariff;
use tokenrouter::price::Price;
use tokenrouter_shared::ids::ms_of;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::reprice::{Reprice, Repriced, RepricedLine};

use super::Charge;
use crate::store::audit::{self, Entry};
use crate::store::reprice::{self as rows, Correction, Priced, Which};
use crate::store::spend::{Spent, Sum};
use crate::store::usage::PriceRow;
use crate::store::{Connection, StoreError};

/// Rows that one step looks at: a few hundredths of a second on the writer.
pub const STEP: usize = 2_000;

/// What is done with the rows of a step.
#[derive(Debug, Default)]
pub struct Step {
    /// What it came to.
    pub told: Repriced,
    /// By how much what tokens have used is to be put right in memory, once it is written; below zero where it was less.
    pub differences: Vec<Spent>,
}

/// What a model costs at a provider today, by their names.
pub type Prices<'p> = dyn Fn(&str, &str) -> Option<Arc<Tariff>> + 'p;

/// Does one step for `actor`: what it changes, its entry in the audit trail and the sums are written together or not at all.
pub fn run(
    connection: &mut Connection,
    asked: &Reprice,
    prices: &Prices<'_>,
    actor: &str,
    now_ms: i64,
) -> Result<Step, StoreError> {
    let behavior = if asked.write { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
    let transaction = connection.transaction_with_behavior(behavior)?;
    let which = which(&transaction, asked, now_ms)?;
    let step = step(&transaction, asked, &which, prices)?;
    if asked.write && !step.told.lines.is_empty() {
        let sum = |of: fn(&RepricedLine) -> u64| step.told.lines.iter().map(of).fold(0, u64::saturating_add);
        let (rows, old, new) = (sum(|line| line.rows), sum(|line| line.old_nanos), sum(|line| line.new_nanos));
        let detail = format!("{rows} rows cost {} instead of {}", dollars(new), dollars(old));
        let entry = Entry { at_ms: now_ms, actor, action: "usage.reprice", subject: "usage", detail: &detail };
        audit::add(&transaction, &entry)?;
    }
    transaction.commit()?;
    Ok(step)
}

/// Which rows are meant; `now_ms` is the end where none is given.
fn which(connection: &Connection, asked: &Reprice, now_ms: i64) -> Result<Which, StoreError> {
    let numbers = |names: &[String]| {
        if names.is_empty() { Ok(None) } else { rows::numbers(connection, names).map(Some) }
    };
    Ok(Which {
        since_ms: asked.since_ms,
        until_ms: asked.until_ms.unwrap_or_else(|| now_ms.saturating_add(1)),
        providers: numbers(&asked.providers)?,
        models: numbers(&asked.models)?,
        all: asked.all,
    })
}

/// Reads, reckons, and writes where that is asked for.
fn step(
    transaction: &Transaction<'_>,
    asked: &Reprice,
    which: &Which,
    prices: &Prices<'_>,
) -> Result<Step, StoreError> {
    let (found, next) = rows::rows(transaction, which, asked.after.unwrap_or(-1), STEP)?;
    let mut known = Known { connection: transaction, prices, models: HashMap::new() };
    let mut step = Step { told: Repriced { next, rows: found.len() as u64, ..Repriced::default() }, ..Step::default() };
    let mut lines: HashMap<(i64, i64), RepricedLine> = HashMap::new();
    let mut corrections = Vec::new();
    for row in &found {
        known.learn(row)?;
    }
    // A price that says nothing of something in the row is none for it.
    let nothing = Price::free();
    for row in &found {
        let model = known.models.get(&(row.provider, row.model));
        let Some((model, tariff)) = model.and_then(|model| Some((model, model.tariff.clone()?))) else {
            step.told.unpriced_rows += 1;
            continue;
        };
        let charge = Charge::of(Some(tariff), &nothing, &row.report, row.started_ms);
        let Some(tariff) = charge.tariff.as_ref().and(model.tariff.as_ref()) else {
            step.told.unpriced_rows += 1;
            continue;
        };
        let is_same = row.price.is_some() && row.nanos == charge.nanos && row.assumed == charge.assumed;
        if is_same {
            continue;
        }
        let correction = Correction {
            row,
            nanos: charge.nanos,
            saved_nanos: charge.saved_nanos,
            assumed: charge.assumed,
            price: PriceRow { version: &tariff.version, rates: &*tariff.price },
        };
        let line = lines.entry((row.provider, row.model)).or_insert_with(|| RepricedLine {
            provider: model.provider.clone(),
            model: model.name.clone(),
            version: tariff.version.to_string(),
            ..RepricedLine::default()
        });
        line.rows += 1;
        line.unpriced_rows += u64::from(row.price.is_none());
        line.old_nanos = line.old_nanos.saturating_add(row.nanos);
        line.new_nanos = line.new_nanos.saturating_add(charge.nanos);
        if row.is_paid && correction.difference() != 0 {
            let sum = Sum { nanos: correction.difference(), ..Sum::default() };
            step.differences.push(Spent { at_ms: ms_of(row.id), token_id: row.token_id, sum });
        }
        corrections.push(correction);
    }
    if asked.write {
        rows::correct(transaction, &corrections)?;
    } else {
        step.differences.clear();
    }
    step.told.lines = lines.into_values().collect();
    step.told.lines.sort_by(|a, b| (&a.provider, &a.model).cmp(&(&b.provider, &b.model)));
    Ok(step)
}

/// A model of a step.
struct Model {
    provider: String,
    name: String,
    tariff: Option<Arc<Tariff>>,
}

/// What is known of the models of a step.
struct Known<'c> {
    connection: &'c Connection,
    prices: &'c Prices<'c>,
    models: HashMap<(i64, i64), Model>,
}

impl Known<'_> {
    fn learn(&mut self, row: &Priced) -> Result<(), StoreError> {
        if let hash_map::Entry::Vacant(place) = self.models.entry((row.provider, row.model)) {
            let (provider, name) =
                (rows::name(self.connection, row.provider)?, rows::name(self.connection, row.model)?);
            let tariff = (self.prices)(&provider, &name);
            place.insert(Model { provider, name, tariff });
        }
        Ok(())
    }
}
