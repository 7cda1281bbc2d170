//! `GET /admin/api/me`: who asks, what that token may still use, and what it has used today.

pub mod lease;
pub mod runs;
pub mod usage;

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::figures::Dimension;
use tokenrouter_shared::session::Me;
use tokenrouter_shared::usage::UsageSums;
use tokenrouter_shared::{Labels, Limits};

use super::Admin;
use super::answer::Failure;
use super::sessions::view;
use crate::access::session::Session;
use crate::access::wall::Moment;
use crate::access::{Operator, remaining};
use crate::store::StoreError;
use crate::store::figures::{Question, figures};

const DAY_MS: i64 = 86_400_000;

/// Shows it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    session: Option<Extension<Arc<Session>>>,
) -> Result<Json<Me>, Failure> {
    let now = Moment::of(&admin.clock);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let Operator::Token(token) = &operator else {
        return Ok(Json(Me {
            id: None,
            name: operator.actor().to_owned(),
            role: operator.role(),
            expires_ms: None,
            session: None,
            limits: Limits::default(),
            budgets: Vec::new(),
            left: Vec::new(),
            labels: Labels::new(),
            run: false,
            lease: None,
            ends_ms: None,
            version,
            usage_today: UsageSums::default(),
        }));
    };
    let (readers, id, now_ms) = (Arc::clone(&admin.readers), token.id, now.now_ms);
    let since_ms = now_ms - now_ms.rem_euclid(DAY_MS);
    let question = Question::new(since_ms, now_ms.saturating_add(1)).only(Dimension::Token, &token.public_id);
    let read = tokio::task::spawn_blocking(move || {
        readers.with(|connection| {
            let usage = UsageSums::from(&figures(connection, &question)?.total);
            // Requests need no labels: the index has none.
            Ok((usage, crate::store::tokens::labels_and_run(connection, id)?))
        })
    });
    let (usage_today, (labels, run)) = read.await.unwrap_or(Err(StoreError::Closed))?;
    let status = admin.reload.status();
    let session = session.map(|Extension(session)| view(&session, token, &status.config.admin, Some(&session)));
    let lease = token.lease.as_ref().map(|lease| lease.soonest());
    Ok(Json(Me {
        id: Some(token.public_id.to_string()),
        name: token.name.to_string(),
        role: token.role,
        expires_ms: token.expires_ms,
        session,
        limits: Limits::clone(&token.limits),
        budgets: remaining::budgets(token, now),
        left: remaining::left(token, now),
        labels,
        run,
        lease,
        ends_ms: token.expires_ms.into_iter().chain(lease.map(|lease| lease.ends_ms)).min(),
        version,
        usage_today,
    }))
}
