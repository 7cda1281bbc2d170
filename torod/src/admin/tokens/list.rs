//! `GET /admin/api/tokens`: the tokens that the operator may see, page by page; with `all=true` also those that ended.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::Role;
use tokenrouter_shared::token::{TokenPage, TokenState};

use crate::access::Operator;
use crate::access::views::{self, Asked};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::store::token_list::Sort;

/// Lists them, oldest first unless another order is asked for.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<TokenPage>, Failure> {
    let known = ["all", "state", "role", "parent", "q", "sort", "order", "cursor", "limit"];
    let words = Words::read(query.as_deref(), &known)?;
    let states = [TokenState::Live, TokenState::Expired, TokenState::Revoked].map(|state| (state.as_str(), state));
    let default = Asked::default();
    let asked = Asked {
        all: words.choice("all", &[("true", true), ("false", false)])?.unwrap_or(default.all),
        state: words.choice("state", &states)?,
        role: words.choice("role", &Role::ALL.map(|role| (role.as_str(), role)))?,
        parent: words.text("parent"),
        text: words.text("q"),
        sort: words.choice("sort", &Sort::ALL)?.unwrap_or(default.sort),
        is_descending: words.choice("order", &[("asc", false), ("desc", true)])?.unwrap_or(default.is_descending),
        cursor: words.text("cursor"),
        limit: words.parsed("limit", "100")?.unwrap_or(default.limit),
    };
    let now_ms = admin.clock.now_ms();
    let mut page = admin.read(move |connection| views::page(connection, &operator, &asked, now_ms)).await?;
    page.tokens.iter_mut().for_each(|token| super::count(&admin, token));
    Ok(Json(page))
}
