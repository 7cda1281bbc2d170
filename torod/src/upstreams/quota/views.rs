//! What is known of quotas, as people and programs are told it.

use tokenrouter::quota::{Reader, Unit};
use tokenrouter_shared::quota::{QuotaMetric, QuotaView};

use super::{Gauge, Known, Metric};
use crate::store::quotas::QuotaRow;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// Every key of every provider, or of the one that is called `only`.
pub fn view_all(live: &Snapshot, only: Option<&str>, now_ms: i64) -> Vec<QuotaView> {
    let is_meant = |provider: &Provider| only.is_none_or(|name| provider.name.eq_ignore_ascii_case(name));
    let providers = live.providers.iter().filter(|provider| is_meant(provider));
    providers.flat_map(|provider| provider.quotas.all().map(|(at, gauge)| view(provider, at, gauge, now_ms))).collect()
}

fn view(provider: &Provider, credential: usize, gauge: &Gauge, now_ms: i64) -> QuotaView {
    let known = gauge.known();
    let known = known.as_deref();
    let metrics = known.map(|known| metrics(known, now_ms)).unwrap_or_default();
    let nearest = metrics.iter().find(|metric| metric.left_permille.is_some());
    let (left_permille, resets_ms) = nearest.map(|m| (m.left_permille, m.resets_ms)).unwrap_or_default();
    let error = known.and_then(|known| known.error.as_deref()).map(str::to_owned);
    let state = match (provider.enabled, &error) {
        (false, _) => "disabled",
        (true, Some(_)) => "error",
        (true, None) if known.is_none_or(|known| known.checked_ms.is_none() && metrics.is_empty()) => "unknown",
        (true, None) => "ok",
    };
    let preset = provider.preset.as_ref();
    QuotaView {
        provider: provider.name.to_string(),
        preset: preset.map(|preset| preset.id.clone()),
        display_name: preset.map_or_else(|| provider.name.to_string(), |preset| preset.name.clone()),
        credential: provider.credentials().get(credential).map(|key| key.label.to_string()),
        reader: provider.quotas.reader.as_str().to_owned(),
        state: state.to_owned(),
        error,
        plan: known.and_then(|known| known.plan.as_deref()).map(str::to_owned),
        left_permille,
        resets_ms,
        checked_ms: known.and_then(|known| known.checked_ms),
        metrics,
    }
}

/// The nearest first; those of which nobody knows a share last.
fn metrics(known: &Known, now_ms: i64) -> Vec<QuotaMetric> {
    let mut all: Vec<QuotaMetric> =
        known.metrics.iter().filter(|metric| !metric.is_stale(now_ms)).map(|one| metric(one, now_ms)).collect();
    all.sort_by(|one, other| {
        let share = |metric: &QuotaMetric| metric.left_permille.unwrap_or(u32::MAX);
        share(one).cmp(&share(other)).then_with(|| one.key.cmp(&other.key))
    });
    all
}

fn metric(metric: &Metric, now_ms: i64) -> QuotaMetric {
    let left = metric.left_at(now_ms);
    let window = window_word(metric.window_s);
    let parts = [metric.model.as_deref(), Some(&*metric.feature), window.as_deref()];
    QuotaMetric {
        key: parts.into_iter().flatten().collect::<Vec<_>>().join(":"),
        feature: metric.feature.to_string(),
        window,
        window_seconds: Some(metric.window_s).filter(|s| *s > 0),
        model: metric.model.as_deref().map(str::to_owned),
        unit: metric.unit.as_str().to_owned(),
        limit: metric.limit,
        used: metric.limit.and_then(|limit| Some(limit.saturating_sub(left?))),
        remaining: left.filter(|_| metric.unit != Unit::Percent || metric.limit.is_some()),
        left_permille: metric.left_permille_at(now_ms),
        resets_ms: metric.resets_ms.filter(|_| !metric.is_set_back(now_ms)),
        seen_ms: metric.seen_ms,
        source: metric.how.as_str().to_owned(),
    }
}

/// What the database keeps of each key, for a command without a gateway.
pub fn view_rows(rows: &[QuotaRow], now_ms: i64) -> Vec<QuotaView> {
    let view = |row: &QuotaRow| {
        let known: Known = serde_json::from_str(&row.body).ok()?;
        let metrics = metrics(&known, now_ms);
        let nearest = metrics.iter().find(|metric| metric.left_permille.is_some());
        let (left_permille, resets_ms) = nearest.map(|m| (m.left_permille, m.resets_ms)).unwrap_or_default();
        Some(QuotaView {
            provider: row.provider.clone(),
            preset: None,
            display_name: row.provider.clone(),
            credential: Some(row.credential.clone()).filter(|label| !label.is_empty()),
            reader: Reader::None.as_str().to_owned(),
            state: if known.error.is_some() { "error" } else { "ok" }.to_owned(),
            error: known.error.as_deref().map(str::to_owned),
            plan: known.plan.as_deref().map(str::to_owned),
            left_permille,
            resets_ms,
            checked_ms: known.checked_ms,
            metrics,
        })
    };
    rows.iter().filter_map(view).collect()
}

/// `minute`, `day`, or `5h`.
pub fn window_word(seconds: u32) -> Option<String> {
    const UNITS: [(u32, &str, &str); 6] = [
        (2_592_000, "month", ""),
        (604_800, "week", "w"),
        (86_400, "day", "d"),
        (3_600, "hour", "h"),
        (60, "minute", "m"),
        (1, "second", "s"),
    ];
    let (one, name, letter) = UNITS.into_iter().find(|(one, _, letter)| {
        seconds == *one || (!letter.is_empty() && seconds > 0 && seconds.is_multiple_of(*one))
    })?;
    Some(if seconds == one { name.to_owned() } else { format!("{}{letter}", seconds / one) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_words() {
        for (seconds, word) in
            [(60, "minute"), (86_400, "day"), (18_000, "5h"), (604_800, "week"), (90, "90s"), (2_592_000, "month")]
        {
            assert_eq!(window_word(seconds).as_deref(), Some(word));
        }
        assert_eq!(window_word(0), None);
    }
}
