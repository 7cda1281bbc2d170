//! Keeps keys good: each in the background by itself, before it expires, and at once when its provider refuses it. The key
//! from before is sent until the next one is there.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokenrouter::pick::endpoint::Scope;
use tokenrouter::pick::mix;
use tokio::sync::Notify;

use super::held::{Held, Issued};
use super::key_source::{KeyError, KeySource, World};
use super::snapshot::Live;
use crate::lifecycle::Lifecycle;

/// Nobody sleeps longer: the machine may, and somebody may sign in.
const LOOK: Duration = Duration::from_secs(5);
/// So long a sign-in that is being renewed may take when the daemon stops; less than the daemon takes for that itself.
const LAST: Duration = Duration::from_secs(3);
/// A key that is as it was is not fetched again so soon, in milliseconds: the source has no newer one yet.
const SAME_MS: i64 = 20_000;
/// After a failure; doubled each time, up to the second, and where trying again cannot help soon at once the third.
const RETRY_MS: (i64, i64, i64) = (1_000, 60_000, 600_000);

/// Renews keys.
#[derive(Clone, Debug)]
pub struct Renewals {
    /// What sources need.
    pub world: World,
    /// What requests see.
    pub live: Arc<Live>,
    /// What ends when the daemon does.
    pub lifecycle: Lifecycle,
}

impl Renewals {
    /// Begins to keep `held` good, until nobody holds it any more or the daemon stops; once for each.
    pub fn follow(&self, source: KeySource, held: &Arc<Held>) {
        let Some(wanted) = held.wanted().filter(|_| held.begin_to_follow()) else { return };
        let (me, held) = (self.clone(), Arc::downgrade(held));
        self.lifecycle.spawn_connection(async move { me.keep(&source, &held, &wanted).await });
    }

    async fn keep(&self, source: &KeySource, held: &Weak<Held>, wanted: &Notify) {
        let clock = &self.world.clock;
        let sign_in = source.sign_in();
        let stamp = || sign_in.as_ref().and_then(|name| self.world.sign_ins.stamp(name));
        let mut seen = None;
        let (mut failures, mut number, mut due_ms) = (0, 0, clock.now_ms());
        loop {
            let Some(key) = held.upgrade() else { return };
            if let Some(issued) = key.issued().filter(|_| key.number() != number) {
                // Fetched while the configuration was read.
                (number, due_ms) = (key.number(), self.due_ms(source, &issued));
            }
            let now = stamp();
            let is_changed = sign_in.is_some() && now != seen;
            if is_changed && now.is_none() {
                // A person has signed out.
                key.take_away(&format!("nobody is signed in: run `torod provider login {}`", source.provider));
                tracing::info!(provider = %source.provider, key = %source.label, "signed out");
            }
            if clock.now_ms() >= due_ms || is_changed || key.is_asked_for() {
                let Some(renewed) = self.unless_stopping(sign_in.is_some(), self.renew(source, &key)).await else {
                    return;
                };
                due_ms = match renewed {
                    Ok(due_ms) => {
                        // What was written meanwhile is ours.
                        (failures, seen) = (0, stamp());
                        due_ms
                    }
                    Err(error) => {
                        (failures, seen) = (failures + 1, now);
                        clock.now_ms().saturating_add(backoff_ms(failures, error.is_settled, clock.now_ms()))
                    }
                };
                number = key.number();
                key.renewal_ended();
            }
            drop(key);
            let left = u64::try_from(due_ms.saturating_sub(clock.now_ms())).unwrap_or(0);
            let wait = Duration::from_millis(left).min(LOOK);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = wanted.notified() => {}
                () = self.lifecycle.soft_stop() => return,
            }
        }
    }

    /// Does `work` unless the daemon stops. A sign-in may end it: what the server has given must be kept, because it has
    /// taken back what it gave before.
    async fn unless_stopping<T>(&self, is_sign_in: bool, work: impl Future<Output = T>) -> Option<T> {
        let stopped = async {
            self.lifecycle.soft_stop().await;
            if is_sign_in {
                tokio::time::sleep(LAST).await;
            }
        };
        tokio::select! {
            done = work => Some(done),
            () = stopped => None,
        }
    }

    /// Fetches the next key. Says when the one after it is due, in Unix milliseconds.
    async fn renew(&self, source: &KeySource, held: &Arc<Held>) -> Result<i64, KeyError> {
        held.renewal_began();
        let current = held.issued();
        let fetched = source.fetch(&self.world, current.as_ref().map(|issued| &issued.secret)).await;
        let (provider, key) = (&source.provider, &source.label);
        let issued = match fetched {
            Ok(issued) => issued,
            Err(error) => {
                if held.state().problem.as_ref() != Some(&error.why) {
                    let until = if held.is_there() { "the key stays the one from before" } else { "there is no key" };
                    tracing::warn!(%provider, %key, "{until}: {error}");
                }
                held.failed(&error.why, error.needs_sign_in);
                return Err(error);
            }
        };
        let due_ms = self.due_ms(source, &issued);
        if current.as_ref().is_some_and(|current| current.secret == issued.secret) {
            held.clear_failure();
            return Ok(due_ms.max(self.world.clock.now_ms() + SAME_MS));
        }
        if !held.put(issued) {
            let error = KeyError {
                why: "the key holds characters that no header can carry".to_owned(),
                needs_sign_in: false,
                is_settled: false,
            };
            held.failed(&error.why, false);
            return Err(error);
        }
        tracing::info!(%provider, %key, "the key was {}", if current.is_some() { "renewed" } else { "fetched" });
        self.reopen(held);
        Ok(due_ms)
    }

    /// When the key after `issued` is due, in Unix milliseconds.
    fn due_ms(&self, source: &KeySource, issued: &Issued) -> i64 {
        let now_ms = self.world.clock.now_ms();
        let seed = source.label.bytes().chain(source.provider.bytes());
        let dice = seed.fold(now_ms.cast_unsigned(), |seed, byte| mix(seed ^ u64::from(byte)));
        due_ms(now_ms, issued.expires_ms, source.refresh, dice)
    }

    /// Nothing that was held against the key before holds for the new one.
    fn reopen(&self, held: &Arc<Held>) {
        let live = self.live.load();
        for endpoint in live.table.endpoints() {
            let provider = live.providers.get(endpoint.provider);
            let key = provider.and_then(|provider| provider.credentials().get(endpoint.credential));
            if key.is_some_and(|key| Arc::ptr_eq(&key.held, held)) {
                endpoint.recovered(Scope::Credential);
            }
        }
        for provider in &live.providers {
            let is_its = provider.credentials().iter().any(|key| Arc::ptr_eq(&key.held, held));
            if is_its && provider.listed.load().is_none() {
                // Whoever follows its list looks again; nobody here waits for that.
                drop(provider.listed.looks.want(self.world.clock.uptime_ms()));
            }
        }
    }
}

/// When a key that was fetched at `now_ms` is renewed: after four fifths of its life or the refresh time, a little earlier
/// by chance, so that many gateways do not ask at once. Never, where nobody says how long it holds.
fn due_ms(now_ms: i64, expires_ms: Option<i64>, refresh: Option<Duration>, dice: u64) -> i64 {
    let life_ms = expires_ms.map(|expires_ms| expires_ms.saturating_sub(now_ms).max(0) / 5 * 4);
    let refresh_ms = refresh.map(|refresh| i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX));
    let Some(wait_ms) = life_ms.into_iter().chain(refresh_ms).min() else { return i64::MAX };
    let earlier_ms = wait_ms / 1_000 * i64::try_from(dice % 101).unwrap_or(0);
    now_ms.saturating_add((wait_ms - earlier_ms).max(RETRY_MS.0))
}

/// How long to wait after so many failures in a row, in milliseconds: give or take a fifth.
fn backoff_ms(failures: u32, is_settled: bool, now_ms: i64) -> i64 {
    let (first_ms, most_ms, settled_ms) = RETRY_MS;
    let usual_ms = if is_settled { settled_ms } else { (first_ms << failures.saturating_sub(1).min(10)).min(most_ms) };
    let dice = i64::try_from(mix(now_ms.cast_unsigned() ^ u64::from(failures)) % 401).unwrap_or(200);
    usual_ms / 1_000 * (800 + dice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_renewed_before_it_expires_and_not_by_all_at_once() {
        const NOW: i64 = 1_800_000_000_000;
        let hour = Some(NOW + 3_600_000);
        let dues: Vec<_> = (0..101).map(|dice| due_ms(NOW, hour, None, dice) - NOW).collect();
        assert_eq!((dues.iter().max(), dues.iter().min()), (Some(&2_880_000), Some(&2_592_000)));
        assert_eq!(due_ms(NOW, None, None, 7), i64::MAX);
        assert_eq!(due_ms(NOW, hour, Some(Duration::from_mins(10)), 0) - NOW, 600_000);
        assert_eq!(due_ms(NOW, None, Some(Duration::from_mins(10)), 0) - NOW, 600_000);
        assert_eq!(due_ms(NOW, hour, Some(Duration::from_hours(2)), 0) - NOW, 2_880_000);
        // Already over, or about to be, or nonsense: not at once again and again.
        for expires_ms in [NOW - 5, NOW, NOW + 900, i64::MIN] {
            assert_eq!(due_ms(NOW, Some(expires_ms), None, 9) - NOW, 1_000);
        }
        assert!(due_ms(NOW, Some(i64::MAX), None, 100) > NOW);
    }

    #[test]
    fn failures_are_followed_by_ever_longer_waits_up_to_a_bound() {
        let waits: Vec<_> = (1..40).map(|failures| backoff_ms(failures, false, 5)).collect();
        assert!(waits[0] <= 1_200 && waits[3] > waits[0] * 3, "{waits:?}");
        assert!(waits.iter().all(|ms| (800..=72_000).contains(ms)), "{waits:?}");
        assert!((480_000..=720_000).contains(&backoff_ms(1, true, 5)));
    }
}
