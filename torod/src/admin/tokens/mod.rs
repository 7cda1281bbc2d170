//! Tokens: create, list, show, edit, rotate, revoke.

pub mod create;
pub mod edit;
pub mod list;
pub mod revoke;
pub mod rotate;
pub mod show;

use axum::Json;
use axum::response::Response;
use tokenrouter_shared::token::{TokenDetail, TokenView};

use super::Admin;
use super::version::tagged;
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
    tagged(Some(&detail.token.version.to_string()), Json(detail))
}
