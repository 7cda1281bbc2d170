//! `GET /admin/api/tokens`: the tokens that the operator may see; with `?all=true` also those that ended.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use tokenrouter_shared::token::TokenView;

use crate::access::Operator;
use crate::access::issue::{self, IssueError};
use crate::admin::Admin;
use crate::admin::answer::Failure;

/// What to list.
#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(default)]
    all: bool,
}

/// Lists them, oldest first.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<TokenView>>, Failure> {
    let now_ms = admin.clock.now_ms();
    let list = admin
        .writer
        .call(move |connection| issue::list(connection, &operator, filter.all, now_ms))
        .await
        .map_err(|e: IssueError| e)?;
    Ok(Json(list))
}
