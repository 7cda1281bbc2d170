//! `GET /admin/api/usage/requests` and `…/{id}`: the requests behind the figures.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::Role;
use tokenrouter_shared::attempt::{UsageRequest, UsageRequests};

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::requests;

/// Lists them, the newest first.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<UsageRequests>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &["cursor", "limit"], "7d", admin.rows_now_ms())?;
    let (cursor, limit) = (question.words().text("cursor"), question.limit(50)?);
    let asked = question.asked;
    let page = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        requests::page(connection, &asked, &scope, cursor.as_deref(), limit)
    });
    Ok(Json(page.await?))
}

/// Shows one, by our id or the client's own.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<Json<UsageRequest>, Failure> {
    unless_alone(&operator)?;
    let is_admin = operator.role() == Role::Admin;
    let shown = admin.report(move |connection| requests::show(connection, &id, operator.root(), is_admin));
    Ok(Json(shown.await?))
}
