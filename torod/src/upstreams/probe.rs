//! Asks providers that could not be reached whether they are back, so that nobody waits out a breaker for nothing.
//!
//! The question is for the model list, which costs nothing; a completion is never asked for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use tokenrouter::call::Pieces;
use tokenrouter::pick::breaker::Gate;
use tokenrouter::pick::endpoint::Scope;

use super::provider::{Provider, Route};
use super::snapshot::Live;
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;

/// How long a sign of life may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often it is looked whether probes have been switched on.
const OFF: Duration = Duration::from_secs(5);

/// Asks again and again until the daemon stops.
pub async fn run(live: Arc<Live>, clock: Clock, lifecycle: Lifecycle) {
    loop {
        let interval = live.load().rules.probe;
        tokio::select! {
            () = tokio::time::sleep(interval.unwrap_or(OFF)) => {}
            () = lifecycle.soft_stop() => return,
        }
        if interval.is_some() {
            tokio::select! {
                () = round(&live, &clock) => {}
                () = lifecycle.soft_stop() => return,
            }
        }
    }
}

async fn round(live: &Live, clock: &Clock) {
    let live = live.load();
    let now_ms = clock.uptime_ms();
    let enabled = live.providers.iter().enumerate().filter(|(_, provider)| provider.enabled);
    let endpoints = enabled.filter_map(|(at, provider)| Some((provider, live.table.any_of(at)?)));
    let shut = endpoints.filter(|(_, endpoint)| endpoint.line.breaker.gate(now_ms) != Gate::Open);
    let asked = shut.map(|(provider, endpoint)| async move {
        if is_back(provider).await {
            endpoint.recovered(Scope::Connection);
            provider.health.answered(clock.now_ms());
            tracing::info!(provider = &*provider.name, "reachable again");
        }
    });
    // All at once: those that are gone for good must not keep the others waiting.
    join_all(asked).await;
}

/// Whether it answers at all, whatever it says.
async fn is_back(provider: &Provider) -> bool {
    let Some(route) = provider.list_route() else { return false };
    let Some(request) = question(&route) else { return false };
    matches!(tokio::time::timeout(DEADLINE, provider.client.send(request)).await, Ok(Ok(_)))
}

/// The question for a provider's model list.
pub(super) fn question(route: &Route<'_>) -> Option<Request<Pieces>> {
    let mut request = Request::get(route.uri).body(Pieces::default()).ok()?;
    introduce(route, request.headers_mut());
    Some(request)
}

pub(super) fn introduce(route: &Route<'_>, headers: &mut HeaderMap) {
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tokenrouter/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    route.sign(headers);
    if route.protocol == tokenrouter::Protocol::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
}
