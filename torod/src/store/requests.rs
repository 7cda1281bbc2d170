//! Finds a request's attempts, by its id or by the one that the client gave it.
//!
//! There is no index for that: an id carries its time, and chunks (`store/history`) have hashes of clients' ids.

use rusqlite::Connection;
use tokenrouter_shared::ids::{ExchangeId, first_of_ms, ms_of};

use super::StoreError;
use super::history::{Lane, State, Tier, named};

/// The next attempt of a request begins within this time after the one before has ended, or after the request came.
const PAUSE_MS: i64 = 600_000;

/// So many requests of one name are found.
const MOST: u32 = 1_000;

/// The ids of the rows of a request's attempts, in their order.
pub fn attempt_ids(connection: &Connection, request: ExchangeId) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, (total_us + 999) / 1000 FROM usage WHERE id >= ?1 AND id < ?2 AND exchange_id = ?3 ORDER BY id",
    )?;
    let mut found: Vec<i64> = Vec::new();
    let mut from = request.0;
    let mut until_ms = ms_of(request.0).saturating_add(PAUSE_MS);
    loop {
        let before = until_ms;
        let mut rows = statement.query((from, first_of_ms(until_ms), request.0))?;
        while let Some(row) = rows.next()? {
            let (id, total_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
            found.push(id);
            until_ms = until_ms.max(ms_of(id).saturating_add(total_ms).saturating_add(PAUSE_MS));
        }
        if until_ms == before {
            return Ok(found);
        }
        from = first_of_ms(before);
    }
}

/// The requests that a client gave this id, the newest first; a thousand of them at most.
pub fn exchanges_named(connection: &Connection, request_id: &str) -> Result<Vec<ExchangeId>, StoreError> {
    let hash = super::history::hash(request_id);
    let state = State::read(connection)?;
    // What is in no chunk yet: rows of this round, and rows from before.
    let mut spans = vec![(state.oldest_id, i64::MAX), (state.old_done_id.saturating_add(1), state.old_until_id)];
    for lane in Lane::ALL {
        named(connection, lane, |first_ms, last_ms, hashes| {
            let (hashes, _) = hashes.as_chunks::<4>();
            if hashes.binary_search_by_key(&hash, |bytes| u32::from_le_bytes(*bytes)).is_ok() {
                let end_ms = last_ms.saturating_add(Tier::Minutes.stretch_ms());
                spans.push((first_of_ms(first_ms), first_of_ms(end_ms) - 1));
            }
        })?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT exchange_id FROM usage WHERE id >= ?1 AND id <= ?2 AND request_id = ?3 LIMIT ?4",
    )?;
    let mut found = Vec::new();
    for (from, until) in spans {
        let rows = statement.query_map((from, until, request_id, MOST), |row| row.get(0).map(ExchangeId))?;
        for request in rows {
            found.push(request?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    found.truncate(MOST as usize);
    Ok(found)
}
