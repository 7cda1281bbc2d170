//! Is it alive, can it serve, and how does it stand: `/healthz`, `/health`, `/v1/status`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use tokenrouter::error::Problem;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::conversation::CaptureStatus;
use tokenrouter_shared::provider::KeyStanding;
use tokenrouter_shared::quota::QuotaView;
use tokenrouter_shared::role::Role;
use tokenrouter_shared::route::Standing;

use crate::access::caller::{self, Caller};
use crate::app::App;
use crate::gateway::entry;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::condition::{notable, why_degraded};
use crate::upstreams::credential::Credential;
use crate::upstreams::health::State;
use crate::upstreams::provider::Provider;
use crate::upstreams::quota::view_all;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::standing::{Moment, standing};

/// So many endpoints of one provider are shown.
const MOST_ENDPOINTS: usize = 200;
/// So many keys of providers are shown with what they have left.
const MOST_QUOTAS: usize = 200;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    providers: Vec<ProviderView<'a>>,
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    version: &'static str,
    started_ms: i64,
    uptime_s: i64,
    in_flight: usize,
    caller: CallerView<'a>,
    providers: Vec<ProviderView<'a>>,
    usage: UsageView,
    conversations: CaptureStatus,
    config: ConfigView<'a>,
    /// For admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<AlertsView>,
    /// For admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    quotas: Option<Vec<QuotaView>>,
}

/// What somebody should know; `/admin/api/alerts` tells each.
#[derive(Serialize)]
struct AlertsView {
    firing: u64,
    unacknowledged: u64,
}

/// How the configuration stands; with an error the file as it is now is not in force.
#[derive(Serialize)]
struct ConfigView<'a> {
    loaded_ms: i64,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct CallerView<'a> {
    name: &'a str,
    role: &'a str,
    expires_ms: Option<i64>,
}

#[derive(Serialize)]
struct ProviderView<'a> {
    name: &'a str,
    enabled: bool,
    state: &'static str,
    failures_in_a_row: u32,
    last_ok_ms: i64,
    last_failure_ms: i64,
    calls: u64,
    models: Option<usize>,
    protocols: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyStanding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<EndpointView>>,
    #[serde(skip_serializing_if = "is_zero")]
    endpoints_left_out: usize,
}

/// One model of a provider with one of its credentials.
#[derive(Serialize)]
struct EndpointView {
    /// `*` stands for all that nobody listed.
    model: String,
    credential: Option<String>,
    #[serde(flatten)]
    standing: Standing,
}

/// How the usage writer stands. Records are lost only when more than `usage.queue` of them wait.
#[derive(Serialize)]
struct UsageView {
    written: u64,
    waiting: usize,
    behind_ms: u64,
    lost: u64,
    gaps: u64,
    error: Option<String>,
}

/// The process runs and answers.
pub fn alive(app: &App, id: &RequestId) -> Response<Reply> {
    if app.lifecycle.is_draining() {
        return problem::stopping(Protocol::OpenAi, id);
    }
    entry::json(Bytes::from_static(br#"{"status":"ok"}"#), id)
}

/// Whether requests can be served: 503 when no provider is left that could. Names are shown to callers only.
pub fn health(app: &App, peer: Peer, headers: &HeaderMap, id: &RequestId) -> Response<Reply> {
    if app.lifecycle.is_draining() {
        return problem::stopping(Protocol::OpenAi, id);
    }
    let live = app.live.load();
    let reason = why_degraded(&live, app.clock.uptime_ms()).unwrap_or_default();
    let is_known = identify(app, &live, peer, headers).is_ok();
    let health = Health {
        status: if reason.is_empty() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        reason,
        providers: if is_known { live.providers.iter().map(|p| view_provider(p)).collect() } else { Vec::new() },
    };
    let mut response = entry::json(serialize(&health), id);
    if !reason.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// How everything stands, for callers.
pub fn status(app: &App, peer: Peer, headers: &HeaderMap, id: &RequestId) -> Response<Reply> {
    let live = app.live.load();
    let caller = match identify(app, &live, peer, headers) {
        Ok(caller) => caller,
        Err(refused) => return problem::respond(&refused, Protocol::OpenAi, id),
    };
    let moment = Moment::now(&app.clock);
    let usage = app.usage.status();
    let config = app.reload.status();
    // What whoever asks may not use it is not told of either.
    let seen = live.providers.iter().zip(notable(&live)).map(|(provider, mut all)| {
        all.retain(|endpoint| caller.may_use(&provider.name, &endpoint.model));
        all
    });
    let is_admin = matches!(&caller, Caller::Token(token) if token.role == Role::Admin) || matches!(peer, Peer::Local);
    let quotas = is_admin.then(|| {
        let mut quotas = view_all(&live, None, moment.now_ms);
        // Those of which something is known.
        quotas.retain(|quota| quota.error.is_some() || !quota.metrics.is_empty());
        quotas.truncate(MOST_QUOTAS);
        quotas
    });
    let (firing, unacknowledged) = app.alerts.counts();
    let status = Status {
        status: if app.lifecycle.is_draining() {
            "stopping"
        } else if why_degraded(&live, moment.uptime_ms).is_none() {
            "ok"
        } else {
            "degraded"
        },
        version: env!("CARGO_PKG_VERSION"),
        started_ms: app.started_ms,
        uptime_s: moment.now_ms.saturating_sub(app.started_ms) / 1000,
        in_flight: app.lifecycle.in_flight(),
        caller: view(&caller),
        providers: live.providers.iter().zip(seen).map(|(p, all)| with_endpoints(p, &all, moment)).collect(),
        usage: UsageView {
            written: usage.written,
            waiting: usage.queued,
            behind_ms: usage.behind_ms,
            lost: usage.dropped,
            gaps: usage.gaps,
            error: usage.last_error,
        },
        conversations: app.conversations.status(),
        config: ConfigView { loaded_ms: config.loaded_ms, error: config.error.as_deref() },
        alerts: is_admin.then_some(AlertsView { firing, unacknowledged }),
        quotas,
    };
    entry::json(serialize(&status), id)
}

fn identify(app: &App, live: &Snapshot, peer: Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    // By the control socket the data folder's owner asks, who may do everything anyway.
    let is_known = live.allow_loopback || matches!(peer, Peer::Local);
    caller::identify(headers, peer, &app.tokens, app.clock.now_ms(), is_known)
}

fn view(caller: &Caller) -> CallerView<'_> {
    match caller {
        Caller::Token(entry) => {
            CallerView { name: &entry.name, role: entry.role.as_str(), expires_ms: entry.expires_ms }
        }
        Caller::Loopback => CallerView { name: "loopback", role: "none", expires_ms: None },
    }
}

fn view_provider(provider: &Provider) -> ProviderView<'_> {
    let state = provider.health.state();
    let (last_ok_ms, last_failure_ms) = provider.health.times_ms();
    ProviderView {
        name: &provider.name,
        enabled: provider.enabled,
        state: state.as_str(),
        failures_in_a_row: if let State::Failing(n) = state { n } else { 0 },
        last_ok_ms,
        last_failure_ms,
        calls: provider.calls.load(Ordering::Relaxed),
        models: provider.listed.load().as_ref().map(|l| l.len()),
        protocols: provider.protocols().map(Protocol::as_str).collect(),
        keys: provider.credentials().iter().filter_map(Credential::standing).collect(),
        endpoints: None,
        endpoints_left_out: 0,
    }
}

fn with_endpoints<'p>(provider: &'p Provider, all: &[Arc<Endpoint>], moment: Moment) -> ProviderView<'p> {
    let one = |endpoint: &Arc<Endpoint>| EndpointView {
        model: if endpoint.model.is_empty() { "*" } else { &endpoint.model }.to_owned(),
        credential: provider.credentials().get(endpoint.credential).map(|key| key.label.to_string()),
        standing: standing(endpoint, moment),
    };
    ProviderView {
        endpoints: Some(all.iter().take(MOST_ENDPOINTS).map(one).collect()),
        endpoints_left_out: all.len().saturating_sub(MOST_ENDPOINTS),
        ..view_provider(provider)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn serialize(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from)
}
