//! Numbers that are read when somebody asks for them: what is under way, how providers stand, what waits, the process.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use tokenrouter::pick::breaker::Gate;
use tokenrouter::pick::endpoint::{Ready, Scope, Why};
use tokenrouter::quota::Unit;
use tokenrouter_shared::token::TokenState;

use crate::access::remaining::Remaining;
use crate::access::wall::Moment;
use crate::app::App;
use crate::telemetry::COMMIT;
use crate::telemetry::metrics::families as f;
use crate::telemetry::metrics::text::{Micros, Millis, Nanos, Text};
use crate::telemetry::otel::send::Signal;
use crate::upstreams::health::State;
use crate::upstreams::snapshot::Snapshot;

/// Why an endpoint may be left alone.
const REASONS: [Why; 5] = [Why::Connection, Why::Credential, Why::Failing, Why::Limited, Why::Probed];

/// So many tokens are told of at most.
const MOST_TOKENS: usize = 1_000;

/// Writes all of them.
pub(super) fn write(app: &App, text: &mut Text) {
    let live = app.live.load();
    text.begin(&f::BUILD_INFO);
    text.sample(&f::BUILD_INFO, &[env!("CARGO_PKG_VERSION"), COMMIT], 1);
    text.alone(&f::IN_FLIGHT, app.lifecycle.in_flight());
    text.alone(&f::STREAMS, app.streams.count());
    text.alone(&f::WAITING, app.queue.count());
    write_providers(&live, text);
    write_breakers(&live, app.clock.uptime_ms(), text);
    write_quotas(&live, app.clock.now_ms(), text);
    text.begin(&f::TOKEN_BUDGET);
    if live.config.telemetry.token_budgets {
        write_budgets(app, text);
    }
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
        for (signal, (sent, _)) in &all {
            text.sample(&f::EXPORTED, &[signal], sent);
        }
        text.begin(&f::EXPORT_LOST);
        for (signal, (_, lost)) in &all {
            text.sample(&f::EXPORT_LOST, &[signal], lost);
        }
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
    let mut worst = vec![[0_u8; Scope::ALL.len()]; live.providers.len()];
    let mut alone = vec![[0_u64; REASONS.len()]; live.providers.len()];
    for endpoint in live.table.endpoints() {
        let (Some(worst), Some(alone)) = (worst.get_mut(endpoint.provider), alone.get_mut(endpoint.provider)) else {
            continue;
        };
        for (worst, scope) in worst.iter_mut().zip(Scope::ALL) {
            *worst = (*worst).max(match endpoint.breaker(scope).gate(now_ms) {
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
        for (scope, state) in Scope::ALL.iter().zip(worst.get(at).into_iter().flatten()) {
            text.sample(&f::CIRCUIT, &[&provider.name, scope.as_str()], state);
        }
    }
    text.begin(&f::CIRCUIT_TURNS);
    for (at, provider) in enabled() {
        let Some(endpoint) = live.table.any_of(at) else { continue };
        for scope in Scope::ALL {
            for (to, count) in ["open", "closed"].iter().zip(endpoint.line.turns(scope)) {
                text.sample(&f::CIRCUIT_TURNS, &[&provider.name, scope.as_str(), to], count);
            }
        }
    }
    text.begin(&f::ENDPOINTS_OPEN);
    for (at, provider) in enabled() {
        for (reason, count) in REASONS.iter().zip(alone.get(at).into_iter().flatten()) {
            text.sample(&f::ENDPOINTS_OPEN, &[&provider.name, reason.as_str()], count);
        }
    }
}

/// Of each limit what the key and model have left that have the least: names of models are not told apart, since answers tell
/// of any that was asked for.
fn write_quotas(live: &Snapshot, now_ms: i64, text: &mut Text) {
    let mut left: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut balances: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for provider in live.providers.iter().filter(|provider| provider.enabled) {
        let known = provider.quotas.all().filter_map(|(_, gauge)| gauge.known());
        for metric in known.flat_map(|known| known.current(now_ms)) {
            if let Some(permille) = metric.left_permille_at(now_ms) {
                let least = left.entry((&*provider.name, metric.limit_name())).or_insert(permille);
                *least = permille.min(*least);
            }
            // An account has no window: what is left is what was paid for.
            let is_money = matches!(metric.unit, Unit::Usd | Unit::Cny | Unit::Credits) && metric.window_s == 0;
            if let Some(nanos) = metric.left_at(now_ms).filter(|_| is_money) {
                let least = balances.entry((&*provider.name, metric.unit.as_str())).or_insert(nanos);
                *least = nanos.min(*least);
            }
        }
    }
    text.begin(&f::QUOTA_LEFT);
    for ((provider, limit), permille) in &left {
        text.sample(&f::QUOTA_LEFT, &[provider, limit], Millis(u64::from(*permille)));
    }
    text.begin(&f::BALANCE);
    for ((provider, unit), nanos) in &balances {
        text.sample(&f::BALANCE, &[provider, unit], Nanos(u128::from(*nanos)));
    }
}

/// What is left for tokens that are in use and have a budget.
fn write_budgets(app: &App, text: &mut Text) {
    let now = Moment::of(&app.clock);
    let mut left = Vec::new();
    app.tokens.each(|token| {
        let nanos = || Remaining::of(token, now)?.nanos.map(|tightest| tightest.left);
        if token.state(now.now_ms) == TokenState::Live
            && let Some(nanos) = nanos()
        {
            left.push((nanos, token.id, Arc::clone(token)));
        }
    });
    left.sort_unstable_by_key(|(nanos, id, _)| (*nanos, *id));
    for (nanos, _, token) in left.iter().take(MOST_TOKENS) {
        text.sample(&f::TOKEN_BUDGET, &[&token.public_id, &token.name], Nanos(u128::from(*nanos)));
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
