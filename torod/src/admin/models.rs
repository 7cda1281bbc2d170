//! `GET /admin/api/models` and `GET /admin/api/models/{id}`: what this gateway can be asked for, and what is known of it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tokenrouter::catalog::listing::{self, Card, Page, Selection, Shape};
use tokenrouter_shared::model::ModelView;

use super::Admin;
use super::answer::Failure;
use super::paging;
use super::query::Words;
use crate::access::Operator;
use crate::upstreams::views;

/// Lists those models that are asked for; with `form=codex` as Codex's catalogue.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let known: Vec<&str> = Selection::KEYS.into_iter().chain(["cursor", "form"]).collect();
    let words = Words::read(query.as_deref(), &known)?;
    let mut wanted = Selection::default();
    for key in Selection::KEYS.into_iter().filter(|key| *key != "limit") {
        let Some(value) = words.text(key) else { continue };
        wanted.set(key, &value).map_err(|unclear| {
            let advice = format!("What can be said there: {}.", unclear.closest.join(", "));
            Failure::bad_request(format!("{}.", unclear.message), advice)
        })?;
    }
    let for_codex = words.choice("form", &[("codex", true)])?.unwrap_or_default();
    let (cursor, limit) = (words.text("cursor"), paging::limit(&words)?);
    let (live, now_ms) = (admin.live.load(), admin.clock.now_ms());
    if for_codex {
        let cards = live.told.cards(&live, now_ms);
        // A file for Codex, which knows no pages.
        wanted.limit = words.text("limit").map(|_| limit);
        let chosen: Vec<Card> = wanted.of(&cards.list).into_iter().cloned().collect();
        let text = listing::list(Shape::Codex { is_whole: false }, Page::whole(&chosen));
        return Ok(([(CONTENT_TYPE, "application/json")], text).into_response());
    }
    let mut view = views::models(&live, &wanted, now_ms);
    (view.models, view.next) = paging::page(view.models, |model| model.id.clone(), cursor.as_deref(), limit)?;
    Ok(Json(view).into_response())
}

/// Shows one.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<Json<ModelView>, Failure> {
    Failure::unless_admin(&operator)?;
    views::model(&admin.live.load(), &id, admin.clock.now_ms()).map(Json).map_err(|closest| {
        let advice = match closest.as_slice() {
            [] => "`torod models` lists all.".to_owned(),
            names => format!("Did you mean {}?", names.join(" or ")),
        };
        Failure::not_found("model_not_found", "There is no such model.", advice)
    })
}
