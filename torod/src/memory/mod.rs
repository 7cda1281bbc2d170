//! What outlives a request: answers that later ones continue, and the state of tool calls that their clients cannot
//! carry. Kept in memory until the database has it, so that a client that comes back at once finds it.

mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Deserialize;
use tokenrouter::convert::Carried;
use tokenrouter::responses::state::{self, Turn};
use tokio::sync::Notify;

use self::waiting::Waiting;
use crate::clock::Clock;
use crate::config::Responses;
use crate::lifecycle::Lifecycle;
pub use crate::store::kept::Kept;
use crate::store::kept::{self, Kind};
use crate::store::{Readers, StoreError, WriterHandle};

/// The largest exchange that is kept.
pub const MAX_BYTES: usize = 16 << 20;
/// The most turns that one conversation is put together from, and what they may weigh.
const MAX_TURNS: usize = 2_000;
const MAX_TURNS_BYTES: usize = 64 << 20;
/// For how long the state of tool calls is kept at most.
const CALL_DAYS: i64 = 7;
/// How long writing waits for more to write, and after a failure.
const GATHER: Duration = Duration::from_millis(20);
const AGAIN: Duration = Duration::from_secs(1);
/// How often the ended are removed.
const SWEEP: Duration = Duration::from_mins(10);

/// For how long it is remembered whose a conversation is.
const CONVERSATION_DAYS: i64 = 3_650;

const DAY_MS: i64 = 86_400_000;

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Whoever asks.
    Own,
    /// Another token.
    Another,
    /// Nobody, as far as is known.
    Nobody,
}

/// The ids of the items of an answer.
fn item_ids(answer: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Item {
        id: Option<String>,
    }
    #[derive(Deserialize)]
    struct Answer {
        output: Vec<Item>,
    }
    let answer = serde_json::from_slice::<Answer>(answer);
    answer.map(|answer| answer.output.into_iter().filter_map(|item| item.id).collect()).unwrap_or_default()
}

/// Answers and states, by the token that they belong to.
pub struct Memory {
    waiting: Waiting,
    wake: Notify,
    /// Held while rows are written, so that nothing is forgotten while it is on its way.
    writing: tokio::sync::Mutex<()>,
    /// Whether there may be the state of any call: mostly there is none, and then nobody looks.
    has_calls: AtomicBool,
    writer: WriterHandle,
    readers: Arc<Readers>,
    clock: Clock,
    settings: ArcSwap<Responses>,
}

/// What is known of a request whose answer is to be kept.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Whose it is; 0 for requests without a key on loopback.
    pub token_id: i64,
    /// The provider that answers.
    pub provider: Arc<str>,
    /// Whether the provider keeps the answer too.
    pub upstream: bool,
}

impl Memory {
    /// A memory over the database of `writer` and `readers`.
    pub fn new(
        writer: WriterHandle,
        readers: Arc<Readers>,
        clock: Clock,
        settings: Responses,
        has_calls: bool,
    ) -> Self {
        let (waiting, wake, writing) = (Waiting::default(), Notify::new(), tokio::sync::Mutex::default());
        let (has_calls, settings) = (AtomicBool::new(has_calls), ArcSwap::from_pointee(settings));
        Self { waiting, wake, writing, has_calls, writer, readers, clock, settings }
    }

    /// Keeps answers as `settings` say from now on.
    pub fn configure(&self, settings: Responses) {
        self.settings.store(Arc::new(settings));
    }

    /// Whether answers are kept at all.
    pub fn is_on(&self) -> bool {
        self.settings.load().retention_days > 0
    }

    /// Keeps the answer in `data` (the object, or the event that ends its stream) to the request `body`; tells its id.
    pub fn answered(&self, origin: &Origin, previous: Option<&str>, body: &[u8], data: &[u8]) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let (answer, input) = state::answer(data).zip(state::own_input(body))?;
        let id = answer.id.clone();
        let items = item_ids(&answer.object);
        let days = i64::from(self.settings.load().retention_days);
        self.keep(Kind::Answer, answer.id, origin, days, previous.map(str::to_owned), input, answer.object);
        for item in items {
            self.keep(Kind::Item, item, origin, days, None, Vec::new(), Vec::new());
        }
        Some(id)
    }

    /// Keeps the state of tool calls.
    pub fn carry(&self, origin: &Origin, calls: Vec<Carried>) {
        let days = i64::from(self.settings.load().retention_days).min(CALL_DAYS);
        if days == 0 || calls.is_empty() {
            return;
        }
        self.has_calls.store(true, Ordering::Release);
        for call in calls {
            self.keep(Kind::Call, call.call_id, origin, days, None, Vec::new(), call.sealed.into_bytes());
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a row")]
    fn keep(
        &self,
        kind: Kind,
        key: String,
        origin: &Origin,
        days: i64,
        previous: Option<String>,
        input: Vec<u8>,
        body: Vec<u8>,
    ) {
        let created_ms = self.clock.now_ms();
        let kept = Kept {
            kind,
            key,
            token_id: origin.token_id,
            created_ms,
            expires_ms: created_ms.saturating_add(days * DAY_MS),
            previous,
            provider: origin.provider.to_string(),
            upstream: origin.upstream,
            input,
            body,
        };
        if kept.bytes() > MAX_BYTES {
            tracing::info!(id = kept.key, bytes = kept.bytes(), "too large to be kept for later requests");
        } else if self.waiting.push(kept) {
            self.wake.notify_one();
        }
    }

    /// The answer `id` of a token.
    pub async fn find(self: &Arc<Self>, token_id: i64, id: &str) -> Result<Option<Arc<Kept>>, StoreError> {
        if let Some(waiting) = self.waiting.find(Kind::Answer, id, token_id) {
            return Ok(Some(waiting));
        }
        let id = id.to_owned();
        self.read(move |me| me.look(Kind::Answer, &id, token_id)).await
    }

    /// Whether the answer `id` was made for another token than `token_id`.
    pub async fn is_anothers(self: &Arc<Self>, token_id: i64, id: &str) -> Result<bool, StoreError> {
        if self.waiting.is_anothers(Kind::Answer, id, token_id) {
            return Ok(true);
        }
        let (id, now_ms) = (id.to_owned(), self.clock.now_ms());
        let look = move |me: &Self| {
            me.readers.with(|connection| kept::is_anothers(connection, Kind::Answer, &id, token_id, now_ms))
        };
        self.read(look).await
    }

    /// Whose the conversation `id` is, seen from a token.
    pub async fn conversation(self: &Arc<Self>, token_id: i64, id: &str) -> Result<Owner, StoreError> {
        let id = id.to_owned();
        self.read(move |me| {
            if me.look(Kind::Conversation, &id, token_id)?.is_some() {
                return Ok(Owner::Own);
            }
            let now_ms = me.clock.now_ms();
            let look = |connection: &_| kept::is_anothers(connection, Kind::Conversation, &id, token_id, now_ms);
            let is_anothers = me.waiting.is_anothers(Kind::Conversation, &id, token_id) || me.readers.with(look)?;
            Ok(if is_anothers { Owner::Another } else { Owner::Nobody })
        })
        .await
    }

    /// The first of `items` that is in no answer which is kept for the token.
    pub async fn unknown_item(
        self: &Arc<Self>,
        token_id: i64,
        items: Vec<String>,
    ) -> Result<Option<String>, StoreError> {
        self.read(move |me| {
            for item in items {
                if me.look(Kind::Item, &item, token_id)?.is_none() {
                    return Ok(Some(item));
                }
            }
            Ok(None)
        })
        .await
    }

    /// The conversation `id` is its token's from now on.
    pub fn claim(&self, origin: &Origin, id: &str) {
        self.keep(Kind::Conversation, id.to_owned(), origin, CONVERSATION_DAYS, None, Vec::new(), Vec::new());
    }

    /// Everything up to and with the answer `id`, the oldest first; none if a part of it is not kept.
    pub async fn turns(self: &Arc<Self>, token_id: i64, id: &str) -> Result<Option<Vec<Turn>>, StoreError> {
        let id = id.to_owned();
        self.read(move |me| {
            let mut turns = Vec::new();
            let (mut next, mut bytes) = (Some(id), 0);
            while let Some(id) = next.take() {
                let Some(kept) = me.look(Kind::Answer, &id, token_id)? else { return Ok(None) };
                let Some(answer) = state::answer(&kept.body) else { return Ok(None) };
                bytes += kept.bytes();
                if bytes > MAX_TURNS_BYTES || turns.len() >= MAX_TURNS {
                    return Ok(None);
                }
                turns.push(Turn { input: kept.input.clone(), output: answer.output });
                next.clone_from(&kept.previous);
            }
            turns.reverse();
            Ok(Some(turns))
        })
        .await
    }

    /// What is kept of the state of `calls`.
    pub async fn carried(self: &Arc<Self>, token_id: i64, calls: Vec<String>) -> Result<Vec<Carried>, StoreError> {
        if calls.is_empty() || !self.has_calls.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        self.read(move |me| {
            let mut found = Vec::new();
            for call_id in calls {
                if let Some(kept) = me.look(Kind::Call, &call_id, token_id)? {
                    let sealed = String::from_utf8_lossy(&kept.body).into_owned();
                    found.push(Carried { call_id, sealed });
                }
            }
            Ok(found)
        })
        .await
    }

    /// Forgets an answer. Says whether there was one.
    pub async fn forget(self: &Arc<Self>, token_id: i64, id: &str) -> Result<bool, StoreError> {
        let _writing = self.writing.lock().await;
        let was_waiting = self.waiting.remove(Kind::Answer, id, token_id);
        let id = id.to_owned();
        let deleted = self.writer.call(move |connection| kept::delete(connection, Kind::Answer, &id, token_id)).await?;
        Ok(deleted || was_waiting)
    }

    fn look(&self, kind: Kind, key: &str, token_id: i64) -> Result<Option<Arc<Kept>>, StoreError> {
        if let Some(waiting) = self.waiting.find(kind, key, token_id) {
            return Ok(Some(waiting));
        }
        let now_ms = self.clock.now_ms();
        let found = self.readers.with(|connection| kept::find(connection, kind, key, token_id, now_ms))?;
        Ok(found.map(Arc::new))
    }

    /// Reading blocks, so it happens on a thread for that.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let me = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&me)).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Writes what waits and removes what has ended, until the daemon ends.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let mut sweeps = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                () = self.wake.notified() => tokio::select! {
                    () = tokio::time::sleep(GATHER) => {}
                    () = lifecycle.hard_stop() => break,
                },
                _ = sweeps.tick() => self.sweep().await,
                () = lifecycle.hard_stop() => break,
            }
            if !self.write().await {
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => self.wake.notify_one(),
                    () = lifecycle.hard_stop() => break,
                }
            }
        }
        self.write().await;
    }

    /// Says whether all was written.
    async fn write(&self) -> bool {
        loop {
            let _writing = self.writing.lock().await;
            let batch = Arc::new(self.waiting.batch());
            if batch.is_empty() {
                return true;
            }
            let rows = Arc::clone(&batch);
            let written: Result<(), StoreError> =
                self.writer.call(move |connection| kept::insert(connection, rows.iter().map(AsRef::as_ref))).await;
            if let Err(error) = written {
                tracing::warn!(%error, waiting = batch.len(), "answers wait in memory: the database does not take them");
                return false;
            }
            self.waiting.written(&batch);
        }
    }

    async fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        let most = i64::try_from(self.settings.load().size_bytes).unwrap_or(i64::MAX);
        loop {
            match self.writer.call(move |connection| kept::sweep(connection, now_ms, most)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "kept answers that have ended could not be removed");
                    return;
                }
            }
        }
    }
}
