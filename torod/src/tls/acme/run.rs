//! When certificates are ordered: on time, again after a while where that failed, and at once where somebody says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::error::TlsError;
use super::super::{Keeper, LOOK, tell};
use super::{Acme, pause_ms};
use crate::lifecycle::Lifecycle;

impl Keeper {
    /// Orders certificates of `acme` until the daemon stops.
    pub(in crate::tls) async fn order_on_time(&self, acme: &Acme, lifecycle: &Lifecycle) {
        // By how long the daemon has run: a wall clock may be set meanwhile.
        let (mut failures, mut not_before_ms) = (0_u32, 0_u64);
        let mut jitter = (self.dice)();
        let mut is_clock_wrong = false;
        loop {
            let shown = self.resolver.shown();
            if is_clock_wrong && shown.as_deref().is_some_and(|shown| acme.is_fresh(shown, jitter, self.clock.now_ms()))
            {
                // It was set right meanwhile.
                (failures, not_before_ms, is_clock_wrong) = (0, 0, false);
                self.failure.store(None);
            }
            let left_ms = not_before_ms.saturating_sub(self.clock.uptime_ms());
            let left_ms = i64::try_from(left_ms).unwrap_or(i64::MAX);
            let due_ms = acme.due_ms(shown.as_deref(), jitter);
            let due_ms = if left_ms > 0 { due_ms.max(self.clock.now_ms().saturating_add(left_ms)) } else { due_ms };
            self.renews_ms.store(due_ms, Ordering::Relaxed);
            let wait_ms = u64::try_from(due_ms.saturating_sub(self.clock.now_ms())).unwrap_or(0);
            tokio::select! {
                // Not for the whole time at once: a clock may be set right meanwhile.
                () = tokio::time::sleep(Duration::from_millis(wait_ms).min(LOOK)) => {}
                () = self.wake.notified() => {}
                () = self.over(lifecycle) => return,
            }
            let is_forced = self.is_forced.swap(false, Ordering::AcqRel);
            self.warn_of_end();
            if !is_forced && self.clock.now_ms() < due_ms {
                continue;
            }
            let ordered = tokio::select! {
                ordered = acme.order(failures) => ordered,
                () = self.over(lifecycle) => return,
            };
            jitter = (self.dice)();
            let now_ms = self.clock.now_ms();
            let settled = ordered.and_then(|certificate| {
                let (facts, is_fresh) = (Arc::clone(&certificate.facts), acme.is_fresh(&certificate, jitter, now_ms));
                // Also where our clock says that it is no good: a CA's is right.
                self.resolver.show(certificate);
                tell(&facts);
                if is_fresh {
                    Ok(())
                } else {
                    Err(TlsError::Clock { begins_ms: facts.begins_ms, ends_ms: facts.ends_ms, now_ms })
                }
            });
            is_clock_wrong = matches!(settled, Err(TlsError::Clock { .. }));
            match settled {
                Ok(()) => {
                    (failures, not_before_ms) = (0, 0);
                    self.failure.store(None);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let pause_ms = pause_ms(failures, &error, jitter);
                    not_before_ms = self.clock.uptime_ms().saturating_add(pause_ms.unsigned_abs());
                    let minutes = pause_ms / 60_000;
                    tracing::error!("{error}. It is tried again in {minutes} min; until then nothing changes");
                    self.failure.store(Some(Arc::new(error.to_string())));
                }
            }
        }
    }
}
