//! Logins of people in a browser: begin, list, end.

pub mod end;
pub mod list;
pub mod login;
pub mod logout;

use std::sync::Arc;

use tokenrouter_shared::session::SessionView;

use super::Admin;
use super::answer::Failure;
use crate::access::TokenEntry;
use crate::access::grant::Operator;
use crate::access::issue::IssueError;
use crate::access::session::Session;
use crate::config;
use crate::store::audit::{self, Entry};
use crate::store::sessions;

/// A session as it is told.
pub(super) fn view(
    session: &Session,
    token: &TokenEntry,
    rules: &config::Admin,
    current: Option<&Session>,
) -> SessionView {
    SessionView {
        id: session.public_id.to_string(),
        token: token.public_id.to_string(),
        name: token.name.to_string(),
        role: token.role,
        created_ms: session.created_ms,
        seen_ms: session.seen_ms(),
        ends_ms: session.ends_ms(rules),
        expires_ms: session.expires_ms,
        address: session.address.as_deref().map(str::to_owned),
        agent: session.agent.as_deref().map(str::to_owned),
        current: current.is_some_and(|current| current.public_id == session.public_id),
    }
}

/// Ends a session. The answer is sent after no request can use it any more.
async fn finish(admin: &Admin, operator: &Operator, session: Arc<Session>) -> Result<(), Failure> {
    let (at_ms, actor) = (admin.clock.now_ms(), operator.actor().to_owned());
    let all = Arc::clone(&admin.sessions);
    admin
        .writer
        .call(move |connection| {
            let transaction = connection.transaction()?;
            if sessions::remove(&transaction, &session.public_id)? {
                let entry =
                    Entry { at_ms, actor: &actor, action: "session.end", subject: &session.public_id, detail: "" };
                audit::add(&transaction, &entry)?;
            }
            transaction.commit()?;
            all.publish(None, &[session.digest.0]);
            Ok::<_, IssueError>(())
        })
        .await?;
    Ok(())
}
