//! `GET /admin/api/usage/dimensions/{dimension}`: the values that filters can take.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::attempt::DimensionPage;

use super::{Question, refused, unless_alone};
use crate::access::Operator;
use crate::admin::answer::Failure;
use crate::admin::{Admin, paging};
use crate::reports::asked::{Scope, dimension};
use crate::reports::dimensions;

/// Lists them, the most used first.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<DimensionPage>, Failure> {
    unless_alone(&operator)?;
    let now_ms = admin.clock.now_ms();
    let dimension = dimension(&name).map_err(refused)?;
    let question = Question::read(query.as_deref(), &["q", "cursor", "limit"], "month", admin.rows_now_ms())?;
    let (text, cursor) = (paging::text(question.words())?, question.words().text("cursor"));
    let limit = question.limit(100)?;
    let asked = question.asked;
    let page = admin.report(move |connection| {
        let scope = Scope::new(connection, &asked.choices, operator.root(), &operator, now_ms)?;
        dimensions::page(connection, &asked, &scope, &dimension, text.as_deref(), cursor.as_deref(), limit)
    });
    Ok(Json(page.await?))
}
