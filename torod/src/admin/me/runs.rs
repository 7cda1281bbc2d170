//! `GET /admin/api/me/runs` and `…/{id}`: the runs below the calling token, also those whose token is gone.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::run::{RunDetail, RunPage};

use crate::access::runs::{self, Asked};
use crate::access::wall::Moment;
use crate::access::{Operator, remaining};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::query::Words;

/// Lists them, the newest first.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<RunPage>, Failure> {
    let words = Words::read(query.as_deref(), &["token", "q", "since_ms", "cursor", "limit"])?;
    let asked = Asked {
        token: words.text("token"),
        text: words.text("q"),
        since_ms: words.parsed("since_ms", "1780000000000")?.unwrap_or(0),
        cursor: words.text("cursor"),
        limit: words.parsed("limit", "50")?.unwrap_or(50),
    };
    let now_ms = admin.clock.now_ms();
    Ok(Json(admin.read(move |connection| runs::page(connection, &asked, &operator, now_ms)).await?))
}

/// Shows one.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Failure> {
    let now = Moment::of(&admin.clock);
    let index = Arc::clone(&admin.tokens);
    let shown = admin.read(move |connection| {
        let live = |id| index.by_id(id).map(|token| remaining::budgets(&token, now));
        runs::show(connection, &id, &operator, live, now.now_ms)
    });
    Ok(Json(shown.await?))
}
