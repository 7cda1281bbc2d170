//! `GET /admin/api/me`: who asks, and what that token has used today.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::session::Me;
use tokenrouter_shared::usage::UsageSums;

use super::Admin;
use super::answer::Failure;
use super::sessions::view;
use crate::access::Operator;
use crate::access::session::Session;
use crate::store::{StoreError, reports};

const DAY_MS: i64 = 86_400_000;

/// Shows it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    session: Option<Extension<Arc<Session>>>,
) -> Result<Json<Me>, Failure> {
    let now_ms = admin.clock.now_ms();
    let Operator::Token(token) = &operator else {
        return Ok(Json(Me {
            id: None,
            name: operator.actor().to_owned(),
            role: operator.role(),
            expires_ms: None,
            session: None,
            usage_today: UsageSums::default(),
        }));
    };
    let (readers, id) = (Arc::clone(&admin.readers), token.id);
    let since_ms = now_ms - now_ms.rem_euclid(DAY_MS);
    let read = tokio::task::spawn_blocking(move || {
        readers.with(|connection| reports::of_token(connection, id, since_ms, now_ms.saturating_add(1)))
    });
    let usage_today = read.await.unwrap_or(Err(StoreError::Closed))?;
    let status = admin.reload.status();
    let session = session.map(|Extension(session)| view(&session, token, &status.config.admin, Some(&session)));
    Ok(Json(Me {
        id: Some(token.public_id.to_string()),
        name: token.name.to_string(),
        role: token.role,
        expires_ms: token.expires_ms,
        session,
        usage_today,
    }))
}
