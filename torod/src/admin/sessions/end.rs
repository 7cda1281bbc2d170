//! `DELETE /admin/api/sessions/{id}`: ends a session, wherever its browser is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::finish;
use super::list::is_seen;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;

/// Ends it. One that the operator may not see does not exist for it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let status = admin.reload.status();
    let live = admin.sessions.live(&admin.tokens, &status.config.admin, admin.clock.now_ms());
    let found = live.into_iter().map(|(session, _)| session);
    let found = found.filter(|session| is_seen(&operator, session)).find(|session| *session.public_id == *id);
    let Some(session) = found else {
        let advice = "GET /admin/api/sessions lists those there are.";
        return Err(Failure::not_found("session_not_found", "There is no such session.", advice));
    };
    finish(&admin, &operator, session).await?;
    Ok(StatusCode::NO_CONTENT)
}
