//! `POST /admin/api/login`: the key of a token for a session in a cookie.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use tokenrouter_shared::session::Login;
use zeroize::Zeroizing;

use super::view;
use crate::access::caller;
use crate::access::issue::IssueError;
use crate::access::session::{Cookie, Drawn, Session, cookie};
use crate::access::throttle::Whence;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::server::connection::Peer;
use crate::store::audit::{self, Entry};
use crate::store::sessions;

/// Begins a session; the one that the browser had ends.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    wanted: Small<Login>,
) -> Result<Response, Failure> {
    let wanted = wanted.read("Send a JSON object such as {\"key\": \"tr_…\"}.")?;
    let key = Zeroizing::new(wanted.key);
    let now_ms = admin.clock.now_ms();
    let whence = Whence::from(peer.address());
    admin.logins.enter(whence, now_ms).map_err(Failure::too_many)?;
    let (token, shown) = caller::check(key.trim(), &admin.tokens, now_ms).map_err(|problem| {
        tracing::warn!(from = ?peer.address(), code = problem.code, "a login failed");
        Failure::from(problem)
    })?;
    admin.logins.forgive(whence);
    admin.tokens.touch(&token, peer.address(), now_ms);
    let status = admin.reload.status();
    let rules = status.config.admin.clone();
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let drawn = Drawn::new(admin.random, &token, shown, &rules, now_ms)?
        .seen_from(peer.address().map(|address| address.to_string()), agent);
    let given = drawn.cookie(peer.is_https(), &rules);
    let before = match cookie(&headers, peer.is_https()) {
        Cookie::One(value) => admin.sessions.find(value, &admin.tokens, &rules, now_ms),
        _ => None,
    };
    let before = before.map(|(session, _)| session);
    let (all, row, actor) = (Arc::clone(&admin.sessions), drawn.row.clone(), token.public_id.to_string());
    let for_writer = rules.clone();
    admin
        .writer
        .call(move |connection| {
            let transaction = connection.transaction()?;
            let mut gone = all.add(&transaction, &row, &for_writer)?;
            if let Some(before) = &before {
                sessions::remove(&transaction, &before.public_id)?;
                gone.push(before.digest.0);
            }
            let detail = row.address.as_deref().unwrap_or_default();
            let entry =
                Entry { at_ms: now_ms, actor: &actor, action: "session.begin", subject: &row.public_id, detail };
            audit::add(&transaction, &entry)?;
            transaction.commit()?;
            all.publish(Some(&row), &gone);
            Ok::<_, IssueError>(())
        })
        .await?;
    let session = Session::from(drawn.row.clone());
    let mut response = (StatusCode::CREATED, Json(view(&session, &token, &rules, Some(&session)))).into_response();
    if let Some(given) = given {
        response.headers_mut().insert(SET_COOKIE, given);
    }
    Ok(response)
}
