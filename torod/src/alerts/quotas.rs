//! What is left of providers' quotas, as alerts see it: each limit of each key, by the model that has least of it.

use std::collections::BTreeMap;

use tokenrouter::quota::Unit;

use super::fact::{Fact, Family, LOW, OUT};
use super::standing::Seen;
use crate::config::Alerts;
use crate::upstreams::provider::Provider;
use crate::upstreams::quota::{Metric, window_word};
use crate::upstreams::snapshot::Snapshot;

/// So much more than the mark must be left until it is over, in thousandths of the whole.
const MARGIN: u32 = 50;
/// So much must be left until nothing is no longer nothing.
const SOMETHING: u32 = 20;
/// The most facts of one round.
const MOST: usize = 5_000;

/// Adds what is seen at `now_ms`.
pub(super) fn see(live: &Snapshot, alerts: &Alerts, now_ms: i64, facts: &mut Vec<Fact>) {
    let enabled = live.providers.iter().filter(|provider| provider.enabled);
    for provider in enabled {
        for (at, gauge) in provider.quotas.all() {
            let Some(known) = gauge.known() else { continue };
            let label = provider.credentials().get(at).map(|key| &*key.label);
            // Of one limit that several models share or have each for itself, the one with least left counts.
            let mut least: BTreeMap<(&str, u32), (Seen, &Metric)> = BTreeMap::new();
            for metric in known.metrics.iter().filter(|metric| !metric.is_stale(now_ms)) {
                let Some(seen) = seen(metric, alerts, now_ms) else { continue };
                let place = least.entry((&metric.feature, metric.window_s)).or_insert((seen, metric));
                if (seen.level, seen.leave) > (place.0.level, place.0.leave) {
                    *place = (seen, metric);
                }
            }
            for (seen, metric) in least.into_values() {
                if facts.len() < MOST {
                    facts.push(fact(provider, label, seen, metric, now_ms));
                }
            }
        }
    }
}

/// How far a limit is passed; none where nobody can say.
fn seen(metric: &Metric, alerts: &Alerts, now_ms: i64) -> Option<Seen> {
    let left = metric.left_at(now_ms)?;
    let (level, leave) = match (metric.left_permille_at(now_ms), metric.unit) {
        (_, _) if left == 0 => (OUT, OUT),
        (Some(permille), _) => {
            let mark = alerts.quota_left * 10;
            let level = if permille < mark { LOW } else { 0 };
            let wavers = if permille < mark.saturating_add(MARGIN).min(1_000) && mark > 0 { LOW } else { 0 };
            (level, if permille < SOMETHING { OUT } else { wavers })
        }
        (None, Unit::Usd | Unit::Cny | Unit::Credits) => {
            let mark = alerts.balance_left_nanos;
            (u32::from(left < mark) * LOW, u32::from(left < mark.saturating_add(mark / 4)) * LOW)
        }
        (None, _) => (0, 0),
    };
    Some(Seen { level, leave: leave.max(level), episode: 0 })
}

fn fact(provider: &Provider, label: Option<&str>, seen: Seen, metric: &Metric, now_ms: i64) -> Fact {
    let window = window_word(metric.window_s);
    let key = [&*provider.name, label.unwrap_or_default(), &metric.feature, window.as_deref().unwrap_or_default()];
    let of_key = label.filter(|_| provider.credentials().len() > 1).map(|label| format!(", key {label}"));
    let a_window = window.as_deref().map(|window| format!(" a {window}"));
    let permille = metric.left_permille_at(now_ms);
    let left = match (metric.left_at(now_ms), permille) {
        (Some(0) | None, _) => "nothing".to_owned(),
        (Some(_), Some(permille)) => format!("{}.{} %", permille / 10, permille % 10),
        (Some(left), None) => amount(left, metric.unit),
    };
    let model = metric.model.as_deref().map(|model| format!(" (told by an answer of {model})"));
    Fact {
        family: Family::Quota,
        key: key.join(":"),
        seen,
        marks: vec![LOW, OUT],
        subject: provider.name.to_string(),
        what: format!(
            "{left} is left of the {}{} at the provider \"{}\"{}{}",
            metric.feature,
            a_window.unwrap_or_default(),
            provider.name,
            of_key.unwrap_or_default(),
            model.unwrap_or_default()
        ),
        permille: permille.or((metric.left_at(now_ms) == Some(0)).then_some(0)),
        resets_ms: metric.resets_ms.filter(|at| *at > now_ms),
    }
}

fn amount(amount: u64, unit: Unit) -> String {
    let hundredths = amount / (unit.scale() / 100).max(1);
    match unit {
        Unit::Requests | Unit::Tokens | Unit::Percent => amount.to_string(),
        Unit::Usd => format!("${}.{:02}", hundredths / 100, hundredths % 100),
        Unit::Cny => format!("¥{}.{:02}", hundredths / 100, hundredths % 100),
        Unit::Credits => format!("{}.{:02} credits", hundredths / 100, hundredths % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstreams::quota::How;

    fn level(limit: Option<u64>, left: u64, unit: Unit) -> (u32, u32) {
        let metric = Metric {
            model: None,
            feature: "requests".into(),
            window_s: 0,
            unit,
            limit,
            left: Some(left),
            resets_ms: Some(10),
            seen_ms: 0,
            how: How::Headers,
        };
        let seen = seen(&metric, &Alerts::default(), 5).unwrap();
        (seen.level, seen.leave)
    }

    #[test]
    fn marks_have_a_margin() {
        let of_a_hundred = |left| level(Some(100), left, Unit::Requests);
        assert_eq!(of_a_hundred(100), (0, 0));
        assert_eq!((of_a_hundred(15), of_a_hundred(14)), ((0, 0), (0, LOW)));
        assert_eq!((of_a_hundred(10), of_a_hundred(9)), ((0, LOW), (LOW, LOW)));
        assert_eq!((of_a_hundred(1), of_a_hundred(0)), ((LOW, OUT), (OUT, OUT)));
        let dollars = |nanos| level(None, nanos, Unit::Usd);
        assert_eq!((dollars(2_000_000_000), dollars(1_200_000_000)), ((0, 0), (0, LOW)));
        assert_eq!((dollars(999_999_999), dollars(0)), ((LOW, LOW), (OUT, OUT)));
        assert_eq!(level(None, 3, Unit::Tokens), (0, 0), "a part of nobody knows what");
        assert_eq!(level(Some(0), 3, Unit::Tokens), (0, 0));
    }

    #[test]
    fn sums_are_told_as_money() {
        assert_eq!(amount(12_345_678_901, Unit::Usd), "$12.34");
        assert_eq!(amount(5, Unit::Cny), "¥0.00");
        assert_eq!(amount(5, Unit::Tokens), "5");
    }
}
