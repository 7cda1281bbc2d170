//! Conversations of agents, by the ids that agents give them: numbered like names, apart for each token.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

/// Numbers kept in memory; the map starts again when it holds this many.
const KNOWN: usize = 10_000;

/// A conversation of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AgentSession {
    /// The id that the agent gave it.
    pub id: Box<str>,
    /// The id of the session that it was begun by.
    pub parent: Option<Box<str>>,
}

/// The numbers of sessions, as far as they are in memory; as uncommitted as those of names.
#[derive(Debug, Default)]
pub(super) struct SessionNumbers {
    numbers: HashMap<(i64, Arc<AgentSession>), i64>,
    /// The one asked for last: an agent asks many times in one session.
    last: Option<(i64, Arc<AgentSession>, i64)>,
}

impl SessionNumbers {
    /// Forgets everything; the database still knows.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The number of a session of the token with the number `token_id`.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        token_id: i64,
        session: &Arc<AgentSession>,
    ) -> Result<i64, StoreError> {
        if let Some((token, known, number)) = &self.last
            && *token == token_id
            && known == session
        {
            return Ok(*number);
        }
        let key = (token_id, Arc::clone(session));
        let number = match self.numbers.get(&key) {
            Some(&number) => number,
            None => {
                let number = number_in(connection, token_id, session)?;
                if self.numbers.len() >= KNOWN {
                    self.numbers.clear();
                }
                self.numbers.insert(key, number);
                number
            }
        };
        self.last = Some((token_id, Arc::clone(session), number));
        Ok(number)
    }
}

/// What a session was begun by is kept as soon as somebody says so, and then stays.
fn number_in(connection: &Connection, token_id: i64, session: &AgentSession) -> Result<i64, StoreError> {
    let mut known = connection.prepare_cached("SELECT id FROM agent_session WHERE token_id = ?1 AND text = ?2")?;
    if let Some(number) = known.query_row((token_id, &*session.id), |row| row.get(0)).optional()? {
        if let Some(parent) = &session.parent {
            connection
                .prepare_cached("UPDATE agent_session SET parent = ?2 WHERE id = ?1 AND parent IS NULL")?
                .execute((number, &**parent))?;
        }
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO agent_session (token_id, text, parent) VALUES (?1, ?2, ?3)")?.execute((
        token_id,
        &*session.id,
        session.parent.as_deref(),
    ))?;
    Ok(connection.last_insert_rowid())
}
