//! Names at rest: a text is stored once and numbered, and the writer keeps the numbers in memory.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::agent_sessions::SessionNumbers;
use super::origins::OriginNumbers;
use super::usage::PriceRow;

/// Names kept in memory; the map starts again when it holds this many.
const NAMES: usize = 10_000;

/// So many of them are compared before any is hashed.
const RECENT: usize = 5;

/// Bytes of a name that are kept: what a client calls a model may be anything.
const NAME_BYTES: usize = 256;

/// The numbers of names, as far as they are in memory.
///
/// Numbers may come from a transaction that is not committed yet: forget them all when it is rolled back.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Arc<str>, i64>,
    /// Those asked for last, the latest at the end: most rows have the names of the row before.
    recent: Vec<(Arc<str>, i64)>,
    surfaces: Vec<(&'static str, i64)>,
    /// By version, provider and model.
    prices: HashMap<(Arc<str>, i64, i64), i64>,
    pub(super) sessions: SessionNumbers,
    pub(super) origins: OriginNumbers,
}

impl Names {
    /// Forgets everything; the database still knows.
    pub fn forget(&mut self) {
        self.numbers.clear();
        self.recent.clear();
        self.surfaces.clear();
        self.prices.clear();
        self.sessions.forget();
        self.origins.forget();
    }

    pub(super) fn number(&mut self, connection: &Connection, name: &Arc<str>) -> Result<i64, StoreError> {
        // What has no name has no number either.
        if name.is_empty() {
            return Ok(0);
        }
        if let Some((_, number)) = self.recent.iter().find(|(known, _)| known == name) {
            return Ok(*number);
        }
        let number = self.known_number(connection, name)?;
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push((Arc::clone(name), number));
        Ok(number)
    }

    fn known_number(&mut self, connection: &Connection, name: &Arc<str>) -> Result<i64, StoreError> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        let number = number_in(connection, name)?;
        if self.numbers.len() >= NAMES {
            self.numbers.clear();
        }
        self.numbers.insert(Arc::clone(name), number);
        Ok(number)
    }

    pub(super) fn price(
        &mut self,
        connection: &Connection,
        provider: i64,
        model: i64,
        price: PriceRow<'_>,
    ) -> Result<i64, StoreError> {
        let key = (Arc::clone(price.version), provider, model);
        if let Some(&number) = self.prices.get(&key) {
            return Ok(number);
        }
        let number = price_in(connection, provider, model, price)?;
        if self.prices.len() >= NAMES {
            self.prices.clear();
        }
        self.prices.insert(key, number);
        Ok(number)
    }

    pub(super) fn surface(&mut self, connection: &Connection, name: &'static str) -> Result<i64, StoreError> {
        if let Some((_, number)) = self.surfaces.iter().find(|(known, _)| *known == name) {
            return Ok(*number);
        }
        let number = number_in(connection, name)?;
        self.surfaces.push((name, number));
        Ok(number)
    }
}

fn price_in(connection: &Connection, provider: i64, model: i64, price: PriceRow<'_>) -> Result<i64, StoreError> {
    let version: &str = price.version;
    let mut known =
        connection.prepare_cached("SELECT id FROM price WHERE version = ?1 AND provider = ?2 AND model = ?3")?;
    if let Some(number) = known.query_row((version, provider, model), |row| row.get(0)).optional()? {
        return Ok(number);
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO price (version, provider, model, rates) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute((version, provider, model, price.rates.to_string()))?;
    Ok(connection.last_insert_rowid())
}

/// What is kept of a name.
pub(super) fn kept(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default()
}

/// The number of `name`, which is given one if it has none.
pub(super) fn number_in(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let kept = kept(name);
    let mut known = connection.prepare_cached("SELECT id FROM name WHERE text = ?1")?;
    if let Some(number) = known.query_row([kept], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.execute([kept])?;
    Ok(connection.last_insert_rowid())
}
