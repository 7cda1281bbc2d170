//! Numbers that are read when somebody asks for them: what is under way, how providers stand, what waits, the process.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use tokenrouter::pick::breaker::Gate;
use tokenrouter::pick::endpoint::{Ready, Why};

use crate::app::App;
use crate::telemetry::metrics::families as f;
use crate::telemetry::metrics::text::{Micros, Millis, Text};
use crate::telemetry::otel::send::Signal;
use crate::upstreams::health::State;
use crate::upstreams::snapshot::Snapshot;

/// What a breaker may belong to.
const SCOPES: [&str; 3] = ["connection", "credential", "endpoint"];
/// Why an endpoint may be left alone.
const REASONS: [Why; 5] = [Why::Connection, Why::Credential, Why::Failing, Why::Limited, Why::Probed];

/// Writes all of them.
pub(super) fn write(app: &App, text: &mut Text) {
    let live = app.live.load();
    text.begin(&f::BUILD_INFO);
    text.sample(&f::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1);
    text.alone(&f::IN_FLIGHT, app.lifecycle.in_flight());
    text.alone(&f::STREAMS, app.streams.count());
    text.alone(&f::WAITING, app.queue.count());
    write_providers(&live, text);
    write_breakers(&live, app.clock.uptime_ms(), text);
    let status = app.reload.status();
    text.begin(&f::RELOADS);
    text.sample(&f::RELOADS, &["success"], status.reloads);
    text.sample(&f::RELOADS, &["failure"], status.refused);
    text.alone(&f::LAST_RELOAD, Millis(status.loaded_ms.try_into().unwrap_or(0)));
    let usage = app.usage.status();
    text.alone(&f::WRITTEN, usage.written);
    text.alone(&f::DROPPED, usage.dropped);
    text.alone(&f::QUEUE, usage.queued);
    text.alone(&f::BEHIND, Millis(usage.behind_ms));
    text.alone(&f::DATABASE_UP, u8::from(usage.last_error.is_none()));
    text.alone(&f::LOG_DROPPED, app.lines.get().map_or(0, |lines| lines.dropped()));
    if let Some(exports) = &app.exports {
        let all = [Signal::Traces, Signal::Metrics].map(|signal| (signal.as_str(), exports.of(signal)));
        text.begin(&f::EXPORTED);
        all.iter().for_each(|(signal, (sent, _))| text.sample(&f::EXPORTED, &[signal], sent));
        text.begin(&f::EXPORT_LOST);
        all.iter().for_each(|(signal, (_, lost))| text.sample(&f::EXPORT_LOST, &[signal], lost));
    }
    write_process(app, text);
}

fn write_providers(live: &Snapshot, text: &mut Text) {
    let enabled = || live.providers.iter().filter(|provider| provider.enabled);
    text.begin(&f::PROVIDER_IN_FLIGHT);
    for provider in enabled() {
        text.sample(&f::PROVIDER_IN_FLIGHT, &[&provider.name], provider.in_flight.count());
    }
    text.begin(&f::PROVIDER_UP);
    for provider in enabled() {
        let is_failing = matches!(provider.health.state(), State::Failing(_));
        text.sample(&f::PROVIDER_UP, &[&provider.name], u8::from(!is_failing));
    }
    text.begin(&f::PROVIDER_MODELS);
    for provider in enabled() {
        if let Some(models) = &*provider.listed.load() {
            text.sample(&f::PROVIDER_MODELS, &[&provider.name], models.len());
        }
    }
}

fn write_breakers(live: &Snapshot, now_ms: u64, text: &mut Text) {
    let mut worst = vec![[0_u8; SCOPES.len()]; live.providers.len()];
    let mut alone = vec![[0_u64; REASONS.len()]; live.providers.len()];
    for endpoint in live.table.endpoints() {
        let (Some(worst), Some(alone)) = (worst.get_mut(endpoint.provider), alone.get_mut(endpoint.provider)) else {
            continue;
        };
        let breakers = [&endpoint.line.breaker, &endpoint.key.breaker, &endpoint.state.breaker];
        for (worst, breaker) in worst.iter_mut().zip(breakers) {
            *worst = (*worst).max(match breaker.gate(now_ms) {
                Gate::Open => 0,
                Gate::Probe | Gate::Probed(_) => 1,
                Gate::Shut(_) => 2,
            });
        }
        if let Ready::No(_, why) = endpoint.ready(now_ms)
            && let Some((count, _)) = alone.iter_mut().zip(REASONS).find(|(_, reason)| *reason == why)
        {
            *count += 1;
        }
    }
    let enabled = || live.providers.iter().enumerate().filter(|(_, provider)| provider.enabled);
    text.begin(&f::CIRCUIT);
    for (at, provider) in enabled() {
        for (scope, state) in SCOPES.iter().zip(worst.get(at).into_iter().flatten()) {
            text.sample(&f::CIRCUIT, &[&provider.name, scope], state);
        }
    }
    text.begin(&f::ENDPOINTS_OPEN);
    for (at, provider) in enabled() {
        for (reason, count) in REASONS.iter().zip(alone.get(at).into_iter().flatten()) {
            text.sample(&f::ENDPOINTS_OPEN, &[&provider.name, reason.as_str()], count);
        }
    }
}

fn write_process(app: &App, text: &mut Text) {
    text.alone(&f::STARTED, Millis(app.started_ms.try_into().unwrap_or(0)));
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let times = [usage.user_time(), usage.system_time()];
        let us = times.map(|time| i128::from(time.tv_sec()) * 1_000_000 + i128::from(time.tv_usec()));
        text.alone(&f::CPU, Micros(us.into_iter().sum::<i128>().unsigned_abs()));
    }
    if let Some(bytes) = resident_bytes() {
        text.alone(&f::RESIDENT, bytes);
    }
    // Where the system shows them so; elsewhere there is no such number.
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.alone(&f::OPEN_FDS, open.count());
    }
    if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        text.alone(&f::MAX_FDS, soft);
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
