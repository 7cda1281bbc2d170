//! Which tokens an operator sees, and which of them it may change: asked of the database, in the transaction of the change.

use tokenrouter_shared::token::TokenState;

use super::grant::{Operator, Refusal, state_of};
use super::issue::IssueError;
use crate::store::Connection;
use crate::store::tokens::{self, TokenRow};

/// So many tokens of one name are looked at.
const NAMESAKES: usize = 100;

/// The operator's own token and those above it, as they are now; nothing for the owner of the data folder. Refuses a
/// token that has ended since the request was let in.
pub(super) fn own_chain(connection: &Connection, by: &Operator, now_ms: i64) -> Result<Vec<TokenRow>, IssueError> {
    let Operator::Token(own) = by else { return Ok(Vec::new()) };
    let chain = tokens::chain(connection, own.id)?;
    match chain.first().map(|own| state_of(own, now_ms)) {
        Some(TokenState::Live) => Ok(chain),
        state => Err(Refusal::AskerEnded { state: state.unwrap_or(TokenState::Revoked) }.into()),
    }
}

/// A token by id; else by name, where a live token goes before ended ones of the same name.
pub fn find(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<TokenRow, IssueError> {
    if let Some(row) = tokens::by_public_id(connection, which)? {
        return visible(connection, by, Some(row), which);
    }
    let mut named = tokens::by_name(connection, which, by.root(), now_ms, NAMESAKES)?;
    let is_live = |row: &TokenRow| state_of(row, now_ms) == TokenState::Live;
    if named.iter().any(is_live) {
        named.retain(is_live);
    }
    if named.len() > 1 {
        let ids = named.into_iter().map(|row| row.public_id).collect();
        return Err(IssueError::Ambiguous { name: which.to_owned(), ids });
    }
    named.pop().ok_or_else(|| IssueError::NotFound(which.to_owned()))
}

/// A token outside the operator's subtree does not exist for it.
fn visible(connection: &Connection, by: &Operator, row: Option<TokenRow>, which: &str) -> Result<TokenRow, IssueError> {
    match (row, by.root()) {
        (Some(row), None) => Ok(row),
        (Some(row), Some(root)) if tokens::is_within(connection, row.id, root)? => Ok(row),
        _ => Err(IssueError::NotFound(which.to_owned())),
    }
}

/// Refuses a token that has limits, by itself or from above, what does not lie below itself: whatever it gave there would
/// not be walled by its own.
pub(super) fn refuse_beyond(own: &[TokenRow], chain: &[TokenRow]) -> Result<(), Refusal> {
    let is_limited = own.iter().any(|token| !token.limits.is_empty());
    match own.first() {
        Some(own) if is_limited && !chain.iter().any(|token| token.id == own.id) => Err(Refusal::NotBelow),
        _ => Ok(()),
    }
}

/// Whether `token` is the operator's own or lies above it.
pub(super) fn is_own(own: &[TokenRow], token: &TokenRow) -> bool {
    own.iter().any(|above| above.id == token.id)
}
