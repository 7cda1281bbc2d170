//! Where requests come from, at rest: address, user agent and labels together have one number.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::names::{Names, number_in};

/// Numbers kept in memory; the map starts again when it holds this many.
const KNOWN: usize = 10_000;

/// Where a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What its program calls itself.
    pub user_agent: Option<&'a Arc<str>>,
    /// The token's labels, as JSON.
    pub labels: Option<&'a Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    labels: Option<Arc<str>>,
}

impl Key {
    fn is(&self, origin: &Origin<'_>) -> bool {
        self.address == origin.address
            && self.user_agent.as_ref() == origin.user_agent
            && self.labels.as_ref() == origin.labels
    }
}

/// The numbers of origins, as far as they are in memory; as uncommitted as those of names.
#[derive(Debug, Default)]
pub(super) struct OriginNumbers {
    numbers: HashMap<Key, i64>,
    /// The one asked for last.
    last: Option<(Key, i64)>,
}

impl OriginNumbers {
    /// Forgets everything; the database still knows.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Names {
    /// The number of an origin.
    pub(super) fn origin(&mut self, connection: &Connection, origin: &Origin<'_>) -> Result<i64, StoreError> {
        if let Some((last, number)) = &self.origins.last
            && last.is(origin)
        {
            return Ok(*number);
        }
        let key =
            Key { address: origin.address, user_agent: origin.user_agent.cloned(), labels: origin.labels.cloned() };
        let number = match self.origins.numbers.get(&key) {
            Some(&number) => number,
            None => {
                let number = origin_in(connection, origin)?;
                if self.origins.numbers.len() >= KNOWN {
                    self.origins.numbers.clear();
                }
                self.origins.numbers.insert(key.clone(), number);
                number
            }
        };
        self.origins.last = Some((key, number));
        Ok(number)
    }
}

fn origin_in(connection: &Connection, origin: &Origin<'_>) -> Result<i64, StoreError> {
    let address = origin.address.map(|address| number_in(connection, &address.to_string())).transpose()?;
    let user_agent = origin.user_agent.map(|text| number_in(connection, text)).transpose()?;
    let labels = origin.labels.map(|text| labels_in(connection, text)).transpose()?;
    let parts = [address, user_agent, labels].map(|number| number.unwrap_or(0));
    let mut known =
        connection.prepare_cached("SELECT id FROM origin WHERE address = ?1 AND user_agent = ?2 AND labels = ?3")?;
    if let Some(number) = known.query_row(parts, |row| row.get(0)).optional()? {
        return Ok(number);
    }
    connection
        .prepare_cached("INSERT INTO origin (address, user_agent, labels) VALUES (?1, ?2, ?3)")?
        .execute(parts)?;
    Ok(connection.last_insert_rowid())
}

fn labels_in(connection: &Connection, text: &str) -> Result<i64, StoreError> {
    let mut known = connection.prepare_cached("SELECT id FROM label_set WHERE text = ?1")?;
    if let Some(number) = known.query_row([text], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO label_set (text) VALUES (?1)")?.execute([text])?;
    Ok(connection.last_insert_rowid())
}
