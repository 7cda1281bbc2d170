//! The post: brings messages to webhooks one after the other, again and again for a day, and keeps them in the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokenrouter::pick::mix;
use tokenrouter_shared::alert::WebhookView;

use super::webhook::{Hook, Refused};
use crate::clock::Clock;
use crate::store::alerts::{self as rows, Delivery};
use crate::store::{Readers, StoreError, WriterHandle};

/// Pauses after attempts that failed, in seconds; the last one stays.
const PAUSES_S: [u64; 9] = [5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 7_200];
/// After so long a message is given up, in milliseconds.
const GIVEN_UP_MS: i64 = 24 * 3_600_000;
/// Messages that one webhook is brought in one round.
const MOST: usize = 100;

/// How the messages to one webhook fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fare {
    waiting: u64,
    lost: u64,
    delivered_ms: Option<i64>,
    error: Option<String>,
}

/// Brings messages to webhooks.
#[derive(Debug)]
pub(super) struct Post {
    readers: Arc<Readers>,
    writer: WriterHandle,
    clock: Clock,
    fares: Mutex<HashMap<String, Fare>>,
}

impl Post {
    pub(super) fn new(readers: Arc<Readers>, writer: WriterHandle, clock: Clock) -> Self {
        Self { readers, writer, clock, fares: Mutex::default() }
    }

    /// How each of `hooks` stands.
    pub(super) fn views(&self, hooks: &[Arc<Hook>]) -> Vec<WebhookView> {
        let fares = self.fares.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |hook: &Arc<Hook>| {
            let Fare { waiting, lost, delivered_ms, error } = fares.get(&hook.id).cloned().unwrap_or_default();
            WebhookView {
                url: hook.origin.clone(),
                waiting,
                lost,
                delivered_ms,
                error: error.or_else(|| hook.fault.clone()),
            }
        };
        hooks.iter().map(view).collect()
    }

    /// So many messages were pushed out or belong to nobody any more.
    pub(super) fn lost(&self, hook: &str, messages: u64) {
        self.fare(hook, |fare| fare.lost += messages);
    }

    fn fare(&self, hook: &str, change: impl FnOnce(&mut Fare)) {
        change(self.fares.lock().unwrap_or_else(PoisonError::into_inner).entry(hook.to_owned()).or_default());
    }

    /// Counts what waits, and forgets what was for webhooks that are no more.
    pub(super) async fn begin(&self, hooks: &[Arc<Hook>]) {
        let known: Vec<String> = hooks.iter().map(|hook| hook.id.clone()).collect();
        let forgotten = self.writer.call(move |connection| rows::forget_others(connection, &known)).await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "messages to webhooks of the past stay");
        }
        self.count(hooks).await;
    }

    /// Brings what is due, to all of `hooks` at once. In how many milliseconds there is more to do; none: nothing waits.
    pub(super) async fn round(&self, hooks: &[Arc<Hook>]) -> Option<u64> {
        let next = join_all(hooks.iter().map(|hook| self.bring(hook))).await.into_iter().flatten().min();
        if !hooks.is_empty() {
            self.count(hooks).await;
        }
        next
    }

    async fn count(&self, hooks: &[Arc<Hook>]) {
        let Ok(waiting) = self.read(rows::waiting).await else { return };
        for hook in hooks {
            let count = waiting.iter().find(|(id, _)| *id == hook.id).map_or(0, |(_, count)| *count);
            self.fare(&hook.id, |fare| fare.waiting = count);
        }
    }

    /// Brings what is due to one webhook, in order. In how many milliseconds there is more to do.
    async fn bring(&self, hook: &Hook) -> Option<u64> {
        for _ in 0..MOST {
            let id = hook.id.clone();
            let delivery = match self.read(move |connection| rows::next(connection, &id)).await {
                Ok(delivery) => delivery?,
                Err(_) => return Some(30_000),
            };
            let now_ms = self.clock.now_ms();
            let wait_ms = delivery.next_ms.saturating_sub(now_ms);
            // A clock that was set back makes nobody wait for longer than a pause.
            if wait_ms > 0 && now_ms >= delivery.made_ms {
                return u64::try_from(wait_ms).ok();
            }
            if let Some(again_ms) = self.try_once(hook, &delivery).await {
                return Some(again_ms);
            }
        }
        Some(0)
    }

    /// One attempt. In how many milliseconds to go on, where it failed.
    async fn try_once(&self, hook: &Hook, delivery: &Delivery) -> Option<u64> {
        let sent = hook.send(&delivery.message_id, &delivery.body, self.clock.now_ms()).await;
        let (id, now_ms) = (delivery.id, self.clock.now_ms());
        let Err(refused) = sent else {
            self.fare(&hook.id, |fare| (fare.delivered_ms, fare.error) = (Some(now_ms), None));
            return self.forget(id).await;
        };
        let Refused { why, wait_ms, is_gone, .. } = refused;
        tracing::warn!(webhook = %hook.origin, attempt = delivery.attempts + 1, "a message was not taken: {why}");
        let is_given_up = is_gone || now_ms.saturating_sub(delivery.made_ms) >= GIVEN_UP_MS;
        self.fare(&hook.id, |fare| {
            fare.error = Some(why);
            fare.lost += u64::from(is_given_up);
        });
        if is_given_up {
            tracing::error!(webhook = %hook.origin, "a message was given up after {} attempts", delivery.attempts + 1);
            return self.forget(id).await;
        }
        let pause_ms = pause_ms(delivery.attempts, mix(id.cast_unsigned() ^ now_ms.cast_unsigned()));
        let pause_ms = pause_ms.max(wait_ms.unwrap_or(0));
        let next_ms = now_ms.saturating_add(i64::try_from(pause_ms).unwrap_or(i64::MAX));
        if self.writer.call(move |connection| rows::again(connection, id, next_ms)).await.is_err() {
            // It would be tried again at once: the pause is kept here.
            return Some(30_000);
        }
        Some(pause_ms)
    }

    /// A message need not be sent any more.
    async fn forget(&self, id: i64) -> Option<u64> {
        match self.writer.call(move |connection| rows::done(connection, id)).await {
            Ok(()) => None,
            // It is sent once more: its receiver knows it by its id.
            Err(error) => {
                tracing::warn!(%error, "a message that was delivered cannot be forgotten");
                Some(30_000)
            }
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&crate::store::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.with(query)).await.unwrap_or(Err(StoreError::Closed))
    }
}

/// The pause after so many failed attempts and one more: a fifth less or more, as the dice fall.
fn pause_ms(attempts: u32, dice: u64) -> u64 {
    let at = usize::try_from(attempts).unwrap_or(usize::MAX).min(PAUSES_S.len() - 1);
    let pause_ms = PAUSES_S.get(at).copied().unwrap_or(7_200) * 1_000;
    let fifth = pause_ms / 5;
    pause_ms - fifth + dice % (2 * fifth + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};
    use std::time::Duration;

    use tokenrouter_shared::alert::AlertKind;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::{Egress, Webhook};
    use crate::store::alerts::{Batch, Fired, Hook as HookRow};
    use crate::store::schema;
    use crate::usage::UsageWriter;

    const NOW: i64 = 1_800_000_000_000;
    /// The receiver says nothing at all.
    const SILENT: u16 = 0;

    #[test]
    fn pauses_grow_and_waver() {
        for (attempts, seconds) in [(0, 5), (1, 15), (2, 60), (8, 7_200), (99, 7_200), (u32::MAX, 7_200)] {
            for dice in [0, 1, 12_345, u64::MAX] {
                let pause = pause_ms(attempts, dice);
                assert!((seconds * 800..=seconds * 1_200).contains(&pause), "{attempts} {pause}");
            }
        }
    }

    struct Rig {
        post: Post,
        hooks: Vec<Arc<Hook>>,
        clock: Clock,
        status: Arc<AtomicU16>,
        asked: Arc<Mutex<Vec<String>>>,
        usage: UsageWriter,
        _folder: tempfile::TempDir,
    }

    /// A webhook whose receiver answers with a status that the test sets, and `waiting` messages for it.
    async fn rig(status: u16, waiting: usize) -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let (status, asked) = (Arc::new(AtomicU16::new(status)), Arc::<Mutex<Vec<String>>>::default());
        let (says, log) = (Arc::clone(&status), Arc::clone(&asked));
        tokio::runtime::Handle::current().spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 64 << 10];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                log.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
                match says.load(Ordering::SeqCst) {
                    SILENT => held.push(stream),
                    status => {
                        let more = if status == 429 { "retry-after: 7200\r\n" } else { "" };
                        let head =
                            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n");
                        _ = stream.write_all(head.as_bytes()).await;
                    }
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(NOW);
        let usage = UsageWriter::start(schema::open_writer(folder.path()).unwrap(), 10, clock.clone()).unwrap();
        let webhook = Webhook {
            url,
            secret: None,
            kinds: AlertKind::ALL.to_vec(),
            timeout: Duration::from_millis(300),
            egress: Egress::default(),
        };
        let hook = Arc::new(Hook::new(&webhook, Ok(None)));
        let fired = |n: usize| Fired {
            kind: "budget",
            key: n.to_string(),
            severity: "warning",
            subject: "s".into(),
            message: "m".into(),
            advice: "a".into(),
            permille: None,
            resets_ms: None,
            fired_ms: NOW,
        };
        let batch = Batch {
            fired: (0..waiting).map(fired).collect(),
            hooks: vec![HookRow { id: hook.id.clone(), kinds: vec!["budget"] }],
            now_ms: NOW,
            ..Batch::default()
        };
        usage.handle().call(move |connection| rows::apply(connection, &batch)).await.unwrap();
        let post = Post::new(Arc::new(Readers::new(folder.path().to_owned())), usage.handle(), clock.clone());
        Rig { post, hooks: vec![hook], clock, status, asked, usage, _folder: folder }
    }

    impl Rig {
        async fn round(&self) -> Option<u64> {
            self.post.round(&self.hooks).await
        }

        fn view(&self) -> WebhookView {
            self.post.views(&self.hooks).remove(0)
        }

        fn ids(&self) -> Vec<String> {
            let asked = self.asked.lock().unwrap();
            let line =
                |text: &String| text.lines().find_map(|line| line.strip_prefix("webhook-id: ")).map(str::to_owned);
            asked.iter().filter_map(line).collect()
        }

        fn end(self) {
            assert!(self.usage.stop(Duration::from_secs(10)));
        }
    }

    #[tokio::test]
    async fn a_receiver_that_flaps_gets_each_message_in_order() {
        let rig = rig(500, 2).await;
        for seconds in [5, 15] {
            let wait = rig.round().await.unwrap();
            assert!((seconds * 800..=seconds * 1_200).contains(&wait), "{wait}");
            let tried = rig.ids().len();
            assert!(rig.round().await.unwrap() <= wait);
            assert_eq!(rig.ids().len(), tried, "not before its time");
            rig.clock.advance(wait.cast_signed());
        }
        assert_eq!((rig.view().waiting, rig.view().error.as_deref()), (2, Some("status 500")));
        rig.status.store(204, Ordering::SeqCst);
        assert_eq!(rig.round().await, None);
        let ids = rig.ids();
        assert_eq!(ids.len(), 4);
        assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[3] != ids[2], "{ids:?}");
        let view = rig.view();
        assert_eq!((view.waiting, view.lost, view.error), (0, 0, None));
        assert!(view.delivered_ms.is_some());
        rig.end();
    }

    #[tokio::test]
    async fn who_is_down_for_a_day_is_given_up_and_the_next_message_has_a_day_of_its_own() {
        let rig = rig(503, 1).await;
        let mut attempts = 0;
        while let Some(wait) = rig.round().await {
            attempts += 1;
            assert!(attempts < 40 && wait <= 2 * 3_600_000 * 6 / 5);
            rig.clock.advance(wait.cast_signed());
        }
        assert!((15..40).contains(&attempts), "{attempts}");
        assert!(rig.clock.now_ms() - NOW >= GIVEN_UP_MS);
        assert_eq!((rig.view().waiting, rig.view().lost), (0, 1));
        rig.end();
    }

    #[tokio::test]
    async fn silence_is_no_answer_and_wishes_are_heard() {
        let rig = rig(SILENT, 1).await;
        let wait = rig.round().await.unwrap();
        assert_eq!(rig.view().error.as_deref(), Some("no answer within 300 ms"));
        rig.clock.advance(wait.cast_signed());
        rig.status.store(429, Ordering::SeqCst);
        assert_eq!(rig.round().await, Some(7_200_000), "it wants to be left alone for so long");
        rig.clock.advance(7_200_000);
        rig.status.store(302, Ordering::SeqCst);
        let wait = rig.round().await.unwrap();
        assert!(rig.view().error.unwrap().contains("redirects are not followed"));
        rig.clock.advance(wait.cast_signed());
        rig.status.store(410, Ordering::SeqCst);
        assert_eq!(rig.round().await, None);
        assert_eq!((rig.view().waiting, rig.view().lost), (0, 1), "it wants none of it, ever");
        rig.end();
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_delays_nothing_for_long() {
        let rig = rig(500, 1).await;
        rig.round().await.unwrap();
        rig.clock.jump(-86_400_000);
        rig.status.store(200, Ordering::SeqCst);
        assert_eq!(rig.round().await, None);
        assert_eq!(rig.view().waiting, 0);
        rig.end();
    }
}
