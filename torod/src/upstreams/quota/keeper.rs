//! Asks vendors again and again what is left, and keeps what is known of quotas over a restart.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokenrouter_shared::hex;

use super::{Known, ask};
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::WriterHandle;
use crate::store::quotas::{self, QuotaRow};
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::{Live, Snapshot};

/// How often it is looked who is to be asked.
const TICK: Duration = Duration::from_secs(15);
/// What changed is kept every so many ticks.
const KEEP_TICKS: u32 = 4;
/// How much of a digest tells one key from another.
const MARK_BYTES: usize = 8;

/// Goes on until the daemon stops.
pub async fn run(live: Arc<Live>, writer: WriterHandle, clock: Clock, lifecycle: Lifecycle) {
    let mut ticks = 0_u32;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = lifecycle.soft_stop() => break,
        }
        let world = live.load();
        tokio::select! {
            () = ask::round(&world, &clock) => {}
            () = lifecycle.soft_stop() => break,
        }
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(KEEP_TICKS) {
            keep(&live.load(), &writer, &clock).await;
        }
    }
    keep(&live.load(), &writer, &clock).await;
}

/// What the database keeps of a key of `provider`, where it is still the same key at the same place.
fn kept(rows: &[QuotaRow], provider: &Provider, credential: usize) -> Option<Known> {
    let (label, mark) = name(provider, credential);
    let row = rows.iter().find(|row| row.provider == *provider.name && row.credential == label && row.mark == mark)?;
    serde_json::from_str(&row.body).ok()
}

/// Puts back what the database kept, before anybody asks.
pub fn restore(live: &Snapshot, rows: &[QuotaRow], clock: &Clock) {
    if rows.is_empty() {
        return;
    }
    for (at, provider) in live.providers.iter().enumerate() {
        for (credential, gauge) in provider.quotas.all() {
            if let Some(known) = kept(rows, provider, credential) {
                gauge.restore(known);
                ask::place(live, at, credential, clock);
            }
        }
    }
}

/// Writes what has changed.
async fn keep(live: &Snapshot, writer: &WriterHandle, clock: &Clock) {
    let mut rows = Vec::new();
    let mut gauges = Vec::new();
    for provider in &live.providers {
        for (credential, gauge) in provider.quotas.all() {
            if !gauge.take_changed() {
                continue;
            }
            let body = gauge.known().and_then(|known| serde_json::to_string(&*known).ok());
            if let Some(body) = body {
                let (label, mark) = name(provider, credential);
                let (provider, at_ms) = (provider.name.to_string(), clock.now_ms());
                rows.push(QuotaRow { provider, credential: label, mark, at_ms, body });
                gauges.push(Arc::clone(gauge));
            }
        }
    }
    if rows.is_empty() {
        return;
    }
    let written = writer.call(move |connection| quotas::put(connection, &rows)).await;
    if let Err(error) = written {
        tracing::warn!(%error, "what is known of quotas could not be kept");
        for gauge in &gauges {
            gauge.not_kept();
        }
    }
}

/// What a key is called, and what tells it and its place from others without telling what it is.
fn name(provider: &Provider, credential: usize) -> (String, String) {
    let key = provider.credentials().get(credential);
    let digest = key.map_or("", |key| key.digest.as_str());
    let hash = Sha256::digest(format!("quota\0{}\0{digest}", provider.line));
    let mark = hex::of(hash.iter().take(MARK_BYTES));
    (key.map(|key| key.label.to_string()).unwrap_or_default(), mark)
}
