//! A key as it is held at this moment: read by every request without a lock, replaced by whoever renews it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue};
use tokenrouter::catalog::AuthStyle;
use tokenrouter_shared::Secret;
use tokenrouter_shared::provider::KeyStanding;
use tokio::sync::{Notify, watch};

/// A key that a provider has refused is not renewed again so soon, in milliseconds: the new one would be refused too.
const REFUSED_AGAIN_MS: u64 = 15_000;

/// What a source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The key.
    pub secret: Secret,
    /// Until when it holds, in Unix milliseconds; none where nobody says so.
    pub expires_ms: Option<i64>,
}

/// A key with the headers that carry it.
#[derive(Debug)]
struct Issue {
    issued: Issued,
    headers: Vec<(AuthStyle, (HeaderName, HeaderValue))>,
}

/// How a key stands, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyState {
    /// Whether there is one.
    pub is_there: bool,
    /// Whether it is renewed at all.
    pub is_renewed: bool,
    /// Until when it holds, in Unix milliseconds.
    pub expires_ms: Option<i64>,
    /// Why the last renewal failed.
    pub problem: Option<String>,
    /// Whether a person must sign in.
    pub needs_sign_in: bool,
}

impl KeyState {
    /// The same in the words of reports.
    pub fn standing(&self, label: &str) -> KeyStanding {
        let state = match (self.is_there, self.needs_sign_in) {
            (true, _) => "good",
            (false, true) => "signed_out",
            (false, false) => "missing",
        };
        KeyStanding {
            label: label.to_owned(),
            state: state.to_owned(),
            expires_ms: self.expires_ms,
            problem: self.problem.clone(),
        }
    }
}

/// A key at this moment. `Debug` shows none of it.
#[derive(Debug)]
pub struct Held {
    current: ArcSwapOption<Issue>,
    /// The number of the current issue; 0 for none.
    number: AtomicU64,
    renewal: Option<Renewal>,
}

/// What who renews a key and who needs it say to each other.
#[derive(Debug)]
struct Renewal {
    wanted: Arc<Notify>,
    is_followed: AtomicBool,
    /// Somebody has asked, or it is being renewed.
    is_under_way: AtomicBool,
    /// When a refusal last had it renewed, by the clock that never goes back; 0 for never.
    refused_ms: AtomicU64,
    /// How many renewals have ended, whatever came of them.
    ended: watch::Sender<u64>,
    failure: Mutex<Option<(String, bool)>>,
}

impl Held {
    /// A key that stays what it is.
    pub fn fixed(secret: Secret) -> Self {
        let held = Self { current: ArcSwapOption::empty(), number: AtomicU64::new(0), renewal: None };
        held.put(Issued { secret, expires_ms: None });
        held
    }

    /// A key that is renewed, and not there yet.
    pub fn awaited() -> Self {
        let renewal = Renewal {
            wanted: Arc::default(),
            is_followed: AtomicBool::new(false),
            is_under_way: AtomicBool::new(false),
            refused_ms: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            failure: Mutex::default(),
        };
        Self { current: ArcSwapOption::empty(), number: AtomicU64::new(0), renewal: Some(renewal) }
    }

    /// Holds `issued` from now on. Says whether that can be: no header carries every text.
    pub fn put(&self, issued: Issued) -> bool {
        let header =
            |style: AuthStyle| style.header(issued.secret.expose()).map(|header| header.map(|header| (style, header)));
        let headers: Result<Vec<_>, _> = AuthStyle::ALL.into_iter().map(header).filter_map(Result::transpose).collect();
        let Ok(headers) = headers else { return false };
        let number = self.number() + 1;
        self.current.store(Some(Arc::new(Issue { issued, headers })));
        // After the key itself: who sees the number finds the key.
        self.number.store(number, Ordering::Release);
        self.clear_failure();
        true
    }

    /// What went wrong before is over.
    pub(super) fn clear_failure(&self) {
        if let Some(renewal) = &self.renewal {
            *renewal.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// There is none any more, because of `why`.
    pub fn take_away(&self, why: &str) {
        self.current.store(None);
        self.failed(why, true);
    }

    /// Whether it is one that no header can carry.
    pub(super) fn is_unusable(&self) -> bool {
        self.renewal.is_none() && !self.is_there()
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.current.load().is_some()
    }

    /// Whether it is renewed at all.
    pub const fn is_renewed(&self) -> bool {
        self.renewal.is_some()
    }

    /// The same as [`Self::is_there`] for who looks with every request: one that stays what it is costs nothing.
    pub fn is_ready(&self) -> bool {
        self.renewal.is_none() || self.is_there()
    }

    /// What is held.
    pub fn issued(&self) -> Option<Issued> {
        self.current.load().as_ref().map(|issue| issue.issued.clone())
    }

    /// Counts the keys that were held; 0 for none yet.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    pub(super) fn with_header(&self, style: AuthStyle, put: impl FnOnce(&HeaderName, &HeaderValue)) {
        if let Some(issue) = &*self.current.load()
            && let Some((_, (name, value))) = issue.headers.iter().find(|(s, _)| *s == style)
        {
            put(name, value);
        }
    }

    /// How it stands.
    pub fn state(&self) -> KeyState {
        let current = self.current.load();
        let failure = self
            .renewal
            .as_ref()
            .and_then(|renewal| renewal.failure.lock().unwrap_or_else(PoisonError::into_inner).clone());
        KeyState {
            is_there: current.is_some(),
            is_renewed: self.is_renewed(),
            expires_ms: current.as_ref().and_then(|issue| issue.issued.expires_ms),
            needs_sign_in: failure.as_ref().is_some_and(|(_, needs)| *needs),
            problem: failure.map(|(why, _)| why),
        }
    }

    /// Whether nobody renews it yet; who is told so does from now on.
    pub(super) fn begin_to_follow(&self) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| !renewal.is_followed.swap(true, Ordering::AcqRel))
    }

    /// What somebody who wants another key rings; also rung when nobody holds this one any more.
    pub(super) fn wanted(&self) -> Option<Arc<Notify>> {
        self.renewal.as_ref().map(|renewal| Arc::clone(&renewal.wanted))
    }

    /// Has whoever renews it look at once.
    pub fn wake(&self) {
        if let Some(renewal) = &self.renewal {
            renewal.wanted.notify_one();
        }
    }

    /// The same; where there is none, or the last renewal failed, it is also tried again at once.
    pub fn hurry(&self) {
        if let Some(renewal) = &self.renewal {
            let state = self.state();
            if !state.is_there || state.problem.is_some() {
                renewal.is_under_way.store(true, Ordering::Release);
            }
            renewal.wanted.notify_one();
        }
    }

    /// Whether somebody has asked for another one.
    pub(super) fn is_asked_for(&self) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| renewal.is_under_way.load(Ordering::Acquire))
    }

    /// A renewal begins.
    pub(super) fn renewal_began(&self) {
        if let Some(renewal) = &self.renewal {
            renewal.is_under_way.store(true, Ordering::Release);
        }
    }

    /// A renewal failed.
    pub(super) fn failed(&self, why: &str, needs_sign_in: bool) {
        if let Some(renewal) = &self.renewal {
            *renewal.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some((why.to_owned(), needs_sign_in));
        }
    }

    /// A renewal ended, whatever came of it.
    pub(super) fn renewal_ended(&self) {
        if let Some(renewal) = &self.renewal {
            renewal.is_under_way.store(false, Ordering::Release);
            renewal.ended.send_modify(|ended| *ended += 1);
        }
    }

    /// The provider has refused the key of this number: has it renewed, unless that was just done. Says whether there is
    /// another one now, after `longest` at the latest.
    pub async fn renewed_since(&self, number: u64, longest: Duration, uptime_ms: u64) -> bool {
        let Some(renewal) = &self.renewal else { return false };
        // Seen from here on: the end of a renewal that is under way is not missed.
        let mut ended = renewal.ended.subscribe();
        if self.number() > number {
            return true;
        }
        if !renewal.is_followed.load(Ordering::Acquire) || !renewal.ask(uptime_ms) {
            // It may have come between the two looks.
            return self.number() > number;
        }
        // An error means that nobody renews it any more.
        drop(tokio::time::timeout(longest, ended.changed()).await);
        self.number() > number
    }

    /// The same without waiting.
    pub fn refused(&self, number: u64, uptime_ms: u64) {
        if let Some(renewal) = self.renewal.as_ref().filter(|_| self.number() == number) {
            renewal.ask(uptime_ms);
        }
    }
}

impl Renewal {
    /// Wants another key at once. Says whether one is being fetched.
    fn ask(&self, uptime_ms: u64) -> bool {
        if self.is_under_way.load(Ordering::Acquire) {
            return true;
        }
        let last_ms = self.refused_ms.load(Ordering::Acquire);
        if last_ms != 0 && uptime_ms.saturating_sub(last_ms) < REFUSED_AGAIN_MS {
            return false;
        }
        // One of many who are refused at once asks; all of them wait for the same.
        if !self.is_under_way.swap(true, Ordering::AcqRel) {
            self.refused_ms.store(uptime_ms.max(1), Ordering::Release);
            self.wanted.notify_one();
        }
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(text: &str) -> Issued {
        Issued { secret: text.into(), expires_ms: None }
    }

    fn header(held: &Held, style: AuthStyle) -> Option<String> {
        let mut found = None;
        held.with_header(style, |name, value| found = Some(format!("{name}: {}", value.to_str().unwrap())));
        found
    }

    #[test]
    fn what_is_put_is_sent_in_every_style_and_never_shown() {
        let held = Held::awaited();
        assert_eq!((held.is_there(), held.number(), header(&held, AuthStyle::Bearer)), (false, 0, None));
        assert!(held.put(issued("hunter2")));
        assert_eq!(header(&held, AuthStyle::Bearer).unwrap(), "authorization: Bearer hunter2");
        assert_eq!(header(&held, AuthStyle::XApiKey).unwrap(), "x-api-key: hunter2");
        assert_eq!(header(&held, AuthStyle::None), None);
        assert!(!format!("{held:?}").contains("hunter2"));
        // What no header carries changes nothing.
        assert!(!held.put(issued("a\nb")));
        assert_eq!(held.number(), 1);
        assert!(Held::fixed("a\nb".into()).is_unusable() && !Held::awaited().is_unusable());
    }

    #[tokio::test]
    async fn many_that_are_refused_ask_once_and_all_get_the_new_one() {
        let held = Arc::new(Held::awaited());
        held.put(issued("old"));
        let longest = Duration::from_secs(20);
        assert!(!held.renewed_since(1, longest, 50_000).await, "nobody renews it");
        assert!(held.begin_to_follow() && !held.begin_to_follow());
        let wanted = held.wanted().unwrap();
        let askers = (0..50).map(|_| held.renewed_since(1, longest, 50_000));
        let renewing = async {
            wanted.notified().await;
            assert!(held.is_asked_for());
            held.put(issued("new"));
            held.renewal_ended();
        };
        let (told, ()) = tokio::join!(futures_util::future::join_all(askers), renewing);
        assert!(told.iter().all(|is_new| *is_new));
        assert!(tokio::time::timeout(Duration::from_millis(1), wanted.notified()).await.is_err(), "asked once");
        // Refused again at once: the new one is no better. Who was slow to hear of the old one has the new one.
        assert!(!held.renewed_since(2, longest, 50_100).await);
        assert!(held.renewed_since(1, longest, 50_100).await);
        let later = async {
            wanted.notified().await;
            held.failed("no", false);
            held.renewal_ended();
        };
        let (told, ()) = tokio::join!(held.renewed_since(2, longest, 50_000 + REFUSED_AGAIN_MS), later);
        assert!(!told);
        assert_eq!(held.state().problem.as_deref(), Some("no"));
    }
}
