//! Makes, lists and ends tokens in the database: the same road for the admin API and for commands without a daemon.

use std::collections::HashMap;

use rusqlite::{Connection, TransactionBehavior};
use tokenrouter_shared::Problem;
use tokenrouter_shared::label::{Labels, check_labels, is_printable};
use tokenrouter_shared::limits::{Limits, LimitsError, Window};
use tokenrouter_shared::token::{TokenCreate, TokenCreated, TokenRevoked, TokenState, TokenView};
use zeroize::Zeroizing;

use super::grant::{Operator, Refusal, decide, state_of};
use super::{Key, NoRandomness, Random, TokenIndex};
use crate::store::StoreError;
use crate::store::audit::{self, Entry};
use crate::store::tokens::{self, TokenRow};
use crate::store::writer::BusyError;

/// Characters a name may have at most.
const NAME_CHARS: usize = 100;

/// Why a token was not made, listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such token, or the operator may not know of it.
    #[error("there is no token `{0}`")]
    NotFound(String),
    /// Several tokens have that name.
    #[error("{count} tokens are named `{name}`")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many.
        count: usize,
    },
    /// Limits or labels are out of bounds.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The name is too long or has characters that a terminal would obey.
    #[error("a token's name has 1 to 100 characters and no control characters")]
    BadName,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl BusyError for IssueError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_busy())
    }
}

impl From<rusqlite::Error> for IssueError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IssueError {
    /// The error as the admin API tells it.
    pub fn problem(&self) -> Problem {
        let (code, advice) = match self {
            Self::Refused(Refusal::Role { .. }) => ("role_forbidden", "Ask for a lesser role, or ask an admin."),
            Self::Refused(Refusal::ParentEnded { .. }) => ("parent_ended", "Choose a parent that is live."),
            Self::Refused(Refusal::OutlivesParent { .. }) => {
                ("outlives_parent", "Ask for a shorter lifetime, or for none: the token then ends with its parent.")
            }
            Self::Refused(Refusal::Lifetime) => ("bad_lifetime", "Ask for a lifetime such as 8h or 30d."),
            Self::NotFound(_) => ("token_not_found", "See `torod token list --all` for the tokens there are."),
            Self::Ambiguous { .. } => ("token_ambiguous", "Use the token's id; `torod token list` shows it."),
            Self::Limits(error) => ("bad_limits", error.advice()),
            Self::BadName => ("bad_name", "Choose a shorter, plain name."),
            Self::Store(error) if error.is_transient() => ("database_busy", "Try again in a moment."),
            Self::Store(_) => ("database_failed", "Look at the daemon's log and at the free space of the disk."),
            Self::NoRandomness(_) => ("no_randomness", "Check the operating system's random number generator."),
        };
        Problem { code: code.into(), message: format!("{self}."), advice: advice.to_owned() }
    }
}

/// What a change answers, and what of it the index must learn once it is committed.
#[derive(Debug)]
#[must_use]
pub struct Done<T> {
    /// The answer.
    pub answer: T,
    /// Tokens that were made or changed, with everything below them; parents before children.
    pub changed: Vec<TokenRow>,
    /// The numbers of tokens that are gone.
    pub removed: Vec<i64>,
}

impl<T> Done<T> {
    /// Publishes the change and gives the answer to it.
    pub fn publish(self, index: &TokenIndex) -> T {
        index.publish(&self.changed, &self.removed);
        self.answer
    }
}

/// Whether limits and labels may be kept.
fn check(limits: &Limits, labels: &Labels) -> Result<(), LimitsError> {
    limits.check()?;
    for budget in &limits.budgets {
        if let Window::Calendar { time_zone, .. } = &budget.window
            && time_zone.parse::<chrono_tz::Tz>().is_err()
        {
            return Err(LimitsError::TimeZone(time_zone.clone()));
        }
    }
    check_labels(labels)
}

/// A token that can be written: its secret is drawn already, so that writing can be repeated.
#[derive(Debug)]
pub struct Draft {
    key: Key,
    public_id: String,
}

impl Draft {
    /// Draws a key and an id.
    pub fn draw(random: Random) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random(bytes.as_mut_slice())?;
        let key = Key::generate(&mut |out| out.copy_from_slice(bytes.as_slice()));
        let mut id = [0_u8; 8];
        random(&mut id)?;
        Ok(Self { key, public_id: format!("tok_{:016x}", u64::from_be_bytes(id)) })
    }
}

/// Writes a token and its audit entry in one transaction.
pub fn create(
    connection: &mut Connection,
    draft: &Draft,
    wanted: &TokenCreate,
    by: &Operator,
    now_ms: i64,
) -> Result<Done<TokenCreated>, IssueError> {
    let name = match wanted.name.as_deref().map(str::trim) {
        None => format!("{} {}", wanted.role, draft.public_id.trim_start_matches("tok_")),
        Some(name) if is_plain(name) => name.to_owned(),
        Some(_) => return Err(IssueError::BadName),
    };
    check(&wanted.limits, &wanted.labels)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let own = match by {
        Operator::LocalOwner => None,
        Operator::Token(own) => tokens::by_public_id(&transaction, &own.public_id)?,
    };
    let mut expires_ms = None;
    if own.is_some() {
        // Whatever the parent: nobody makes a token that outlives the one it was made with.
        expires_ms = decide(by.role(), wanted.role, own.as_ref(), wanted.ttl_ms, now_ms)?;
    }
    let parent = match &wanted.parent {
        Some(id) => Some(visible(&transaction, by, tokens::by_public_id(&transaction, id)?, id)?),
        None => own,
    };
    let by_parent = decide(by.role(), wanted.role, parent.as_ref(), wanted.ttl_ms, now_ms)?;
    let expires_ms = match (expires_ms, by_parent) {
        (Some(own), Some(parent)) => Some(own.min(parent)),
        (own, parent) => own.or(parent),
    };
    let mut row = TokenRow {
        digest: draft.key.digest().0,
        name,
        parent_id: parent.as_ref().map(|parent| parent.id),
        created_ms: now_ms,
        expires_ms,
        lossy: wanted.lossy,
        limits: wanted.limits.clone(),
        labels: wanted.labels.clone(),
        capture: wanted.capture,
        created_by: Some(by.actor().to_owned()),
        ..TokenRow::new(&draft.public_id, wanted.role)
    };
    row.id = tokens::insert(&transaction, &row)?;
    let detail = format!("{} `{}`", row.role, row.name);
    let subject = &row.public_id;
    audit::add(
        &transaction,
        &Entry { at_ms: now_ms, actor: by.actor(), action: "token.create", subject, detail: &detail },
    )?;
    transaction.commit()?;
    let made = TokenCreated {
        id: row.public_id.clone(),
        key: draft.key.reveal().to_owned(),
        name: row.name.clone(),
        role: row.role,
        expires_ms,
    };
    Ok(Done { answer: made, changed: vec![row], removed: Vec::new() })
}

/// The tokens that the operator may see, oldest first; ended ones only when `ended` is set.
pub fn list(connection: &Connection, by: &Operator, ended: bool, now_ms: i64) -> Result<Vec<TokenView>, IssueError> {
    let rows = tokens::all(connection)?;
    let ids: HashMap<i64, &str> = rows.iter().map(|row| (row.id, row.public_id.as_str())).collect();
    let parents: HashMap<i64, i64> = rows.iter().filter_map(|row| Some((row.id, row.parent_id?))).collect();
    let is_seen = |row: &TokenRow| {
        let Some(root) = by.root() else { return true };
        std::iter::successors(Some(row.id), |id| parents.get(id).copied()).take(rows.len()).any(|id| id == root)
    };
    let views = rows.iter().filter(|row| is_seen(row)).map(|row| TokenView {
        id: row.public_id.clone(),
        name: row.name.clone(),
        role: row.role,
        parent: row.parent_id.and_then(|id| ids.get(&id)).map(|&id| id.to_owned()),
        state: state_of(row, now_ms),
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        revoked_ms: row.revoked_ms,
        last_used_ms: row.last_used_ms,
        lossy: row.lossy,
        version: row.version,
        created_by: row.created_by.clone(),
        last_used_from: row.last_used_from.clone(),
        limits: row.limits.clone(),
        labels: row.labels.clone(),
        capture: row.capture,
    });
    Ok(views.filter(|view| ended || view.state == TokenState::Live).collect())
}

/// Ends the token with an id or a name, and everything below it.
pub fn revoke(
    connection: &mut Connection,
    which: &str,
    by: &Operator,
    now_ms: i64,
) -> Result<Done<TokenRevoked>, IssueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let token = find(&transaction, which, by, now_ms)?;
    let revoked = tokens::revoke(&transaction, token.id, now_ms)?;
    for subject in &revoked {
        let detail = if *subject == token.public_id { "" } else { "below the token that was revoked" };
        audit::add(&transaction, &Entry { at_ms: now_ms, actor: by.actor(), action: "token.revoke", subject, detail })?;
    }
    let changed = tokens::subtree(&transaction, token.id)?;
    transaction.commit()?;
    Ok(Done { answer: TokenRevoked { id: token.public_id, revoked }, changed, removed: Vec::new() })
}

/// By id; else by name, where a live token goes before ended ones of the same name.
fn find(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<TokenRow, IssueError> {
    if let Some(row) = tokens::by_public_id(connection, which)? {
        return visible(connection, by, Some(row), which);
    }
    let mut named = Vec::new();
    for row in tokens::by_name(connection, which)? {
        if visible(connection, by, Some(row.clone()), which).is_ok() {
            named.push(row);
        }
    }
    let is_live = |row: &TokenRow| state_of(row, now_ms) == TokenState::Live;
    if named.iter().any(is_live) {
        named.retain(is_live);
    }
    match (named.pop(), named.len()) {
        (Some(row), 0) => Ok(row),
        (Some(_), others) => Err(IssueError::Ambiguous { name: which.to_owned(), count: others + 1 }),
        (None, _) => Err(IssueError::NotFound(which.to_owned())),
    }
}

/// A token outside the operator's subtree does not exist for it.
fn visible(connection: &Connection, by: &Operator, row: Option<TokenRow>, which: &str) -> Result<TokenRow, IssueError> {
    match (row, by.root()) {
        (Some(row), None) => Ok(row),
        (Some(row), Some(root)) if tokens::is_within(connection, row.id, root)? => Ok(row),
        _ => Err(IssueError::NotFound(which.to_owned())),
    }
}

/// Whether a token may have this name.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= NAME_CHARS && name.chars().all(is_printable)
}
