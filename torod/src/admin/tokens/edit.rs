//! `PATCH /admin/api/tokens/{which}`: changes a token; what is not named stays, `null` clears.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::response::Response;
use tokenrouter_shared::change::TokenChange;

use super::versioned;
use crate::access::Operator;
use crate::access::issue::IssueError;
use crate::access::wall::Moment;
use crate::access::{edit, founding};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::{NoObject, Object};

/// Changes it, if it is still at the version that the body or `If-Match` names. The answer is sent when requests see it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(which): Path<String>,
    headers: HeaderMap,
    wanted: Result<Object<TokenChange>, NoObject>,
) -> Result<Response, Failure> {
    let Object(mut wanted) = wanted.map_err(|e| {
        Failure::bad_request(e.body_text(), "Send a JSON object such as {\"version\": 3, \"name\": \"ci\"}.")
    })?;
    let matched = version_of(&headers)?;
    if matched.is_some() && wanted.version.is_some() && matched != wanted.version {
        return Err(IssueError::Unclear("body and `If-Match` name different versions").into());
    }
    wanted.version = wanted.version.or(matched);
    let now_ms = admin.clock.now_ms();
    // Published by the writer itself: changes cannot overtake each other, nor be lost with a caller that hangs up.
    let index = Arc::clone(&admin.tokens);
    let now = Moment::of(&admin.clock);
    let mut changed = admin
        .writer
        .call(move |connection| {
            let changed = edit::edit(connection, &which, &wanted, &operator, now_ms)?;
            // Those below it have budgets of their own, which stay as they are.
            let token = changed.changed.first().map(|row| row.id);
            let answer = changed.publish(&index);
            founding::found_again(connection, &index, token, now);
            Ok::<_, IssueError>(answer)
        })
        .await?;
    super::count(&admin, &mut changed.token);
    Ok(versioned(changed))
}

/// The version in `If-Match`: `"3"`.
fn version_of(headers: &HeaderMap) -> Result<Option<i64>, IssueError> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match number.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) => Err(IssueError::Unclear("`If-Match` names no version: it looks like \"3\"")),
    }
}
