//! What is known of the quotas of one key. Requests meet a few atomics here and, once a second at most, make it anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use tokenrouter::quota::google::Exceeded;
use tokenrouter::quota::{Account, Reading, Told, Unit};

use super::metric::{How, Metric, later};

/// What answers tell is taken down once in so long, in milliseconds; that nothing is left at once.
const PAUSE_MS: i64 = 1_000;
/// The most limits that are kept of one key; of more, those that were told longest ago go.
const MOST: usize = 64;
/// What is limited where an account is empty.
const CREDIT: &str = "credit";

/// What is known of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Each limit.
    pub metrics: Vec<Metric>,
    /// What was bought, in the vendor's word.
    #[serde(with = "super::metric::shared")]
    pub plan: Option<Arc<str>>,
    /// When the vendor was asked last with success, in milliseconds since 1970.
    pub checked_ms: Option<i64>,
    /// Why the last question failed.
    #[serde(with = "super::metric::shared")]
    pub error: Option<Arc<str>>,
}

impl Known {
    fn put(&mut self, metric: Metric) {
        match self.metrics.iter_mut().find(|known| known.is_like(&metric)) {
            Some(known) => *known = metric,
            None => self.metrics.push(metric),
        }
    }

    /// The limits that are still believed.
    pub fn current(&self, now_ms: i64) -> Vec<Metric> {
        self.metrics.iter().filter(|metric| !metric.is_stale(now_ms)).cloned().collect()
    }

    fn bound(&mut self, now_ms: i64) {
        self.metrics.retain(|metric| !metric.is_stale(now_ms));
        while self.metrics.len() > MOST {
            let oldest = self.metrics.iter().enumerate().min_by_key(|(_, metric)| metric.seen_ms);
            let Some((oldest, _)) = oldest else { return };
            self.metrics.swap_remove(oldest);
        }
    }
}

/// What is known of the quotas of one key.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Until then what answers tell is not taken down, in milliseconds since 1970.
    due_ms: AtomicI64,
    known: ArcSwapOption<Known>,
    /// A call was refused because the account is empty, and none has succeeded since.
    is_out: AtomicBool,
    /// Nothing is left of one of the limits.
    has_nothing: AtomicBool,
    /// It changed since it was kept.
    is_changed: AtomicBool,
}

impl Gauge {
    /// What is known; none where nothing was ever told.
    pub fn known(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// An answer of `model` told this.
    pub fn saw(&self, reading: &Reading<'_>, model: &Arc<str>, now_ms: i64) {
        let mut told = reading.told().peekable();
        if told.peek().is_none() {
            return;
        }
        let due_ms = self.due_ms.load(Ordering::Relaxed);
        // A clock that was set back makes nobody wait.
        let is_due = now_ms >= due_ms || due_ms.saturating_sub(now_ms) > PAUSE_MS;
        // That there is nothing any more, or something again, is told at once.
        let has_nothing = self.has_nothing.load(Ordering::Relaxed);
        let mut turns = || told.any(|told| (told.left() == Some(0)) != self.is_out_of(told, model, now_ms));
        if !is_due && !((has_nothing || reading.told().any(|told| told.left() == Some(0))) && turns()) {
            return;
        }
        self.due_ms.store(now_ms.saturating_add(PAUSE_MS), Ordering::Relaxed);
        if reading.told().any(|told| self.is_news(told, model, now_ms)) {
            self.change(|known| {
                for told in reading.told() {
                    known.put(Metric::told(told, model, now_ms));
                }
                known.bound(now_ms);
            });
        }
    }

    /// Whether nothing is known to be left of this limit.
    fn is_out_of(&self, told: &Told<'_>, model: &Arc<str>, now_ms: i64) -> bool {
        let known = self.known.load();
        let known = known.as_ref().and_then(|known| known.metrics.iter().find(|metric| metric.is(told, model)));
        known.is_some_and(|metric| metric.left_at(now_ms) == Some(0))
    }

    /// Whether `told` is another than what is known.
    fn is_news(&self, told: &Told<'_>, model: &Arc<str>, now_ms: i64) -> bool {
        let known = self.known.load();
        let known = known.as_ref().and_then(|known| known.metrics.iter().find(|metric| metric.is(told, model)));
        known.is_none_or(|metric| {
            let is_same = (metric.limit, metric.left_at(now_ms)) == (told.limit(), told.left());
            !is_same || now_ms.saturating_sub(metric.seen_ms) >= 60 * PAUSE_MS || now_ms < metric.seen_ms
        })
    }

    /// A call was served: whatever was said of an empty account is over.
    pub fn served(&self) {
        if self.is_out.load(Ordering::Relaxed) {
            self.is_out.store(false, Ordering::Relaxed);
            self.change(|known| known.metrics.retain(|metric| !is_credit(metric)));
        }
    }

    /// A call was refused because the account is empty.
    pub fn out_of_credit(&self, now_ms: i64) {
        if self.is_out.swap(true, Ordering::Relaxed) {
            return;
        }
        self.change(|known| {
            known.put(Metric {
                model: None,
                feature: CREDIT.into(),
                window_s: 0,
                unit: Unit::Usd,
                limit: None,
                left: Some(0),
                resets_ms: None,
                seen_ms: now_ms,
                how: How::Refused,
            });
        });
    }

    /// A call to `model` was refused for these.
    pub fn exceeded(&self, all: &[Exceeded], model: &Arc<str>, now_ms: i64) {
        if all.is_empty() {
            return;
        }
        self.change(|known| {
            for Exceeded { name, window_s, unit, limit, reset_ms } in all {
                known.put(Metric {
                    model: Some(Arc::clone(model)),
                    feature: name.as_str().into(),
                    window_s: *window_s,
                    unit: *unit,
                    limit: *limit,
                    left: Some(0),
                    resets_ms: reset_ms.map(|ms| later(now_ms, ms)),
                    seen_ms: now_ms,
                    how: How::Refused,
                });
            }
            known.bound(now_ms);
        });
    }

    /// The vendor was asked, and said this.
    pub fn answered(&self, account: &Account, now_ms: i64) {
        self.change(|known| {
            // What it says now is all that there is.
            known.metrics.retain(|metric| metric.how != How::Asked);
            for asked in &account.asked {
                known.put(Metric::asked(asked, now_ms));
            }
            known.plan = account.plan.as_deref().map(Into::into);
            known.checked_ms = Some(now_ms);
            known.error = None;
            known.bound(now_ms);
        });
    }

    /// The vendor was asked, and this is why it said nothing. What was known stays.
    pub fn failed(&self, why: &str) {
        self.change(|known| known.error = Some(why.into()));
    }

    /// Puts back what was kept, unless more is known already.
    pub fn restore(&self, kept: Known) {
        self.is_out.store(kept.metrics.iter().any(is_credit), Ordering::Relaxed);
        let has_nothing = kept.metrics.iter().any(|metric| metric.left == Some(0));
        self.has_nothing.store(has_nothing, Ordering::Relaxed);
        let kept = Arc::new(kept);
        self.known.rcu(|now| now.clone().or_else(|| Some(Arc::clone(&kept))));
    }

    /// Whether it changed since this was asked last.
    pub fn take_changed(&self) -> bool {
        self.is_changed.swap(false, Ordering::Relaxed)
    }

    /// It could not be kept.
    pub fn not_kept(&self) {
        self.is_changed.store(true, Ordering::Relaxed);
    }

    fn change(&self, change: impl Fn(&mut Known)) {
        self.known.rcu(|now| {
            let mut next = now.as_deref().cloned().unwrap_or_default();
            change(&mut next);
            let has_nothing = next.metrics.iter().any(|metric| metric.left == Some(0));
            self.has_nothing.store(has_nothing, Ordering::Relaxed);
            Some(Arc::new(next))
        });
        self.is_changed.store(true, Ordering::Relaxed);
    }
}

fn is_credit(metric: &Metric) -> bool {
    metric.how == How::Refused && &*metric.feature == CREDIT
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};
    use tokenrouter::quota::read;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn headers(limit: &str, left: &str, reset: &str) -> HeaderMap {
        let one = |part: &str, value: &str| {
            (format!("x-ratelimit-{part}-requests").parse::<HeaderName>().unwrap(), value.parse().unwrap())
        };
        [one("limit", limit), one("remaining", left), one("reset", reset)].into_iter().collect()
    }

    fn see(gauge: &Gauge, left: &str, model: &Arc<str>, now_ms: i64) {
        gauge.saw(&read(&headers("100", left, "30s"), now_ms), model, now_ms);
    }

    fn left(gauge: &Gauge, now_ms: i64) -> Vec<Option<u64>> {
        gauge.known().map(|known| known.metrics.iter().map(|m| m.left_at(now_ms)).collect()).unwrap_or_default()
    }

    #[test]
    fn a_reading_a_second_and_never_without_the_last() {
        let (gauge, model): (_, Arc<str>) = (Gauge::default(), "m".into());
        gauge.saw(&read(&HeaderMap::new(), NOW), &model, NOW);
        assert!(gauge.known().is_none() && !gauge.take_changed(), "nothing was told");
        see(&gauge, "50", &model, NOW);
        see(&gauge, "49", &model, NOW + 999);
        assert_eq!(left(&gauge, NOW), [Some(50)], "not before a second has passed");
        see(&gauge, "0", &model, NOW + 999);
        assert_eq!(left(&gauge, NOW + 999), [Some(0)], "that nothing is left is told at once");
        let before = gauge.known().unwrap();
        see(&gauge, "0", &model, NOW + 1_000);
        see(&gauge, "0", &model, NOW + 2_500);
        assert!(Arc::ptr_eq(&before, &gauge.known().unwrap()), "what is known already makes nothing anew");
        assert_eq!(left(&gauge, NOW + 31_000), [Some(100)], "it was set back");
        see(&gauge, "0", &model, NOW + 40_000);
        see(&gauge, "90", &model, NOW + 40_100);
        assert_eq!(left(&gauge, NOW + 40_100), [Some(90)], "that there is something again is told at once");
        see(&gauge, "7", &model, NOW - 3_600_000);
        assert_eq!(left(&gauge, NOW - 3_600_000), [Some(7)], "a clock that was set back");
    }

    #[test]
    fn however_many_models_there_are_the_oldest_go() {
        let gauge = Gauge::default();
        for n in 0..200_i64 {
            see(&gauge, "1", &format!("m{n}").as_str().into(), NOW + n * 2_000);
        }
        let known = gauge.known().unwrap();
        assert_eq!(known.metrics.len(), MOST);
        assert!(known.metrics.iter().any(|metric| metric.model.as_deref() == Some("m199")));
        assert!(!known.metrics.iter().any(|metric| metric.model.as_deref() == Some("m0")));
    }

    #[test]
    fn an_empty_account_is_told_once_and_until_a_call_is_served() {
        let gauge = Gauge::default();
        gauge.served();
        assert!(gauge.known().is_none());
        gauge.out_of_credit(NOW);
        let told = gauge.known().unwrap();
        gauge.out_of_credit(NOW + 1);
        assert!(Arc::ptr_eq(&told, &gauge.known().unwrap()));
        assert_eq!(left(&gauge, NOW), [Some(0)]);
        let again = Gauge::default();
        again.restore((*told).clone());
        again.served();
        assert_eq!(left(&again, NOW), []);
    }

    #[test]
    fn what_the_vendor_says_replaces_what_it_said_and_a_failure_forgets_nothing() {
        let gauge = Gauge::default();
        see(&gauge, "50", &"m".into(), NOW);
        let asked = |name, left| tokenrouter::quota::Asked {
            name,
            window_s: 0,
            unit: Unit::Usd,
            limit: None,
            left: Some(left),
            resets_ms: None,
        };
        gauge.answered(&Account { plan: Some("free".into()), asked: vec![asked("a", 1), asked("b", 2)] }, NOW);
        gauge.answered(&Account { plan: None, asked: vec![asked("b", 3)] }, NOW + 1);
        gauge.failed("status 500");
        let known = gauge.known().unwrap();
        assert_eq!(left(&gauge, NOW), [Some(50), Some(3)]);
        assert_eq!(
            (known.plan.as_deref(), known.checked_ms, known.error.as_deref()),
            (None, Some(NOW + 1), Some("status 500"))
        );
    }

    #[test]
    fn what_is_kept_is_what_was_known() {
        let gauge = Gauge::default();
        see(&gauge, "5", &"m".into(), NOW);
        let text = serde_json::to_string(&*gauge.known().unwrap()).unwrap();
        let again = Gauge::default();
        again.restore(serde_json::from_str(&text).unwrap());
        assert_eq!(again.known(), gauge.known());
        again.restore(Known::default());
        assert_eq!(again.known(), gauge.known(), "what is known is not forgotten for what was kept");
    }
}
