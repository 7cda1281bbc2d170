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
        let (mut failures, mut not_before_ms) = (0_u32, i64::MIN);
        let mut jitter = (self.dice)();
        loop {
            let shown = self.resolver.shown();
            let due_ms = acme.due_ms(shown.as_deref(), jitter).max(not_before_ms);
            self.renews_ms.store(due_ms, Ordering::Relaxed);
            let wait_ms = u64::try_from(due_ms.saturating_sub(self.clock.now_ms())).unwrap_or(0);
            tokio::select! {
                // Not for the whole time at once: a clock may be set right meanwhile.
                () = tokio::time::sleep(Duration::from_millis(wait_ms).min(LOOK)) => {}
                () = self.wake.notified() => {}
                () = lifecycle.soft_stop() => return,
            }
            let is_forced = self.is_forced.swap(false, Ordering::AcqRel);
            self.warn_of_end();
            if !is_forced && self.clock.now_ms() < due_ms {
                continue;
            }
            let ordered = tokio::select! {
                ordered = acme.order(failures) => ordered,
                () = lifecycle.soft_stop() => return,
            };
            jitter = (self.dice)();
            let now_ms = self.clock.now_ms();
            let settled = ordered.and_then(|certificate| {
                let facts = Arc::clone(&certificate.facts);
                // Also where our clock says that it is no good: a CA's is right.
                self.resolver.show(certificate);
                tell(&facts);
                if (facts.begins_ms..facts.ends_ms).contains(&now_ms) {
                    Ok(())
                } else {
                    Err(TlsError::Clock { begins_ms: facts.begins_ms, ends_ms: facts.ends_ms, now_ms })
                }
            });
            match settled {
                Ok(()) => {
                    (failures, not_before_ms) = (0, i64::MIN);
                    self.failure.store(None);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let pause_ms = pause_ms(failures, &error, jitter);
                    not_before_ms = now_ms.saturating_add(pause_ms);
                    let minutes = pause_ms / 60_000;
                    tracing::error!("{error}. It is tried again in {minutes} min; until then nothing changes");
                    self.failure.store(Some(Arc::new(error.to_string())));
                }
            }
        }
    }
}
