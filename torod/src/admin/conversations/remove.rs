//! `DELETE /admin/api/conversations/{id}` and `DELETE /admin/api/conversations`: removes one, or all. The audit trail tells
//! who did, and nothing of what was said.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use tokenrouter_shared::conversation::ConversationsRemoved;

use super::{gone, number};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::store::audit::{self, Entry};
use crate::store::conversations::list;

/// Removes one.
pub async fn one(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<Json<ConversationsRemoved>, Failure> {
    Failure::unless_admin(&operator)?;
    let number = number(&id)?;
    let found = admin.conversations.read(move |connection| list::find(connection, number)).await?;
    let Some(found) = found.flatten() else { return Err(gone(&id)) };
    note(&admin, &operator, &id, &format!("{} requests", found.exchanges)).await?;
    let removed = admin.conversations.remove(Some(number)).await?;
    removed.map(Json).ok_or_else(|| gone(&id))
}

/// Removes all.
pub async fn all(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<ConversationsRemoved>, Failure> {
    Failure::unless_admin(&operator)?;
    note(&admin, &operator, "all", "every conversation").await?;
    Ok(Json(admin.conversations.remove(None).await?.unwrap_or_default()))
}

/// What is removed is told before it is: an entry too many is better than one too few.
async fn note(admin: &Admin, operator: &Operator, subject: &str, detail: &str) -> Result<(), Failure> {
    let (at_ms, actor) = (admin.clock.now_ms(), operator.actor().to_owned());
    let (subject, detail) = (subject.to_owned(), detail.to_owned());
    let add = move |connection: &mut _| {
        let entry = Entry { at_ms, actor: &actor, action: "conversation.remove", subject: &subject, detail: &detail };
        audit::add(connection, &entry)
    };
    Ok(admin.writer.call(add).await?)
}
