//! `GET /admin/api/tokens/{which}`: one token, by id or name, with its place in the tree.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;

use super::versioned;
use crate::access::{Operator, views};
use crate::admin::Admin;
use crate::admin::answer::Failure;

/// Shows it; the header `ETag` tells its version.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(which): Path<String>,
) -> Result<Response, Failure> {
    let now_ms = admin.clock.now_ms();
    let mut shown = admin.read(move |connection| views::show(connection, &which, &operator, now_ms)).await?;
    super::count(&admin, &mut shown.token);
    Ok(versioned(shown))
}
