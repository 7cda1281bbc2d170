//! Makes and ends tokens in the database: the same road for the admin API and for commands without a daemon.

use std::collections::HashMap;

use rusqlite::{Connection, TransactionBehavior};
use serde_json::Value;
use tokenrouter_shared::label::{Labels, check_labels, is_printable};
use tokenrouter_shared::limits::{Limits, LimitsError, Window};
use tokenrouter_shared::run::RunEnd;
use tokenrouter_shared::token::{LEASE_S, TokenCreate, TokenCreated, TokenName, TokenRevoked, TokenState};
use tokenrouter_shared::{Lossy, Problem, Role};
use zeroize::Zeroizing;

use super::grant::{MAX_DEPTH, Operator, Refusal, decide, end_of, within};
use super::{Key, NoRandomness, Random, TokenIndex, bounds, reach};
use crate::calendar::Zone;
use crate::store::StoreError;
use crate::store::audit::{self, Entry, Fields};
use crate::store::tokens::{self, TokenRow};
use crate::store::writer::BusyError;

/// Characters a name may have at most.
const NAME_CHARS: usize = 100;
/// Of so many tokens of one name the ids are told.
const IDS_TOLD: usize = 8;

/// Why a token was not made, shown, changed or ended.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such token, or the operator may not know of it.
    #[error("there is no token `{0}`")]
    NotFound(String),
    /// There is no such run, or the operator may not know of it.
    #[error("there is no run `{0}`")]
    NoRun(String),
    /// Several tokens have that name.
    #[error("{} tokens{} are named `{name}`: {}", ids.len(), if ids.len() < 100 { "" } else { " or more" }, first(ids))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// Limits or labels are out of bounds.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The name is too long or has characters that a terminal would obey.
    #[error("a token's name has 1 to 100 characters, all of which can be seen")]
    BadName,
    /// The change does not say to which version it is made.
    #[error("the change does not say to which version of the token it is made")]
    NoVersion,
    /// Somebody else has changed the token.
    #[error("the token is at version {0} by now")]
    Version(i64),
    /// What has ended stays as it is.
    #[error("the token is {}", .0.as_str())]
    Ended(TokenState),
    /// The lease is too short or too long.
    #[error("a lease lasts {} to {} seconds", LEASE_S.start(), LEASE_S.end())]
    BadLease,
    /// The request makes no sense; what is wrong with it.
    #[error("{0}")]
    Unclear(&'static str),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// The first few of `ids`.
fn first(ids: &[String]) -> String {
    let told: Vec<&str> = ids.iter().take(IDS_TOLD).map(String::as_str).collect();
    format!("{}{}", told.join(", "), if ids.len() > IDS_TOLD { " …" } else { "" })
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
            Self::Refused(refusal) => refusal.advice(),
            Self::NotFound(_) => ("token_not_found", "See `torod token list --all` for the tokens there are."),
            Self::NoRun(_) => ("run_not_found", "GET /admin/api/me/runs lists the runs there are."),
            Self::Ambiguous { .. } => {
                ("token_ambiguous", "Use the id of the one you mean; `torod token list` shows what each of them is.")
            }
            Self::Limits(error) => ("bad_limits", error.advice()),
            Self::BadName => ("bad_name", "Choose a shorter, plain name."),
            Self::BadLease => ("bad_lease", "Ask for one of a minute: `\"lease_s\": 60`."),
            Self::NoVersion => {
                ("version_required", "Send the token's `version` in the body, or as `If-Match: \"3\"` in the header.")
            }
            Self::Version(_) => ("version_conflict", "Look at the token again and repeat what is still to be changed."),
            Self::Ended(_) => ("token_ended", "What has ended stays so; make a new token."),
            Self::Unclear(_) => ("bad_request", "/admin/api/openapi.json says what may be asked for."),
            Self::Store(error) if error.is_transient() => ("database_busy", "Try again in a moment."),
            Self::Store(_) => ("database_failed", "Look at the daemon's log and at the free space of the disk."),
            Self::NoRandomness(_) => ("no_randomness", "Check the operating system's random number generator."),
        };
        let version = match self {
            Self::Version(now) => Some(now.to_string()),
            _ => None,
        };
        Problem { code: code.into(), message: format!("{self}."), advice: advice.to_owned(), version, request_id: None }
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
pub(super) fn check(limits: &Limits, labels: &Labels) -> Result<(), LimitsError> {
    limits.check()?;
    for budget in &limits.budgets {
        if let Window::Calendar { time_zone, .. } = &budget.window
            && Zone::named(time_zone).is_none()
        {
            return Err(LimitsError::TimeZone(time_zone.clone()));
        }
    }
    check_labels(labels)
}

/// A token that can be written: its secret is drawn already, so that writing can be repeated.
#[derive(Debug)]
pub struct Draft {
    pub(super) key: Key,
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

/// The name that a token has when nobody chose one.
pub(super) fn made_up(role: Role, public_id: &str) -> String {
    format!("{role} {}", public_id.trim_start_matches("tok_"))
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
        None => made_up(wanted.role, &draft.public_id),
        Some(name) if is_plain(name) => name.to_owned(),
        Some(_) => return Err(IssueError::BadName),
    };
    check(&wanted.limits, &wanted.labels)?;
    if wanted.lease_s.is_some_and(|seconds| !LEASE_S.contains(&seconds)) {
        return Err(IssueError::BadLease);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let own = reach::own_chain(&transaction, by, now_ms)?;
    let parent = match &wanted.parent {
        Some(which) => tokens::chain(&transaction, reach::find(&transaction, which, by, now_ms)?.id)?,
        None => own.clone(),
    };
    decide(by.role(), wanted.role, parent.first(), now_ms)?;
    if parent.len() >= MAX_DEPTH {
        return Err(Refusal::TooDeep.into());
    }
    reach::refuse_beyond(&own, &parent)?;
    let mut expires_ms = end_of(wanted.ttl_ms, now_ms)?;
    for above in parent.first().into_iter().chain(own.first()) {
        within(expires_ms, above)?;
    }
    bounds::check(&wanted.limits, &Limits::default(), &parent, by)?;
    if let Some(maker) = own.first().filter(|maker| parent.iter().all(|above| above.id != maker.id)) {
        // Whatever the parent: nobody makes a token that outlives the one it was made with.
        expires_ms = earlier(expires_ms, maker.ends_ms);
    }
    let mut row = TokenRow {
        digest: draft.key.digest().0,
        name,
        parent_id: parent.first().map(|parent| parent.id),
        created_ms: now_ms,
        expires_ms,
        ends_ms: earlier(expires_ms, parent.first().and_then(|parent| parent.ends_ms)),
        lossy: wanted.lossy,
        limits: wanted.limits.clone(),
        labels: wanted.labels.clone(),
        capture: wanted.capture,
        created_by: Some(by.actor().to_owned()),
        run: wanted.run,
        lease_s: wanted.lease_s,
        ..TokenRow::new(&draft.public_id, wanted.role)
    };
    row.id = tokens::insert(&transaction, &row)?;
    let detail = format!("{} `{}`", row.role, row.name);
    let entry =
        Entry { at_ms: now_ms, actor: by.actor(), action: "token.create", subject: &row.public_id, detail: &detail };
    let mut after = fields(&row);
    after.insert("role".to_owned(), row.role.as_str().into());
    after.insert("parent".to_owned(), parent.first().map(|parent| parent.public_id.clone()).into());
    if row.run {
        after.insert("run".to_owned(), true.into());
    }
    if let Some(seconds) = row.lease_s {
        after.insert("lease_s".to_owned(), seconds.into());
    }
    audit::add_change(&transaction, &entry, None, Some(after))?;
    transaction.commit()?;
    let made = TokenCreated {
        id: row.public_id.clone(),
        key: draft.key.reveal().to_owned(),
        name: row.name.clone(),
        role: row.role,
        expires_ms: row.ends_ms,
    };
    Ok(Done { answer: made, changed: vec![row], removed: Vec::new() })
}

/// The earlier of two ends; nothing is never.
pub(super) fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// What the audit trail keeps of a token: everything that may change. What says nothing is left out.
pub(super) fn fields(row: &TokenRow) -> Fields {
    let limits = serde_json::to_value(&row.limits).unwrap_or_default();
    let labels = serde_json::to_value(&row.labels).unwrap_or_default();
    [
        ("name", Value::from(row.name.as_str())),
        ("expires_ms", row.expires_ms.into()),
        ("lossy", row.lossy.map(Lossy::as_str).into()),
        ("limits", limits),
        ("labels", labels),
        ("capture", row.capture.into()),
        ("inspect_until_ms", row.inspect_until_ms.into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What whoever ends a token says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// The agent that it was made for has ended.
    pub is_finished: bool,
    /// What the agent returned.
    pub exit_code: Option<u8>,
    /// The signal that the agent died of.
    pub exit_signal: Option<u8>,
}

/// Refuses a change of the token with an id or a name that is made for another version than it is at; `None` is made for
/// any. Holds for what is done next on the same connection.
pub fn at_version(
    connection: &Connection,
    which: &str,
    expected: Option<i64>,
    by: &Operator,
    now_ms: i64,
) -> Result<(), IssueError> {
    let Some(expected) = expected else { return Ok(()) };
    let version = version_of(connection, which, by, now_ms)?;
    if version == expected { Ok(()) } else { Err(IssueError::Version(version)) }
}

/// The version of the token with an id or a name.
pub fn version_of(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<i64, IssueError> {
    Ok(reach::find(connection, which, by, now_ms)?.version)
}

/// Ends the token with an id or a name, and everything below it.
pub fn revoke(
    connection: &mut Connection,
    which: &str,
    said: Farewell,
    by: &Operator,
    now_ms: i64,
) -> Result<Done<TokenRevoked>, IssueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    reach::own_chain(&transaction, by, now_ms)?;
    let token = reach::find(&transaction, which, by, now_ms)?;
    let ended = if said.is_finished { End::FINISHED } else { End::REVOKED };
    let revoked = end(&transaction, &token, by.actor(), now_ms, now_ms, &ended)?;
    if said.exit_code.is_some() || said.exit_signal.is_some() {
        // Also where its lease was over before: nobody else knows.
        tokens::set_exit(&transaction, token.id, said.exit_code, said.exit_signal)?;
    }
    let changed = if revoked.is_empty() { Vec::new() } else { tokens::subtree(&transaction, token.id)? };
    transaction.commit()?;
    let of: HashMap<&str, &str> = changed.iter().map(|row| (&*row.public_id, &*row.name)).collect();
    let named = |id: &String| TokenName { id: id.clone(), name: of.get(&**id).copied().unwrap_or(id).to_owned() };
    let names = revoked.iter().map(named).collect();
    Ok(Done { answer: TokenRevoked { id: token.public_id, revoked, names }, changed, removed: Vec::new() })
}

/// Why a token is ended: in the database, and in the audit trail.
pub(super) struct End {
    reason: RunEnd,
    action: &'static str,
    detail: &'static str,
}

impl End {
    const REVOKED: Self = Self { reason: RunEnd::Revoked, action: "token.revoke", detail: "" };
    const FINISHED: Self = Self { reason: RunEnd::Finished, detail: "its run has finished", ..Self::REVOKED };
    /// Its budget is used up.
    pub(super) const USED_UP: Self = Self { reason: RunEnd::UsedUp, detail: "its budget is used up", ..Self::REVOKED };
    /// Nobody renewed its lease.
    pub(super) const LEASE: Self =
        Self { reason: RunEnd::Lease, action: "token.lease_ended", detail: "nobody renewed its lease" };
}

/// Ends a token and everything below it, as of `end_ms`, and says of each in the audit trail why.
pub(super) fn end(
    connection: &Connection,
    token: &TokenRow,
    actor: &str,
    now_ms: i64,
    end_ms: i64,
    why: &End,
) -> Result<Vec<String>, StoreError> {
    let revoked = tokens::revoke(connection, token.id, end_ms, why.reason)?;
    let at = |value: Value| Some(Fields::from_iter([("revoked_ms".to_owned(), value)]));
    for subject in &revoked {
        let detail = if *subject == token.public_id { why.detail } else { "below the token that was revoked" };
        let action = if *subject == token.public_id { why.action } else { End::REVOKED.action };
        let entry = Entry { at_ms: now_ms, actor, action, subject, detail };
        audit::add_change(connection, &entry, at(Value::Null), at(end_ms.into()))?;
    }
    Ok(revoked)
}

/// Whether a token may have this name.
pub fn is_plain(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= NAME_CHARS && name.chars().all(is_printable)
}
