//! Is it alive, can it serve, and how does it stand: `/healthz`, `/health`, `/v1/status`.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use tokenrouter::error::Problem;
use tokenrouter::protocol::Protocol;

use crate::access::caller::{self, Caller};
use crate::app::App;
use crate::gateway::entry;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::health::State;
use crate::upstreams::snapshot::Snapshot;

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
    config: ConfigView<'a>,
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
    let reason = why_degraded(&live);
    let is_known = identify(app, &live, peer, headers).is_ok();
    let health = Health {
        status: if reason.is_empty() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        reason,
        providers: if is_known { providers(&live) } else { Vec::new() },
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
    let now_ms = app.clock.now_ms();
    let usage = app.usage.status();
    let config = app.reload.status();
    let status = Status {
        status: if app.lifecycle.is_draining() {
            "stopping"
        } else if why_degraded(&live).is_empty() {
            "ok"
        } else {
            "degraded"
        },
        version: env!("CARGO_PKG_VERSION"),
        started_ms: app.started_ms,
        uptime_s: now_ms.saturating_sub(app.started_ms) / 1000,
        in_flight: app.lifecycle.in_flight(),
        caller: view(&caller),
        providers: providers(&live),
        usage: UsageView {
            written: usage.written,
            waiting: usage.queued,
            behind_ms: usage.behind_ms,
            lost: usage.dropped,
            gaps: usage.gaps,
            error: usage.last_error,
        },
        config: ConfigView { loaded_ms: config.loaded_ms, error: config.error.as_deref() },
    };
    entry::json(serialize(&status), id)
}

fn identify(app: &App, live: &Snapshot, peer: Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    caller::identify(headers, peer, &app.tokens, app.clock.now_ms(), live.allow_loopback)
}

fn view(caller: &Caller) -> CallerView<'_> {
    match caller {
        Caller::Token(entry) => {
            CallerView { name: &entry.name, role: entry.role.as_str(), expires_ms: entry.expires_ms }
        }
        Caller::Loopback => CallerView { name: "loopback", role: "none", expires_ms: None },
    }
}

/// Judged by the last answers alone and not by their age: a gateway that nobody used for an hour is not ill.
fn why_degraded(live: &Snapshot) -> &'static str {
    let mut enabled = live.providers.iter().filter(|p| p.enabled).peekable();
    if enabled.peek().is_none() {
        "no provider is enabled; add one to torod.toml"
    } else if enabled.all(|p| matches!(p.health.state(), State::Failing(_))) {
        "every provider fails; /v1/status shows each"
    } else {
        ""
    }
}

fn providers(live: &Snapshot) -> Vec<ProviderView<'_>> {
    live.providers
        .iter()
        .map(|p| {
            let state = p.health.state();
            let (last_ok_ms, last_failure_ms) = p.health.times_ms();
            ProviderView {
                name: &p.name,
                enabled: p.enabled,
                state: state.as_str(),
                failures_in_a_row: if let State::Failing(n) = state { n } else { 0 },
                last_ok_ms,
                last_failure_ms,
                calls: p.calls.load(Ordering::Relaxed),
                models: p.listed.load().as_ref().map(|l| l.len()),
                protocols: p.protocols().map(Protocol::as_str).collect(),
            }
        })
        .collect()
}

fn serialize(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from)
}
