//! Changes tokens and gives them new keys: the same road for the admin API and for commands without a daemon.

use rusqlite::{Connection, TransactionBehavior};
use tokenrouter_shared::Role;
use tokenrouter_shared::change::TokenChange;
use tokenrouter_shared::token::{TokenCreated, TokenDetail, TokenRotate, TokenState};

use super::grant::{Operator, Refusal, end_of, state_of, within};
use super::issue::{Done, Draft, IssueError, check, earlier, fields, is_plain, made_up};
use super::{bounds, reach, views};
use crate::store::audit::{self, Entry, Fields};
use crate::store::tokens::{self, TokenRow};

/// The longest time for which an old key opens beside its successor, in milliseconds: a day.
pub const MAX_GRACE_MS: i64 = 86_400_000;

/// A token is inspected for a week at most.
const MAX_INSPECT_MS: i64 = 7 * 86_400_000;

/// Changes the token with an id or a name, if it is still at the version that the change is made to.
pub fn edit(
    connection: &mut Connection,
    which: &str,
    change: &TokenChange,
    by: &Operator,
    now_ms: i64,
) -> Result<Done<TokenDetail>, IssueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let own = reach::own_chain(&transaction, by, now_ms)?;
    let before = editable(&transaction, which, by, &own, now_ms)?;
    let version = change.version.ok_or(IssueError::NoVersion)?;
    if version != before.version {
        return Err(IssueError::Version(before.version));
    }
    let chain = tokens::chain(&transaction, before.id)?;
    let above = chain.get(1..).unwrap_or_default();
    let after = changed(&before, change, now_ms)?;
    let is_inspected_anew = after.inspect_until_ms != before.inspect_until_ms;
    // Who may say that nothing is kept ends that too.
    if is_inspected_anew && change.inspect_ms.is_some() {
        may_inspect(&after, above, by)?;
    }
    check(&after.limits, &after.labels)?;
    let reaches_down =
        after.limits != before.limits || after.capture != before.capture || after.expires_ms != before.expires_ms;
    if reaches_down {
        if reach::is_own(&own, &before) {
            return Err(Refusal::Own("limits, expiry and capture").into());
        }
        reach::refuse_beyond(&own, &chain)?;
        bounds::check(&after.limits, &before.limits, above, by)?;
    }
    let after = ended_with(after, &before, above, &own)?;
    if after == before {
        let answer = views::detail(&transaction, by, &before, now_ms)?;
        return Ok(Done { answer, changed: Vec::new(), removed: Vec::new() });
    }
    if !tokens::update(&transaction, &after)? {
        return Err(IssueError::Version(before.version));
    }
    if after.ends_ms != before.ends_ms {
        move_ends(&transaction, &after)?;
    }
    let detail = format!("`{}`", before.name);
    let entry =
        Entry { at_ms: now_ms, actor: by.actor(), action: "token.edit", subject: &after.public_id, detail: &detail };
    audit::add_change(&transaction, &entry, Some(fields(&before)), Some(fields(&after)))?;
    let published = published(&transaction, after.id, reaches_down || is_inspected_anew)?;
    let after = tokens::by_public_id(&transaction, &after.public_id)?.unwrap_or(after);
    let answer = views::detail(&transaction, by, &after, now_ms)?;
    transaction.commit()?;
    Ok(Done { answer, changed: published, removed: Vec::new() })
}

/// Refuses to have a token inspected: by whoever may not read what is kept then, or where nothing of it may be kept.
fn may_inspect(token: &TokenRow, above: &[TokenRow], by: &Operator) -> Result<(), IssueError> {
    if by.role() != Role::Admin {
        return Err(Refusal::Inspect { by: by.role() }.into());
    }
    let is_kept = token.capture && above.iter().all(|above| above.capture);
    if token.inspect_until_ms.is_some() && !is_kept {
        let said = "nothing of this token may be kept, because it or one above it was made without `capture`";
        return Err(IssueError::Unclear(said));
    }
    Ok(())
}

/// A live token that the operator may change: any for an admin, those below itself for others.
fn editable(
    connection: &Connection,
    which: &str,
    by: &Operator,
    own: &[TokenRow],
    now_ms: i64,
) -> Result<TokenRow, IssueError> {
    if by.role() == Role::Inferrer {
        return Err(Refusal::Inferrer.into());
    }
    let token = reach::find(connection, which, by, now_ms)?;
    if by.root().is_some() && reach::is_own(own, &token) {
        return Err(Refusal::Own("anything").into());
    }
    match state_of(&token, now_ms) {
        TokenState::Live => Ok(token),
        state => Err(IssueError::Ended(state)),
    }
}

/// The token after the change, as far as it is a matter of the token alone.
fn changed(before: &TokenRow, change: &TokenChange, now_ms: i64) -> Result<TokenRow, IssueError> {
    let mut after = before.clone();
    match change.name.as_ref().map(|name| name.as_deref().map(str::trim)) {
        None => {}
        Some(None) => after.name = made_up(before.role, &before.public_id),
        Some(Some(name)) if is_plain(name) => name.clone_into(&mut after.name),
        Some(Some(_)) => return Err(IssueError::BadName),
    }
    after.expires_ms = match (change.expires_ms, change.ttl_ms) {
        (None, None) => before.expires_ms,
        (None, ttl) => end_of(ttl, now_ms)?,
        (Some(at), None) => end_of(at.map(|at| at.saturating_sub(now_ms)), now_ms)?,
        (Some(_), Some(_)) => return Err(IssueError::Unclear("`expires_ms` and `ttl_ms` say the same twice")),
    };
    after.lossy = change.lossy.unwrap_or(before.lossy);
    after.limits = change.limits(&before.limits);
    after.labels = change.labels(&before.labels);
    after.inspect_until_ms = match change.inspect_ms {
        None => before.inspect_until_ms,
        Some(None) => None,
        Some(Some(ms)) if (1..=MAX_INSPECT_MS).contains(&ms) => Some(now_ms.saturating_add(ms)),
        Some(Some(_)) => return Err(IssueError::Unclear("`inspect_ms` lies between 1 and 604800000, a week")),
    };
    after.capture = change.capture.map_or(before.capture, |capture| capture.unwrap_or(true));
    if !after.capture && change.inspect_ms.is_none() {
        after.inspect_until_ms = None;
    }
    Ok(after)
}

/// The token with the end that follows from those above it; refuses one that lies behind theirs, or behind the
/// operator's own unless it did so before.
fn ended_with(
    mut after: TokenRow,
    before: &TokenRow,
    above: &[TokenRow],
    own: &[TokenRow],
) -> Result<TokenRow, IssueError> {
    if after.expires_ms == before.expires_ms {
        return Ok(after);
    }
    let maker = own.first().filter(|maker| above.iter().all(|above| above.id != maker.id));
    if let Some(maker) = maker.filter(|_| after.expires_ms.is_none()) {
        after.expires_ms = maker.ends_ms;
    }
    if let Some(parent) = above.first() {
        within(after.expires_ms, parent)?;
    }
    after.ends_ms = earlier(after.expires_ms, above.first().and_then(|parent| parent.ends_ms));
    let is_later = after.ends_ms.unwrap_or(i64::MAX) > before.ends_ms.unwrap_or(i64::MAX);
    if let Some(maker) = maker.filter(|_| is_later) {
        within(after.ends_ms, maker)?;
    }
    Ok(after)
}

/// Brings the ends of everything below a token in line with it.
fn move_ends(connection: &Connection, token: &TokenRow) -> Result<(), IssueError> {
    let rows = tokens::subtree(connection, token.id)?;
    let mut ends = std::collections::HashMap::from([(token.id, token.ends_ms)]);
    for row in rows.iter().filter(|row| row.id != token.id) {
        let above = row.parent_id.and_then(|parent| ends.get(&parent).copied()).flatten();
        let ends_ms = earlier(row.expires_ms, above);
        ends.insert(row.id, ends_ms);
        if ends_ms != row.ends_ms {
            tokens::set_end(connection, row.id, ends_ms)?;
        }
    }
    Ok(())
}

/// What the index must learn: the token alone, or with all below it where the change holds for them too.
fn published(connection: &Connection, id: i64, reaches_down: bool) -> Result<Vec<TokenRow>, IssueError> {
    if reaches_down {
        return Ok(tokens::subtree(connection, id)?);
    }
    let mut chain = tokens::chain(connection, id)?;
    chain.truncate(1);
    Ok(chain)
}

/// Gives the token with an id or a name another key; the old one opens for as long as is asked for, or no more at all.
pub fn rotate(
    connection: &mut Connection,
    which: &str,
    draft: &Draft,
    wanted: &TokenRotate,
    by: &Operator,
    now_ms: i64,
) -> Result<Done<TokenCreated>, IssueError> {
    let grace_ms = wanted.grace_ms.unwrap_or(0);
    if !(0..=MAX_GRACE_MS).contains(&grace_ms) {
        return Err(IssueError::Unclear("`grace_ms` lies between 0 and 86400000, a day"));
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let own = reach::own_chain(&transaction, by, now_ms)?;
    let before = editable(&transaction, which, by, &own, now_ms)?;
    if reach::is_own(&own, &before) {
        return Err(Refusal::Own("the key").into());
    }
    reach::refuse_beyond(&own, &tokens::chain(&transaction, before.id)?)?;
    if let Some(maker) = own.first() {
        // Who holds the new key must not gain time by it.
        let ends_ms = Some(before.ends_ms.unwrap_or(i64::MAX));
        within(ends_ms, maker)?;
    }
    let old_key = (grace_ms > 0).then(|| (before.digest, now_ms.saturating_add(grace_ms)));
    let after = TokenRow { digest: draft.key.digest().0, old_key, ..before.clone() };
    if !tokens::update(&transaction, &after)? {
        return Err(IssueError::Version(before.version));
    }
    let detail =
        if grace_ms == 0 { String::new() } else { format!("the old key opens for {} s more", grace_ms / 1000) };
    let entry =
        Entry { at_ms: now_ms, actor: by.actor(), action: "token.rotate", subject: &after.public_id, detail: &detail };
    let key = |which: &str| Some(Fields::from_iter([("key".to_owned(), which.into())]));
    audit::add_change(&transaction, &entry, key("old"), key("new"))?;
    let changed = published(&transaction, after.id, false)?;
    transaction.commit()?;
    let made = TokenCreated {
        id: after.public_id,
        key: draft.key.reveal().to_owned(),
        name: after.name,
        role: after.role,
        expires_ms: after.ends_ms,
    };
    Ok(Done { answer: made, changed, removed: Vec::new() })
}
