//! `GET /admin/api/usage/cache`: what prompt caches did.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::report::CacheReport;

use super::{Question, unless_alone};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::reports::asked::Scope;
use crate::reports::cache;

/// Sums it up.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<CacheReport>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let question = Question::read(query.as_deref(), &["by", "limit"], "7d", admin.rows_now_ms())?;
    let by = question.by("model")?;
    let limit = question.limit(100)?;
    let asked = question.asked;
    let report = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        cache::report(connection, &asked, &scope, &by, limit)
    });
    Ok(Json(report.await?))
}
