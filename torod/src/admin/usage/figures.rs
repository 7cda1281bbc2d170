//! `GET /admin/api/usage`: figures by any two things and over time.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::figures::Sort;
use tokenrouter_shared::report::Report;

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::{Grouping, Scope, SpreadOf};
use crate::reports::figures;

/// Sums it up.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<Report>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(
        query.as_deref(),
        &["by", "step", "sort", "spread", "before", "limit"],
        "7d",
        admin.rows_now_ms(),
    )?;
    let spread = question.words().choice("spread", &SpreadOf::ALL)?.unwrap_or_default();
    let grouping = Grouping { spread, ..question.grouping("model")? };
    let is_before = question.words().choice("before", &[("true", true), ("false", false)])?.unwrap_or(false);
    let sort = question.words().choice("sort", &Sort::ALL.map(|sort| (sort.as_str(), sort)))?.unwrap_or_default();
    let limit = question.limit(100)?;
    let mut asked = question.asked;
    if is_before {
        asked.span = asked.span.before();
    }
    let report = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        figures::report(connection, &asked, &scope, &grouping, sort, limit)
    });
    Ok(Json(report.await?))
}
