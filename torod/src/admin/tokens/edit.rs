//! `PATCH /admin/api/tokens/{which}`: changes a token; what is not named stays, `null` clears.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokenrouter_shared::change::TokenChange;

use super::versioned;
use crate::access::Operator;
use crate::access::issue::{self, IssueError};
use crate::access::wall::Moment;
use crate::access::{edit, founding};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::{NoObject, Object};
use crate::admin::version::Expected;

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
    let expected = Expected::read(&headers)?.and(wanted.version.map(|version| version.to_string()))?;
    let is_any = expected == Expected::Any;
    wanted.version = expected.number()?;
    let now_ms = admin.clock.now_ms();
    // Published by the writer itself: changes cannot overtake each other, nor be lost with a caller that hangs up.
    let index = Arc::clone(&admin.tokens);
    let now = Moment::of(&admin.clock);
    let mut changed = admin
        .writer
        .call(move |connection| {
            let mut wanted = wanted.clone();
            if is_any {
                wanted.version = Some(issue::version_of(connection, &which, &operator, now_ms)?);
            }
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
