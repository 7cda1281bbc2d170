//! Reads exchanges as they are kept; what was said in them is put together elsewhere.

use rusqlite::{Connection, OptionalExtension as _, Row};
use tokenrouter_shared::conversation::ExchangeView;
use tokenrouter_shared::ids::ExchangeId;

use super::super::StoreError;

/// An exchange as it is kept.
#[derive(Clone, Debug, Default)]
pub struct KeptExchange {
    /// Its number.
    pub id: i64,
    /// What is known of it, without what was said.
    pub view: ExchangeView,
    /// What Gemini's clients say in the path.
    pub path: String,
    /// The messages before this one were in the conversation already.
    pub new_from: usize,
    /// Of which pieces the request is made.
    pub request: Vec<u8>,
    /// The same of the answer.
    pub answer: Vec<u8>,
}

const COLUMNS: &str = "e.id, e.conversation_id, e.given_id, e.internal, e.started_ms, e.total_us, e.first_byte_us,
    e.surface, e.client_protocol, e.upstream_protocol, e.path, e.model_asked, e.model, e.provider, e.status, e.outcome,
    e.stream, e.attempts, e.input_uncached, e.cache_read, e.cache_write, e.output, e.reasoning, e.estimated,
    e.cost_nanos, e.error, e.cut, e.messages, e.new_from, e.request, e.answer, e.parent_id,
    (SELECT p.given_id FROM exchange p WHERE p.id = e.parent_id),
    EXISTS (SELECT 1 FROM exchange s WHERE s.parent_id = e.parent_id AND s.id <> e.id AND s.internal IS NULL)";

/// The exchanges of a conversation behind the one numbered `after`, the first ones first, and whether there are more.
pub fn of_conversation(
    connection: &Connection,
    conversation: i64,
    after: i64,
    with_internal: bool,
    limit: usize,
) -> Result<(Vec<KeptExchange>, bool), StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM exchange e
         WHERE e.conversation_id = ?1 AND e.id > ?2 AND (?3 OR e.internal IS NULL) ORDER BY e.id LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let most = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = statement.query_map((conversation, after, with_internal, most), kept)?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// The exchange of the request `id`: ours, or the latest that a client called so.
pub fn by_request(connection: &Connection, id: &str) -> Result<Option<KeptExchange>, StoreError> {
    let number = id.parse::<ExchangeId>().map_or(-1, |id| id.0);
    let sql = format!("SELECT {COLUMNS} FROM exchange e WHERE e.id = ?1 OR e.given_id = ?2 ORDER BY e.id DESC LIMIT 1");
    Ok(connection.prepare_cached(&sql)?.query_row((number, id), kept).optional()?)
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptExchange> {
    let number = |at: usize| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or(0));
    let id: i64 = row.get(0)?;
    let given: Option<String> = row.get(2)?;
    let parent: Option<i64> = row.get(31)?;
    let parent_given: Option<String> = row.get(32)?;
    let cut: i64 = row.get(26)?;
    let view = ExchangeView {
        request_id: given.unwrap_or_else(|| ExchangeId(id).to_string()),
        conversation: row.get(1)?,
        continues: parent.map(|parent| parent_given.unwrap_or_else(|| ExchangeId(parent).to_string())),
        is_branch: parent.is_some() && row.get(33)?,
        internal: row.get(3)?,
        started_ms: row.get(4)?,
        total_us: number(5)?,
        first_byte_us: number(6)?,
        surface: row.get(7)?,
        client_protocol: row.get(8)?,
        upstream_protocol: row.get(9)?,
        model_asked: row.get(11)?,
        model: row.get(12)?,
        provider: row.get(13)?,
        status: row.get(14)?,
        outcome: row.get(15)?,
        stream: row.get(16)?,
        attempts: row.get(17)?,
        input_uncached: number(18)?,
        cache_read: number(19)?,
        cache_write: number(20)?,
        output: number(21)?,
        reasoning: number(22)?,
        estimated: row.get(23)?,
        cost_nanos: row.get(24)?,
        error: row.get(25)?,
        request_cut: cut & 1 == 1,
        answer_cut: cut & 2 == 2,
        messages: row.get(27)?,
        ..ExchangeView::default()
    };
    Ok(KeptExchange {
        id,
        view,
        path: row.get(10)?,
        new_from: usize::try_from(number(28)?).unwrap_or(0),
        request: row.get(29)?,
        answer: row.get(30)?,
    })
}
