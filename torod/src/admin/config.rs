//! `POST /admin/api/reload`: reads the configuration file and every secret anew.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::routing::Reloaded;

use super::Admin;
use super::answer::Failure;
use crate::access::Operator;
use crate::access::issue::IssueError;
use crate::reload::Changes;
use crate::store::audit::{self, Entry};

/// Reads it. The answer is sent when requests see what changed.
pub async fn reload(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Reloaded>, Failure> {
    Failure::unless_admin(&operator)?;
    let changes = admin.reload.reload().await?;
    let reloaded = told(&changes);
    note(&admin, &operator, "config.reload", "torod.toml", reloaded.changed.join("; ")).await?;
    Ok(Json(reloaded))
}

/// What changed, in the words of the admin API.
pub(super) fn told(changes: &Changes) -> Reloaded {
    Reloaded {
        changed: changes.sentences().map(str::to_owned).collect(),
        at_restart: changes.at_restart.iter().map(|key| (*key).to_owned()).collect(),
    }
}

/// Writes into the audit trail what was done; it stands in no database that one transaction could hold together.
pub(super) async fn note(
    admin: &Admin,
    operator: &Operator,
    action: &'static str,
    subject: &str,
    detail: String,
) -> Result<(), Failure> {
    let (at_ms, actor, subject) = (admin.clock.now_ms(), operator.actor().to_owned(), subject.to_owned());
    let written = admin
        .writer
        .call(move |connection| {
            let entry = Entry { at_ms, actor: &actor, action, subject: &subject, detail: &detail };
            audit::add(connection, &entry)?;
            Ok::<_, IssueError>(())
        })
        .await;
    Ok(written?)
}
