//! `DELETE /admin/api/tokens/{which}`: ends a token, by id or name, and everything below it, at once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use tokenrouter_shared::token::TokenRevoked;

use crate::access::Operator;
use crate::access::issue::{self, IssueError};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::version::Expected;

/// Revokes it. The answer is sent after no request can use it any more.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(which): Path<String>,
    headers: HeaderMap,
) -> Result<Json<TokenRevoked>, Failure> {
    let expected = Expected::read(&headers)?.number()?;
    let now_ms = admin.clock.now_ms();
    // Published by the writer itself: changes cannot overtake each other, nor be lost with a caller that hangs up.
    let index = Arc::clone(&admin.tokens);
    let revoked = admin
        .writer
        .call(move |connection| {
            issue::at_version(connection, &which, expected, &operator, now_ms)?;
            let revoked = issue::revoke(connection, &which, &operator, now_ms)?;
            Ok::<_, IssueError>(revoked.publish(&index))
        })
        .await?;
    Ok(Json(revoked))
}
