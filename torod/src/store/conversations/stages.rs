//! What went over the wire for a token that is inspected: four stages of each request, for a day.

use rusqlite::{Connection, Row};
use tokenrouter_shared::ids::ExchangeId;

use super::super::StoreError;
use super::pack::pack;

/// One stage of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The exchange's id.
    pub exchange_id: i64,
    /// The client's own id of the request.
    pub given_id: Option<String>,
    /// Whose it is.
    pub token_id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Which call it belongs to, from 1 on; 0: the client's side.
    pub attempt: u32,
    /// 0: client in, 1: upstream out, 2: upstream in, 3: client out.
    pub stage: u8,
    /// The first line and the headers.
    pub head: String,
    /// The body, as far as it is kept.
    pub body: Vec<u8>,
    /// How many bytes it had.
    pub size: u64,
    /// How it differs from the stage before.
    pub note: String,
}

/// So many stages of one token are kept, and so many bytes of them, both of whole requests; its latest request always.
const MOST: i64 = 1_000;
const MOST_BYTES: i64 = 64 << 20;

/// Keeps the stages of some requests; the oldest requests of the same tokens make room.
pub fn insert(connection: &mut Connection, wires: &[Vec<Stage>]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO stage (exchange_id, given_id, token_id, at_ms, attempt, stage, head, body, size, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for stage in wires.iter().flatten() {
            insert.execute((
                stage.exchange_id,
                &stage.given_id,
                stage.token_id,
                stage.at_ms,
                stage.attempt,
                stage.stage,
                &stage.head,
                pack(&stage.body),
                i64::try_from(stage.size).unwrap_or(i64::MAX),
                &stage.note,
            ))?;
        }
        let mut tokens: Vec<i64> = wires.iter().flatten().map(|stage| stage.token_id).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let mut trim = transaction.prepare_cached(
            "DELETE FROM stage WHERE token_id = ?1 AND exchange_id IN (
                SELECT exchange_id FROM (
                    SELECT exchange_id, row_number() OVER latest AS place, sum(stages) OVER latest AS stages,
                        sum(bytes) OVER latest AS bytes
                    FROM (SELECT exchange_id, count(*) AS stages, sum(length(body) + length(head)) AS bytes
                        FROM stage WHERE token_id = ?1 GROUP BY exchange_id)
                    WINDOW latest AS (ORDER BY exchange_id DESC))
                WHERE place > 1 AND (stages > ?2 OR bytes > ?3))",
        )?;
        for token in tokens {
            trim.execute((token, MOST, MOST_BYTES))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// The stages of the request `id`, in the order in which they happened: those of one exchange, the latest.
pub fn of_request(connection: &Connection, id: &str) -> Result<Vec<Stage>, StoreError> {
    let number = id.parse::<ExchangeId>().map_or(-1, |id| id.0);
    let mut statement = connection.prepare_cached(
        "SELECT exchange_id, given_id, token_id, at_ms, attempt, stage, head, body, size, note FROM stage
         WHERE exchange_id = coalesce((SELECT exchange_id FROM stage WHERE exchange_id = ?1 LIMIT 1),
            (SELECT max(exchange_id) FROM stage WHERE given_id = ?2)) ORDER BY id",
    )?;
    let rows = statement.query_map((number, id), stage)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn stage(row: &Row<'_>) -> rusqlite::Result<Stage> {
    let packed: Vec<u8> = row.get(7)?;
    Ok(Stage {
        exchange_id: row.get(0)?,
        given_id: row.get(1)?,
        token_id: row.get(2)?,
        at_ms: row.get(3)?,
        attempt: row.get(4)?,
        stage: row.get(5)?,
        head: row.get(6)?,
        body: super::pack::unpack(&packed).unwrap_or_default(),
        size: row.get::<_, i64>(8).map(|size| u64::try_from(size).unwrap_or(0))?,
        note: row.get(9)?,
    })
}
