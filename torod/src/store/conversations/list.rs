//! Lists conversations: the latest first, chosen by whose they are, what they are of, and what was said in them.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use tokenrouter_shared::conversation::ConversationView;

use super::super::StoreError;

/// Which conversations.
#[derive(Clone, Debug, Default)]
pub struct ConversationQuery {
    /// Only those of the token with this id or name.
    pub token: Option<String>,
    /// Only those of this program.
    pub agent: Option<String>,
    /// Only those in which a model with this name answered.
    pub model: Option<String>,
    /// Only those of this session, or begun by it.
    pub session: Option<String>,
    /// Only those in which this was said: a question for the index.
    pub words: Option<String>,
    /// Only those continued at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only those begun before this time.
    pub until_ms: Option<i64>,
    /// Also those in which an agent only asked by itself.
    pub internal: bool,
    /// Behind this one: when it was last continued, and its number.
    pub after: Option<(i64, i64)>,
    /// The most that come back.
    pub limit: usize,
}

const COLUMNS: &str = "c.id, c.title, c.token, c.token_name, c.agent, c.session, c.parent_session, c.started_ms,
    c.last_ms, c.exchanges, c.internal, c.input, c.output, c.cost_nanos, c.bytes";

/// The most models that are named of one conversation.
const MODELS: usize = 8;

/// A page of them, and whether there are more.
pub fn page(connection: &Connection, query: &ConversationQuery) -> Result<(Vec<ConversationView>, bool), StoreError> {
    let (mut wheres, mut bound) = (Vec::new(), Vec::<Value>::new());
    let mut only = |condition: &str, values: Vec<Value>| {
        wheres.push(condition.to_owned());
        bound.extend(values);
    };
    if let Some(token) = &query.token {
        only("(c.token = ? OR c.token_name = ?)", vec![token.clone().into(), token.clone().into()]);
    }
    if let Some(agent) = &query.agent {
        only("c.agent = ?", vec![agent.clone().into()]);
    }
    if let Some(session) = &query.session {
        only("(c.session = ? OR c.parent_session = ?)", vec![session.clone().into(), session.clone().into()]);
    }
    if let Some(model) = &query.model {
        let condition = "EXISTS (SELECT 1 FROM exchange e WHERE e.conversation_id = c.id
            AND (e.model = ? OR e.model_asked = ? OR e.provider || '/' || e.model = ?))";
        only(condition, vec![model.clone().into(), model.clone().into(), model.clone().into()]);
    }
    if let Some(words) = &query.words {
        let condition = "c.id IN (SELECT e.conversation_id FROM exchange e
            WHERE e.id IN (SELECT rowid FROM said WHERE said MATCH ?))";
        only(condition, vec![words.clone().into()]);
    }
    if let Some(since) = query.since_ms {
        only("c.last_ms >= ?", vec![since.into()]);
    }
    if let Some(until) = query.until_ms {
        only("c.started_ms < ?", vec![until.into()]);
    }
    if !query.internal {
        only("c.internal < c.exchanges", vec![]);
    }
    if let Some((last_ms, id)) = query.after {
        only("(c.last_ms, c.id) < (?, ?)", vec![last_ms.into(), id.into()]);
    }
    let wheres = if wheres.is_empty() { "1".to_owned() } else { wheres.join(" AND ") };
    bound.push(i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX).into());
    let sql = format!("SELECT {COLUMNS} FROM conversation c WHERE {wheres} ORDER BY c.last_ms DESC, c.id DESC LIMIT ?");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(bound), view)?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > query.limit;
    found.truncate(query.limit);
    for conversation in &mut found {
        conversation.models = models(connection, conversation.id)?;
        if let Some(words) = &query.words {
            conversation.found = snippet(connection, conversation.id, words)?;
        }
    }
    Ok((found, has_more))
}

/// One conversation.
pub fn find(connection: &Connection, id: i64) -> Result<Option<ConversationView>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM conversation c WHERE c.id = ?1");
    let mut found = connection.prepare_cached(&sql)?.query_row([id], view).optional()?;
    if let Some(found) = &mut found {
        found.models = models(connection, id)?;
    }
    Ok(found)
}

fn view(row: &Row<'_>) -> rusqlite::Result<ConversationView> {
    let number = |at: usize| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(ConversationView {
        id: row.get(0)?,
        title: row.get(1)?,
        token: row.get(2)?,
        token_name: row.get(3)?,
        agent: row.get(4)?,
        session: row.get(5)?,
        parent_session: row.get(6)?,
        started_ms: row.get(7)?,
        last_ms: row.get(8)?,
        exchanges: number(9)?,
        internal: number(10)?,
        models: Vec::new(),
        input: number(11)?,
        output: number(12)?,
        cost_nanos: row.get(13)?,
        bytes: number(14)?,
        found: None,
    })
}

fn models(connection: &Connection, id: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT provider || '/' || model FROM exchange WHERE conversation_id = ?1 AND model <> '' AND internal IS NULL
         GROUP BY 1 ORDER BY max(id) DESC LIMIT ?2",
    )?;
    let models = statement.query_map((id, i64::try_from(MODELS).unwrap_or(i64::MAX)), |row| row.get(0))?;
    Ok(models.collect::<Result<_, _>>()?)
}

fn snippet(connection: &Connection, id: i64, words: &str) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT snippet(said, 0, '[[', ']]', '…', 16) FROM said
         WHERE said MATCH ?1 AND rowid IN (SELECT id FROM exchange WHERE conversation_id = ?2) ORDER BY rank LIMIT 1",
    )?;
    Ok(statement.query_row((words, id), |row| row.get(0)).optional()?)
}
