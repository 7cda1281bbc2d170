//! `GET /admin/api/endpoints`, `POST /admin/api/endpoints/reset`: everything that can be tried, how it stands, and how somebody has
//! it tried again at once.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter::pick::endpoint::{Endpoint, Ready};
use tokenrouter_shared::gateway::{EndpointPage, EndpointReset, EndpointView, EndpointsReset};
use tokenrouter_shared::provider::EndpointStanding;

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use super::noted::Deed;
use super::paging::{self, has};
use super::query::Words;
use crate::access::Operator;
use crate::config::shorten;
use crate::upstreams::condition::notable;
use crate::upstreams::standing::{Moment, named};

/// Lists those that stand in an alias, are declared, or were called.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<EndpointPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["provider", "state", "q", "cursor", "limit"])?;
    let (limit, text) = (paging::limit(&words)?, paging::text(&words)?);
    let wants_shut = words.choice("state", &[("shut", true), ("open", false)])?;
    let only = words.text("provider");
    let (live, moment) = (admin.live.load(), Moment::now(&admin.clock));
    let mut all = Vec::new();
    for (provider, endpoints) in live.providers.iter().zip(notable(&live)) {
        if only.as_ref().is_some_and(|only| !provider.name.eq_ignore_ascii_case(only)) {
            continue;
        }
        for endpoint in endpoints {
            let EndpointStanding { model, credential, standing } = named(provider, &endpoint, moment);
            if !has(text.as_deref(), [&*provider.name, &model, &standing.state])
                || wants_shut.is_some_and(|shut| shut != standing.open_until_ms.is_some())
            {
                continue;
            }
            all.push(EndpointView { provider: provider.name.to_string(), model, credential, standing });
        }
    }
    let total = all.len() as u64;
    let name = |one: &EndpointView| {
        format!("{}\n{}\n{}", one.provider, one.model, one.credential.as_deref().unwrap_or_default())
    };
    let (endpoints, next) = paging::page(all, name, words.text("cursor").as_deref(), limit)?;
    Ok(Json(EndpointPage { endpoints, total, next }))
}

/// Forgets what made the gateway leave some alone: somebody has seen to it, and does not want to wait.
pub async fn reset(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Small<EndpointReset>,
) -> Result<Json<EndpointsReset>, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"provider\": \"…\"}, with `model` and `credential` where only these are meant.")?;
    let live = admin.live.load();
    let place = live.providers.iter().position(|provider| provider.name.eq_ignore_ascii_case(&wanted.provider));
    let Some((at, provider)) = place.and_then(|at| Some((at, live.providers.get(at)?))) else {
        let advice = "GET /admin/api/providers lists those there are.";
        return Err(Failure::not_found("provider_not_found", "There is no such provider.", advice));
    };
    let uptime_ms = admin.clock.uptime_ms();
    let mut done = EndpointsReset::default();
    let is_meant = |endpoint: &&Arc<Endpoint>| {
        let label = provider.credentials().get(endpoint.credential).map(|key| &*key.label);
        let model = if endpoint.model.is_empty() { "*" } else { &endpoint.model };
        endpoint.provider == at
            && wanted.model.as_ref().is_none_or(|wanted| wanted == model)
            && wanted.credential.as_ref().is_none_or(|wanted| label == Some(wanted.as_str()))
    };
    let meant: Vec<_> = live.table.endpoints().into_iter().filter(is_meant).collect();
    // Counted first: many share the breaker of their provider or of its key.
    done.reset = meant.iter().filter(|endpoint| matches!(endpoint.ready(uptime_ms), Ready::No(..))).count() as u64;
    for endpoint in meant {
        endpoint.forgive();
    }
    let what = [wanted.model.as_deref(), wanted.credential.as_deref()];
    let detail = format!("{} of {}", done.reset, what.map(|what| shorten(what.unwrap_or("*"))).join(" with key "));
    admin.note(Deed::new(operator, "endpoint.reset", &provider.name, detail)).await?;
    Ok(Json(done))
}
