//! `GET /admin/api/sessions`: who is logged in: an admin sees all, everybody else those of the own token.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::session::SessionList;

use super::view;
use crate::access::grant::Operator;
use crate::access::session::Session;
use crate::admin::Admin;

/// Lists them, newest first.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    session: Option<Extension<Arc<Session>>>,
) -> Json<SessionList> {
    let status = admin.reload.status();
    let rules = &status.config.admin;
    let current = session.map(|Extension(session)| session);
    let live = admin.sessions.live(&admin.tokens, rules, admin.clock.now_ms());
    let seen = live.iter().filter(|(session, _)| is_seen(&operator, session));
    let sessions = seen.map(|(session, token)| view(session, token, rules, current.as_deref())).collect();
    Json(SessionList { sessions })
}

/// Whether the operator may know of a session.
pub(super) fn is_seen(operator: &Operator, session: &Session) -> bool {
    operator.root().is_none_or(|own| own == session.token_id)
}
