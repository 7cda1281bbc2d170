//! Tokens as people are shown them: one, or a page of those that the operator may see.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokenrouter_shared::Role;
use tokenrouter_shared::token::{TokenDetail, TokenName, TokenPage, TokenState, TokenView};

use super::grant::{Operator, state_of};
use super::issue::IssueError;
use super::reach;
use crate::store::token_list::{self, Place, Sort, TokenQuery};
use crate::store::tokens::{self, TokenRow};
use crate::store::{Connection, StoreError};

/// The most tokens on a page.
pub const MAX_PAGE: usize = 500;
/// Characters of a search text.
const MAX_TEXT: usize = 200;

/// Which tokens are asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Also those that ended, where no state is asked for.
    pub all: bool,
    /// Only in this state.
    pub state: Option<TokenState>,
    /// Only of this role.
    pub role: Option<Role>,
    /// Only those right below the token with this id or name.
    pub parent: Option<String>,
    /// Only those with this text in name, id or labels.
    pub text: Option<String>,
    /// In which order.
    pub sort: Sort,
    /// The other way round.
    pub is_descending: bool,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// So many at most.
    pub limit: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            all: false,
            state: None,
            role: None,
            parent: None,
            text: None,
            sort: Sort::Created,
            is_descending: false,
            cursor: None,
            limit: 100,
        }
    }
}

/// A page of the tokens that the operator may see.
pub fn page(connection: &Connection, by: &Operator, asked: &Asked, now_ms: i64) -> Result<TokenPage, IssueError> {
    if !(1..=MAX_PAGE).contains(&asked.limit) {
        return Err(IssueError::Unclear("`limit` lies between 1 and 500"));
    }
    if asked.text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(IssueError::Unclear("a search text has at most 200 characters"));
    }
    let after = match &asked.cursor {
        None => None,
        Some(cursor) => {
            let unclear = IssueError::Unclear("`cursor` is not the `next` of a page in this order");
            Some(read_cursor(cursor, asked.sort, asked.is_descending).ok_or(unclear)?)
        }
    };
    // One moment for all questions.
    let connection = connection.unchecked_transaction()?;
    let parent = match &asked.parent {
        Some(which) => Some(reach::find(&connection, which, by, now_ms)?.id),
        None => None,
    };
    let query = TokenQuery {
        root: by.root(),
        parent,
        role: asked.role,
        state: asked.state.or((!asked.all).then_some(TokenState::Live)),
        text: asked.text.clone(),
        sort: asked.sort,
        is_descending: asked.is_descending,
        after,
        limit: asked.limit,
        now_ms,
    };
    let (rows, has_more) = token_list::page(&connection, &query)?;
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|row| cursor(asked.sort, asked.is_descending, &asked.sort.place(row), row.id));
    let tokens = rows.iter().map(|row| view(&connection, row, now_ms)).collect::<Result<Vec<_>, _>>()?;
    Ok(TokenPage { tokens, next })
}

/// The token with an id or a name, and where it stands.
pub fn show(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<TokenDetail, IssueError> {
    let connection = connection.unchecked_transaction()?;
    let token = reach::find(&connection, which, by, now_ms)?;
    detail(&connection, by, &token, now_ms)
}

/// A token, and where it stands as far as the operator may know.
pub(super) fn detail(
    connection: &Connection,
    by: &Operator,
    token: &TokenRow,
    now_ms: i64,
) -> Result<TokenDetail, IssueError> {
    let mut above = tokens::chain(connection, token.id)?;
    if let Some(root) = by.root() {
        let seen = above.iter().position(|row| row.id == root).map_or(0, |at| at + 1);
        above.truncate(seen);
    }
    let path = above.into_iter().skip(1).rev().map(|row| TokenName { id: row.public_id, name: row.name }).collect();
    let below = tokens::count_below(connection, token.id)?;
    Ok(TokenDetail { token: view(connection, token, now_ms)?, path, below })
}

fn view(connection: &Connection, row: &TokenRow, now_ms: i64) -> Result<TokenView, StoreError> {
    let state = state_of(row, now_ms);
    let named = |id: Option<i64>| id.map_or(Ok(None), |id| tokens::public_id(connection, id));
    let ended_by = match state {
        TokenState::Live => None,
        TokenState::Revoked => named(row.revoked_with)?,
        TokenState::Expired if row.expires_ms == row.ends_ms => None,
        TokenState::Expired => {
            let chain = tokens::chain(connection, row.id)?;
            chain.into_iter().skip(1).find(|above| above.expires_ms == row.ends_ms).map(|above| above.public_id)
        }
    };
    Ok(TokenView {
        id: row.public_id.clone(),
        name: row.name.clone(),
        role: row.role,
        parent: named(row.parent_id)?,
        state,
        created_ms: row.created_ms,
        expires_ms: row.ends_ms,
        revoked_ms: row.revoked_ms,
        last_used_ms: row.last_used_ms,
        lossy: row.lossy,
        ended_by,
        version: row.version,
        created_by: row.created_by.clone(),
        last_used_from: row.last_used_from.clone(),
        limits: row.limits.clone(),
        labels: row.labels.clone(),
        capture: row.capture,
        inspect_until_ms: row.inspect_until_ms.filter(|until| *until > now_ms),
        run: row.run,
        lease_s: row.lease_s,
        end_reason: row.end_reason,
        budgets: Vec::new(),
        number: row.id,
    })
}

/// Where the next page begins, in a form that nobody is tempted to read.
fn cursor(sort: Sort, is_descending: bool, place: &Place, id: i64) -> String {
    let (kind, text) = match place {
        Place::Number(number) => ('n', number.to_string()),
        Place::Text(text) => ('t', text.clone()),
    };
    URL_SAFE_NO_PAD.encode(format!("{}:{id}:{kind}{text}", order_of(sort, is_descending)))
}

fn read_cursor(text: &str, sort: Sort, is_descending: bool) -> Option<(Place, i64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = text.splitn(3, ':');
    parts.next().filter(|order| *order == order_of(sort, is_descending))?;
    let id = parts.next()?.parse().ok()?;
    let place = parts.next()?;
    let place = match (sort, place.strip_prefix('n'), place.strip_prefix('t')) {
        (Sort::Name, _, Some(text)) => Place::Text(text.to_owned()),
        (Sort::Created | Sort::Used | Sort::Expires, Some(number), _) => Place::Number(number.parse().ok()?),
        _ => return None,
    };
    Some((place, id))
}

fn order_of(sort: Sort, is_descending: bool) -> String {
    let word = Sort::ALL.iter().find(|(_, known)| *known == sort).map_or("", |(word, _)| word);
    format!("{}{word}", if is_descending { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let text = cursor(Sort::Name, true, &Place::Text("a:b".into()), 7);
        assert_eq!(read_cursor(&text, Sort::Name, true), Some((Place::Text("a:b".into()), 7)));
        assert_eq!(read_cursor(&text, Sort::Name, false), None);
        assert_eq!(read_cursor(&text, Sort::Used, true), None);
        let text = cursor(Sort::Used, false, &Place::Number(-5), 7);
        assert_eq!(read_cursor(&text, Sort::Used, false), Some((Place::Number(-5), 7)));
        for wrong in ["", "x", "!!", "AAAA", &URL_SAFE_NO_PAD.encode("used:7:nx"), &URL_SAFE_NO_PAD.encode("used:x:n1")]
        {
            assert_eq!(read_cursor(wrong, Sort::Used, false), None, "{wrong}");
        }
    }
}
