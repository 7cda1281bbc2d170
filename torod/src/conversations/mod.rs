//! Conversations: what was asked and answered, kept for admins where somebody switched that on, in a file of its own.
//!
//! A request that is watched (`watch`) gathers its bytes while it passes, and hands them to a thread of its own (`worker`) when
//! it is over. There they lose their secrets (`redact`), are read (`kept`), cut into pieces that are stored once (`cut`), and
//! put to the conversation that they belong to (`chain`, and `store/conversations/group`). Requests that nobody watches
//! meet one load of an atomic.

pub mod chain;
pub mod cut;
pub mod export;
pub mod images;
pub mod kept;
pub mod read;
pub mod redact;
pub mod replay;
pub mod title;
pub mod told;
pub mod watch;
pub mod wire;
mod worker;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;
use http::{HeaderMap, HeaderName};
use tokenrouter::surface::Surface;
use tokenrouter_shared::Secret;
use tokenrouter_shared::conversation::{CaptureStatus, ConversationsRemoved};

use self::redact::{Pattern, Redactor};
use self::watch::{Opened, Watch, Watched};
use crate::access::TokenEntry;
use crate::clock::Clock;
use crate::config::Conversations as Settings;
use crate::store::conversations as store;
use crate::store::{Bell, Connection, StoreError};
use crate::upstreams::snapshot::Live;

/// By this header a client says that a request is not to be kept: `no`, `false`, `off` or `0`.
pub const OPT_OUT: HeaderName = HeaderName::from_static("x-tokenrouter-capture");
/// Headers in which clients name their conversation.
const NAMED: [HeaderName; 2] =
    [HeaderName::from_static("x-conversation-id"), HeaderName::from_static("conversation-id")];
/// The longest name of a conversation.
const MAX_NAME: usize = 128;
/// Requests that may wait to be kept.
const QUEUE: usize = 1_024;
/// What requests that are watched or wait may hold of the memory, in bytes.
const MEMORY: usize = 64 << 20;
/// Removals that may wait.
const TASKS: usize = 64;

type Task = Box<dyn FnOnce(&mut Connection) + Send>;

/// Where conversations are kept, if they are.
pub struct Conversations {
    dir: PathBuf,
    clock: Clock,
    live: Arc<Live>,
    is_on: AtomicBool,
    settings: ArcSwap<Settings>,
    /// Made when the first conversation is to be kept.
    queue: OnceLock<ArrayQueue<Box<Watched>>>,
    bell: Bell,
    tasks: Mutex<VecDeque<Task>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    is_stopping: AtomicBool,
    held: AtomicUsize,
    /// What the worker has in hand.
    in_hand: AtomicUsize,
    kept: AtomicU64,
    lost: AtomicU64,
    error: Mutex<Option<String>>,
}

/// Whether a client says that nothing of its request is to be kept.
fn is_opted_out(headers: &HeaderMap) -> bool {
    headers.get_all(&OPT_OUT).iter().any(|said| {
        let said = said.as_bytes().trim_ascii();
        ["no", "false", "off", "0"].iter().any(|no| said.eq_ignore_ascii_case(no.as_bytes()))
    })
}

impl Conversations {
    /// Conversations in the data folder `dir`. Nothing is opened or started.
    pub fn new(dir: &Path, live: Arc<Live>, clock: Clock) -> Self {
        Self {
            dir: dir.to_owned(),
            clock,
            live,
            is_on: AtomicBool::new(false),
            settings: ArcSwap::from_pointee(Settings::default()),
            queue: OnceLock::new(),
            bell: Bell::default(),
            tasks: Mutex::default(),
            thread: Mutex::new(None),
            is_stopping: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            in_hand: AtomicUsize::new(0),
            kept: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            error: Mutex::default(),
        }
    }

    /// What takes secrets out of all that is kept or shown, by the settings and keys of this moment.
    pub fn redactor(&self) -> Redactor {
        Redactor { known: self.known_secrets(), patterns: self.patterns() }
    }

    fn patterns(&self) -> Vec<Pattern> {
        self.settings.load().redact.iter().filter_map(|text| Pattern::new(text)).collect()
    }

    fn known_secrets(&self) -> Vec<Secret> {
        let live = self.live.load();
        let held = live.providers.iter().flat_map(|provider| provider.credentials()).map(|key| key.held.issued());
        held.flatten().map(|issued| issued.secret).collect()
    }

    /// Keeps conversations as `settings` say from now on. What was kept before ages also while nothing is added.
    pub fn configure(self: &Arc<Self>, settings: Settings) {
        let is_on = settings.enabled;
        if **self.settings.load() != settings {
            self.settings.store(Arc::new(settings));
        }
        if is_on || store::exists(&self.dir) {
            self.start();
            self.bell.ring();
        }
        self.is_on.store(is_on, Ordering::Release);
    }

    /// Begins to watch a request that was let in; none where nobody wants that. `opened` is asked only then.
    pub fn watch(
        self: &Arc<Self>,
        surface: Surface,
        token: Option<&Arc<TokenEntry>>,
        headers: &HeaderMap,
        opened: impl FnOnce() -> Opened,
    ) -> Option<Arc<Watch>> {
        let inspected = |token: &Arc<TokenEntry>| token.inspect_until_ms > 0 && !is_opted_out(headers);
        let inspects = token.is_some_and(|token| inspected(token) && token.inspect_until_ms > self.clock.now_ms());
        let captures = self.is_on.load(Ordering::Acquire) && self.captures(surface, token, headers);
        if !captures && !inspects {
            return None;
        }
        if inspects && self.queue.get().is_none() {
            self.start();
        }
        let mut opened = opened();
        opened.headers = inspects.then(|| headers.clone());
        opened.named = NAMED.iter().filter_map(|name| headers.get(name)?.to_str().ok()).find_map(|name| {
            let is_plain = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|b| b.is_ascii_graphic());
            is_plain.then(|| name.into())
        });
        let held = opened.body.len();
        if !self.hold(held) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Watch::new(Arc::clone(self), surface, (captures, inspects), opened, held))
    }

    fn captures(&self, surface: Surface, token: Option<&Arc<TokenEntry>>, headers: &HeaderMap) -> bool {
        let is_talk = surface.is_conversation() || surface == Surface::Completions;
        let is_allowed = token.map_or_else(|| self.settings.load().loopback, |token| token.capture);
        is_talk && is_allowed && !is_opted_out(headers)
    }

    /// Takes `bytes` of the memory for all; says whether there is so much.
    fn hold(&self, bytes: usize) -> bool {
        if self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= MEMORY {
            return true;
        }
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        false
    }

    /// What requests that are watched or wait hold of the memory, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The most that is kept of one side of an exchange. What comes is larger than what is stored of it.
    fn most_bytes(&self) -> usize {
        self.settings.load().exchange_bytes.saturating_mul(8)
    }

    /// A request is over. Never waits: what finds no place is counted.
    fn hand_over(&self, watched: Watched) {
        let held = watched.held;
        let is_taken = self.queue.get().is_some_and(|queue| queue.push(Box::new(watched)).is_ok());
        if is_taken {
            self.bell.ring();
        } else {
            self.release(held);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn start(self: &Arc<Self>) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() || self.is_stopping.load(Ordering::SeqCst) {
            return;
        }
        self.queue.get_or_init(|| ArrayQueue::new(QUEUE));
        let me = Arc::clone(self);
        let started = std::thread::Builder::new().name("conversations".to_owned()).spawn(move || worker::run(&me));
        match started {
            Ok(started) => {
                self.bell.belongs_to(started.thread().clone());
                *thread = Some(started);
            }
            Err(error) => self.failed(&error.to_string()),
        }
    }

    /// Keeps what waits, and ends. Blocks, at most a little longer than one write takes.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.is_on.store(false, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            _ = thread.join();
        }
    }

    /// How it stands.
    pub fn status(&self) -> CaptureStatus {
        let waiting = self.queue.get().map_or(0, ArrayQueue::len) + self.in_hand.load(Ordering::SeqCst);
        CaptureStatus {
            enabled: self.is_on.load(Ordering::Acquire),
            kept: self.kept.load(Ordering::Relaxed),
            waiting: waiting as u64,
            lost: self.lost.load(Ordering::Relaxed),
            error: self.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn failed(&self, why: &str) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    fn recovered(&self) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reads what is kept; none where nothing ever was. Off the async threads: reading blocks.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let dir = self.dir.clone();
        let reading = tokio::task::spawn_blocking(move || {
            store::open_reader(&dir)?.map(|connection| query(&connection)).transpose()
        });
        reading.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Removes a conversation, or all of them; none where there is none of that number. When this is answered, nothing
    /// of it is left on the disk.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn remove(self: &Arc<Self>, id: Option<i64>) -> Result<Option<ConversationsRemoved>, StoreError> {
        if !store::exists(&self.dir) {
            return Ok(id.is_none().then(ConversationsRemoved::default));
        }
        self.write(move |connection| {
            let removed = match id {
                Some(id) => store::remove::one(connection, id)?,
                None => Some(store::remove::all(connection)?),
            };
            if let Err(error) = store::settle(connection) {
                // The next sweep does it.
                tracing::warn!(%error, "what was removed is still in the log: others read it at this moment");
            }
            Ok(removed)
        })
        .await
    }

    /// Runs `work` on the writing thread, between two batches.
    async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.start();
        {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            if tasks.len() >= TASKS || self.is_stopping.load(Ordering::SeqCst) {
                return Err(StoreError::Closed);
            }
            tasks.push_back(Box::new(move |connection| drop(reply.send(work(connection)))));
        }
        self.bell.ring();
        self.bell.ring_now();
        let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;
        answer.map_err(|_| StoreError::TimedOut)?.unwrap_or(Err(StoreError::Closed))
    }
}
