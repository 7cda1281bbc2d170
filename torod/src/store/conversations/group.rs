//! Which conversation a request belongs to: by its ids, else by what it repeats.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::super::StoreError;

/// What stands for a list of messages: the digest of the last one and of all before it.
pub type Chain = [u8; 16];

/// A place in a request's messages where an earlier request may have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of the messages up to there.
    pub chain: Chain,
    /// How many these are.
    pub messages: u32,
}

/// What a request's conversation is found by.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// Whose it is.
    pub token_id: i64,
    /// The agent's own id.
    pub session: Option<String>,
    /// The id of the answer that it names as the one before.
    pub previous: Option<String>,
    /// The ends of its messages, one after the other.
    pub marks: Vec<Mark>,
}

/// Where a request belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The conversation; none: it begins one.
    pub conversation: Option<i64>,
    /// The exchange that it goes on from.
    pub parent: Option<i64>,
    /// How many of its messages the conversation has already.
    pub new_from: u32,
}

/// A conversation of an agent's session has at most so many requests; then another one goes on.
const MOST_EXCHANGES: i64 = 1_000;

/// So many ends of a request's messages are looked for, the last ones: nobody says more between two requests.
const MOST_MARKS: usize = 1_000;

/// Finds the place of a request.
///
/// * A request that names the answer before it follows that one.
/// * Else, one whose messages begin with all of an earlier request and its answer; or with an earlier request whose
///   answer never came to its end. Where several fit, the one with the longest beginning; among equals one that nobody
///   went on from yet, so that agents which said the same so far stay apart.
/// * With the agent's own id, only conversations of that id are looked at, and the latest of them takes what follows
///   nothing.
pub fn place(connection: &Connection, signs: &Signs) -> Result<Place, StoreError> {
    if let Some(previous) = &signs.previous {
        let found = connection
            .prepare_cached(
                "SELECT e.id, e.conversation_id FROM exchange e JOIN conversation c ON c.id = e.conversation_id
                 WHERE e.answer_id = ?1 AND c.token_id = ?2 ORDER BY e.id DESC LIMIT 1",
            )?
            .query_row((previous, signs.token_id), pair)
            .optional()?;
        if let Some((parent, conversation)) = found {
            return Ok(Place { conversation: Some(conversation), parent: Some(parent), new_from: 0 });
        }
    }
    let mut after_answer = connection.prepare_cached(
        "SELECT e.id, e.conversation_id FROM exchange e JOIN conversation c ON c.id = e.conversation_id
         WHERE e.answer_chain = ?1 AND c.token_id = ?2 AND c.session IS ?3
         ORDER BY EXISTS (SELECT 1 FROM exchange n WHERE n.parent_id = e.id), e.id DESC LIMIT 1",
    )?;
    let mut after_failure = connection.prepare_cached(
        "SELECT e.id, e.conversation_id FROM exchange e JOIN conversation c ON c.id = e.conversation_id
         WHERE e.chain = ?1 AND e.outcome <> 'ok' AND c.token_id = ?2 AND c.session IS ?3
         ORDER BY EXISTS (SELECT 1 FROM exchange n WHERE n.parent_id = e.id), e.id DESC LIMIT 1",
    )?;
    for mark in signs.marks.iter().rev().take(MOST_MARKS) {
        let key = (&mark.chain[..], signs.token_id, &signs.session);
        let found = match after_answer.query_row(key, pair).optional()? {
            None => after_failure.query_row(key, pair).optional()?,
            found => found,
        };
        if let Some((parent, conversation)) = found {
            return Ok(Place { conversation: Some(conversation), parent: Some(parent), new_from: mark.messages });
        }
    }
    let Some(session) = &signs.session else { return Ok(Place::default()) };
    let conversation = connection
        .prepare_cached(
            "SELECT id FROM conversation WHERE token_id = ?1 AND session = ?2 AND exchanges < ?3 ORDER BY id DESC LIMIT 1",
        )?
        .query_row((signs.token_id, session, MOST_EXCHANGES), |row| row.get(0))
        .optional()?;
    Ok(Place { conversation, ..Place::default() })
}

fn pair(row: &Row<'_>) -> rusqlite::Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}
