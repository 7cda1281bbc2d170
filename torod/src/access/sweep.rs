//! Removes tokens that ended long ago. Usage rows stay, and so does what names them; numbers are never given again.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::TokenIndex;
use super::issue::{Done, End, IssueError, end};
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::audit::{self, Entry};
use crate::store::tokens::{self, TokenRow};
use crate::store::{WriterHandle, removed};

/// How the audit trail calls the gateway itself.
pub const ACTOR: &str = "torod";
/// The pause between two rounds.
const PAUSE: Duration = Duration::from_mins(10);
/// Tokens of one step, so that nobody waits long behind it.
const STEP: usize = 200;

/// Tells tokens of which a lifetime budget is used up: their numbers, and since when, in milliseconds since 1970. Asked on
/// the writer thread, between two changes.
pub type UsedUp = Arc<dyn Fn() -> Vec<(i64, i64)> + Send + Sync>;

/// Keeps in mind which tokens are in `used_up`, ends some of those that have been so for `keep_ms`, and removes some of those that ended so long
/// ago, from the leaves up. Says whether there may be more to do.
pub fn step(
    connection: &mut Connection,
    used_up: &[(i64, i64)],
    now_ms: i64,
    keep_ms: i64,
) -> Result<Done<bool>, IssueError> {
    let until_ms = now_ms.saturating_sub(keep_ms);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changed = Vec::new();
    removed::note_used_up(&transaction, used_up)?;
    let over = removed::used_up(&transaction, until_ms, STEP)?;
    let ended = over.len();
    for (token, since_ms) in over {
        end(&transaction, &token, ACTOR, now_ms, since_ms, &End::USED_UP)?;
        changed.extend(tokens::subtree(&transaction, token.id)?);
    }
    let leaves = removed::ended_leaves(&transaction, until_ms, STEP)?;
    for token in &leaves {
        removed::remove(&transaction, token, now_ms)?;
        let detail = format!("{} `{}` had ended", token.role, token.name);
        let subject = &token.public_id;
        let entry = Entry { at_ms: now_ms, actor: ACTOR, action: "token.remove", subject, detail: &detail };
        audit::add(&transaction, &entry)?;
    }
    transaction.commit()?;
    // Those above the removed ones may be leaves now.
    let has_more = ended > 0 || !leaves.is_empty();
    if has_more {
        tracing::info!(
            "{ended} tokens were ended because their budget is used up, {} ended ones removed",
            leaves.len()
        );
    }
    Ok(Done { answer: has_more, changed, removed: leaves.into_iter().map(|token| token.id).collect() })
}

/// The token, if it was not revoked.
pub(super) fn is_open(connection: &Connection, id: i64) -> Result<Option<TokenRow>, IssueError> {
    let mut chain = tokens::chain(connection, id)?;
    chain.truncate(1);
    Ok(chain.pop().filter(|token| token.revoked_ms.is_none()))
}

/// Sweeps now and then until the end. `keep` tells how long ended tokens stay; nothing: for good.
pub async fn run(
    writer: WriterHandle,
    index: Arc<TokenIndex>,
    used_up: UsedUp,
    keep: impl Fn() -> Option<Duration> + Send,
    clock: Clock,
    lifecycle: Lifecycle,
) {
    let mut rounds = tokio::time::interval(PAUSE);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = lifecycle.hard_stop() => return,
        }
        let Some(keep) = keep() else { continue };
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = round(&writer, &index, &used_up, keep_ms, &clock).await {
            tracing::warn!(%error, "tokens that ended long ago stay until the next round");
        }
    }
}

/// One round, step by step.
pub async fn round(
    writer: &WriterHandle,
    index: &Arc<TokenIndex>,
    used_up: &UsedUp,
    keep_ms: i64,
    clock: &Clock,
) -> Result<(), IssueError> {
    loop {
        let (index, used_up, now_ms) = (Arc::clone(index), Arc::clone(used_up), clock.now_ms());
        let step = move |connection: &mut Connection| {
            Ok::<_, IssueError>(step(connection, &used_up(), now_ms, keep_ms)?.publish(&index))
        };
        if !writer.call(step).await? {
            return Ok(());
        }
    }
}
