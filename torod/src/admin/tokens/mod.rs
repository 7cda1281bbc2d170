//! Tokens: create, list, show, edit, rotate, revoke.

pub mod create;
pub mod edit;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod show;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use tokenrouter_shared::token::{TokenDetail, TokenView};

use super::Admin;
use crate::access::remaining;
use crate::access::wall::Moment;

/// Puts how the budgets of `token` stand into it.
fn count(admin: &Admin, token: &mut TokenView) {
    if let Some(entry) = admin.tokens.by_id(token.number) {
        token.budgets = remaining::budgets(&entry, Moment::of(&admin.clock));
    }
}

/// A token with its version in the header `ETag`, for the next `If-Match`.
fn versioned(detail: TokenDetail) -> Response {
    let tag = HeaderValue::try_from(format!("\"{}\"", detail.token.version));
    let mut answer = Json(detail).into_response();
    if let Ok(tag) = tag {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}
