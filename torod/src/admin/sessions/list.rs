//! `GET /admin/api/sessions`: who is logged in: an admin sees all, everybody else those of the own token.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::session::SessionList;

use super::view;
use crate::access::grant::Operator;
use crate::access::session::Session;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::{Admin, paging};

/// Lists them, newest first.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    session: Option<Extension<Arc<Session>>>,
    RawQuery(query): RawQuery,
) -> Result<Json<SessionList>, Failure> {
    let words = Words::read(query.as_deref(), &["q", "cursor", "limit"])?;
    let (text, limit) = (paging::text(&words)?, paging::limit(&words)?);
    let cursor = words.text("cursor").map(|cursor| read_cursor(&cursor)).transpose()?;
    let status = admin.reload.status();
    let rules = &status.config.admin;
    let current = session.map(|Extension(session)| session);
    let live = admin.sessions.live(&admin.tokens, rules, admin.clock.now_ms());
    let seen = live.iter().filter(|(session, _)| is_seen(&operator, session));
    let wanted = seen.filter(|(session, token)| {
        let texts = [&*session.public_id, &*token.public_id, &*token.name];
        let more = [session.address.as_deref(), session.agent.as_deref()];
        paging::has(text.as_deref(), texts.into_iter().chain(more.into_iter().flatten()))
    });
    let place = |session: &Session| (session.created_ms, session.public_id.to_string());
    // By its place: sessions end while somebody pages through them.
    let behind = wanted.filter(|(session, _)| cursor.as_ref().is_none_or(|cursor| place(session) < *cursor));
    let mut sessions: Vec<_> =
        behind.take(limit + 1).map(|(session, token)| view(session, token, rules, current.as_deref())).collect();
    let has_more = sessions.len() > limit;
    sessions.truncate(limit);
    let next = sessions.last().filter(|_| has_more).map(|last| format!("{}.{}", last.created_ms, last.id));
    Ok(Json(SessionList { sessions, next }))
}

/// When the last one of a page began, and its id.
fn read_cursor(text: &str) -> Result<(i64, String), Failure> {
    let (created_ms, id) = text.split_once('.').ok_or_else(paging::no_cursor)?;
    let is_id = id.starts_with("ses_") && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match created_ms.parse() {
        Ok(created_ms) if is_id => Ok((created_ms, id.to_owned())),
        _ => Err(paging::no_cursor()),
    }
}

/// Whether the operator may know of a session.
pub(super) fn is_seen(operator: &Operator, session: &Session) -> bool {
    operator.root().is_none_or(|own| own == session.token_id)
}
