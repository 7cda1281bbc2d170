//! `GET /admin/api/usage/forecast`: what this month comes to.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::report::Forecast;

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::forecast;

/// Reckons.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<Forecast>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &[], "month", admin.rows_now_ms())?;
    let asked = question.asked;
    let report = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        forecast::report(connection, &asked, &scope, now_ms)
    });
    Ok(Json(report.await?))
}
