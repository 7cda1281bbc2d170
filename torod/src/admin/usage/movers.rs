//! `GET /admin/api/usage/movers`: what rose and fell against the span before.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::report::{Measure, Movers};

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::movers;

/// Compares.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<Movers>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &["by", "measure", "limit"], "7d", admin.rows_now_ms())?;
    let by = question.by("model")?;
    let measures = Measure::ALL.map(|measure| (measure.as_str(), measure));
    let measure = question.words().choice("measure", &measures)?.unwrap_or_default();
    let limit = question.limit(20)?;
    let asked = question.asked;
    let report = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        movers::report(connection, &asked, &scope, &by, measure, limit)
    });
    Ok(Json(report.await?))
}
