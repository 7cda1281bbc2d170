//! Puts a vendor's question for what is left: to the provider's own address, with its own key, bounded in time and bytes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use tokenrouter::pick::mix;
use tokenrouter::pick::verdict::Limits;
use tokenrouter::quota::{Account, Reader};

use crate::clock::Clock;
use crate::upstreams::probe;
use crate::upstreams::provider::{Provider, Route};
use crate::upstreams::snapshot::Snapshot;

/// How long all questions about one key may take together.
const DEADLINE: Duration = Duration::from_secs(15);
/// How large an answer may be.
const MAX_BYTES: usize = 64 << 10;
/// Until when a figure without a time is believed where requests are placed, in milliseconds.
const BELIEVED_MS: u64 = 15 * 60_000;

/// Who was asked.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// These.
    pub asked: Vec<String>,
    /// These were only just asked.
    pub too_soon: Vec<String>,
}

/// Asks those of `live` that are due by themselves, all at once.
pub(super) async fn round(live: &Snapshot, clock: &Clock) {
    let all = live.providers.iter().enumerate().filter(|(_, provider)| is_asked(provider));
    join_all(all.map(|(at, provider)| async move {
        let cadence = provider.quotas.cadence();
        // Somebody has it asked at this moment.
        let Ok(mut cadence) = cadence.try_lock() else { return };
        if cadence.is_due(clock.uptime_ms(), provider.call_count()) {
            one(live, at, provider, &mut cadence, clock).await;
        }
    }))
    .await;
}

/// Asks whoever can be asked, or the provider `only` alone, unless that was done a moment ago.
pub async fn refresh(live: &Snapshot, only: Option<&str>, clock: &Clock) -> Refreshed {
    let is_meant = |provider: &Provider| only.is_none_or(|name| provider.name.eq_ignore_ascii_case(name));
    let all = live.providers.iter().enumerate().filter(|(_, provider)| is_asked(provider) && is_meant(provider));
    let asked = join_all(all.map(|(at, provider)| async move {
        let cadence = provider.quotas.cadence();
        let mut cadence = cadence.lock().await;
        let may = cadence.may_be_asked(clock.uptime_ms());
        if may {
            one(live, at, provider, &mut cadence, clock).await;
        }
        (provider.name.to_string(), may)
    }));
    let mut refreshed = Refreshed::default();
    for (name, was_asked) in asked.await {
        if was_asked { refreshed.asked.push(name) } else { refreshed.too_soon.push(name) }
    }
    refreshed
}

fn is_asked(provider: &Provider) -> bool {
    provider.enabled && provider.quotas.reader != Reader::None
}

/// Asks about every key of the provider at `at`, one after the other.
async fn one(live: &Snapshot, at: usize, provider: &Provider, cadence: &mut super::Cadence, clock: &Clock) {
    let calls = provider.call_count();
    let mut is_ok = true;
    for (credential, gauge) in provider.quotas.all() {
        let asked = tokio::time::timeout(DEADLINE, ask(provider, credential, clock)).await;
        match asked.unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs()))) {
            Ok(account) => {
                gauge.answered(&account, clock.now_ms());
                place(live, at, credential, clock);
            }
            Err(why) => {
                is_ok = false;
                tracing::debug!(provider = &*provider.name, "its quota is not known: {why}");
                gauge.failed(&why);
            }
        }
    }
    let now_ms = clock.uptime_ms();
    // The name makes gateways and providers differ; nothing here must be hard to guess.
    let dice = provider.name.bytes().fold(now_ms, |dice, byte| mix(dice ^ u64::from(byte)));
    cadence.asked(now_ms, calls, is_ok, dice);
}

/// Has requests placed by what is known of a key's account, as they are by what answers tell of their own limits.
pub(super) fn place(live: &Snapshot, at: usize, credential: usize, clock: &Clock) {
    let Some(known) = live.providers.get(at).and_then(|provider| provider.quotas.of(credential)?.known()) else {
        return;
    };
    let (now_ms, uptime_ms) = (clock.now_ms(), clock.uptime_ms());
    let of_key = known.metrics.iter().filter(|metric| metric.model.is_none() && !metric.is_set_back(now_ms));
    let nearest = of_key.filter_map(|metric| {
        let resets_in = metric.resets_ms.and_then(|ms| u64::try_from(ms.saturating_sub(now_ms)).ok());
        Some(Limits { left_permille: metric.left_permille_at(now_ms)?, reset_ms: resets_in.unwrap_or(BELIEVED_MS) })
    });
    let Some(limits) = nearest.min_by_key(|limits| limits.left_permille) else { return };
    for endpoint in live.table.endpoints() {
        if (endpoint.provider, endpoint.credential) == (at, credential) {
            endpoint.state.observe(uptime_ms, limits);
        }
    }
}

async fn ask(provider: &Provider, credential: usize, clock: &Clock) -> Result<Account, String> {
    if !provider.has_key(credential) {
        return Err(provider.why_no_key(credential));
    }
    let route = provider.account_route(credential).ok_or("no URL to ask")?;
    let mut answers: Vec<Option<Bytes>> = Vec::new();
    for path in provider.quotas.reader.paths() {
        match body(provider, &route, path).await {
            Ok(body) => answers.push(Some(body)),
            // The first is what matters; a key may not be allowed to ask for the others.
            Err(why) if answers.is_empty() => return Err(why),
            Err(_) => answers.push(None),
        }
    }
    let answers: Vec<Option<&[u8]>> = answers.iter().map(Option::as_deref).collect();
    provider.quotas.reader.read(&answers, clock.now_ms()).map_err(|e| e.to_string())
}

/// What the provider's own origin has at `path`.
async fn body(provider: &Provider, route: &Route<'_>, path: &'static str) -> Result<Bytes, String> {
    let mut parts = route.uri.clone().into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static(path));
    let uri = Uri::from_parts(parts).map_err(|_| "its URL is not valid")?;
    let request = probe::question(&Route { uri: &uri, ..*route }).ok_or("its URL is not valid")?;
    let answer = provider.client.send(request).await.map_err(|e| e.to_string())?;
    match answer.status() {
        StatusCode::OK => {
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            body.map(Collected::to_bytes).map_err(|e| {
                let is_large = e.is::<LengthLimitError>();
                if is_large {
                    format!("its answer is larger than {MAX_BYTES} bytes")
                } else {
                    "its answer broke off".to_owned()
                }
            })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err("it refuses the key for this question".to_owned()),
        status => Err(format!("status {}", status.as_u16())),
    }
}
