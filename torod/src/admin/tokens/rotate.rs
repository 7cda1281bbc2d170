//! `POST /admin/api/tokens/{which}/rotate`: another key for the same token, shown once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tokenrouter_shared::token::TokenRotate;

use crate::access::Operator;
use crate::access::edit;
use crate::access::issue::{self, Draft, IssueError};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Object;
use crate::admin::version::Expected;

/// Rotates it. The answer is sent after the old key opens nothing more, unless `grace_ms` lets it for a while.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(which): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let wanted = match body.trim_ascii() {
        [] => TokenRotate::default(),
        body => {
            let read = Object::read(body).map_err(|e| {
                Failure::bad_request(e.body_text(), "Send nothing, or a JSON object such as {\"grace_ms\": 60000}.")
            })?;
            read.0
        }
    };
    let expected = Expected::read(&headers)?.number()?;
    let draft = Draft::draw(admin.random)?;
    let now_ms = admin.clock.now_ms();
    let index = Arc::clone(&admin.tokens);
    let made = admin
        .writer
        .call(move |connection| {
            issue::at_version(connection, &which, expected, &operator, now_ms)?;
            let made = edit::rotate(connection, &which, &draft, &wanted, &operator, now_ms)?;
            Ok::<_, IssueError>(made.publish(&index))
        })
        .await?;
    let mut answer = Json(made).into_response();
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
