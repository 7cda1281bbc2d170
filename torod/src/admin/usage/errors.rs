//! `GET /admin/api/usage/errors`: what failed.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::report::ErrorReport;

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::errors;

/// Lists it, the most frequent first.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<ErrorReport>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &["limit"], "7d", admin.rows_now_ms())?;
    let limit = question.limit(100)?;
    let asked = question.asked;
    let report = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        errors::report(connection, &asked, &scope, limit)
    });
    Ok(Json(report.await?))
}
