//! `POST /admin/api/tokens`: makes a token and shows its key, once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokenrouter_shared::token::{TokenCreate, TokenCreated};

use crate::access::Operator;
use crate::access::issue::{self, Draft, IssueError};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::{NoObject, Object};

/// Makes the token below the operator's own, or below the parent that the request names.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Object<TokenCreate>, NoObject>,
) -> Result<(StatusCode, Json<TokenCreated>), Failure> {
    let Object(wanted) = wanted.map_err(|e| {
        Failure::bad_request(e.body_text(), "Send a JSON object such as {\"name\": \"ci\", \"role\": \"inferrer\"}.")
    })?;
    let draft = Draft::draw(admin.random)?;
    let now_ms = admin.clock.now_ms();
    // Published by the writer itself: changes cannot overtake each other, nor be lost with a caller that hangs up.
    let index = Arc::clone(&admin.tokens);
    let made = admin
        .writer
        .call(move |connection| {
            let made = issue::create(connection, &draft, &wanted, &operator, now_ms)?;
            Ok::<_, IssueError>(made.publish(&index))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}
