//! What a request under way gathers where its conversation is kept or its token inspected: the request's own bytes, the
//! answer as the client gets it, and what its attempts came to. Nobody waits for anybody; whoever lets go last hands it over.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use tokenrouter::surface::Surface;

use super::Conversations;
use crate::access::TokenEntry;
use crate::usage::{AgentSession, Record};

/// What is known of a request when it is let in.
#[derive(Debug, Default)]
pub struct Opened {
    /// The exchange's id.
    pub id: i64,
    /// The client's own id of the request.
    pub given_id: Option<Box<str>>,
    /// When it came, in milliseconds since 1970.
    pub now_ms: i64,
    /// Who asks; none: no key, on this machine.
    pub token: Option<Arc<TokenEntry>>,
    /// The program.
    pub agent: Option<Arc<str>>,
    /// The agent's own conversation.
    pub session: Option<Arc<AgentSession>>,
    /// The conversation that a header names.
    pub named: Option<Box<str>>,
    /// What Gemini's clients say in the path: model, stream, list.
    pub path: (Box<str>, bool, bool),
    /// The body.
    pub body: Bytes,
    /// From where.
    pub address: Option<IpAddr>,
    /// The path that was asked for, where the token is inspected.
    pub target: Box<str>,
    /// The client's headers, where its token is inspected.
    pub headers: Option<HeaderMap>,
}

/// One attempt.
#[derive(Debug)]
pub struct Tried {
    /// What is recorded of it.
    pub record: Record,
    /// What went to the provider, where the token is inspected.
    pub sent: Option<Wire>,
    /// What came back.
    pub got: Got,
    /// Why nothing did.
    pub failure: Option<String>,
}

/// What came back of an attempt: there as soon as nobody reads it any more.
#[derive(Debug, Default)]
pub struct Got(Option<Arc<OnceLock<Wire>>>);

impl Got {
    /// It, where something came.
    pub fn wire(&self) -> Option<&Wire> {
        self.0.as_ref()?.get()
    }
}

/// A head and a body as they went over the wire.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// The first line.
    pub line: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it is kept.
    pub body: Vec<u8>,
    /// How many bytes it had.
    pub size: u64,
}

/// The answer as the client got it.
#[derive(Debug, Default)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// Its headers, where the token is inspected.
    pub headers: Option<HeaderMap>,
    /// Its body, as far as it is kept.
    pub body: Vec<u8>,
    /// How many bytes it had.
    pub size: u64,
    /// Whether it came to its end.
    pub is_whole: bool,
}

/// A request under way that is watched.
pub struct Watch {
    conversations: Arc<Conversations>,
    /// What it is.
    pub surface: Surface,
    /// Whether its conversation is kept.
    pub captures: bool,
    /// Whether its wire is kept.
    pub inspects: bool,
    opened: Opened,
    tried: OnceLock<Vec<Tried>>,
    told: OnceLock<Told>,
    /// What it holds of the memory for all.
    held: AtomicUsize,
    /// Who waits for it alone, and has it not kept.
    alone: Option<tokio::sync::oneshot::Sender<Watched>>,
}

/// A request that is over.
#[derive(Debug)]
pub struct Watched {
    /// What it was.
    pub surface: Surface,
    /// Whether its conversation is kept.
    pub captures: bool,
    /// Whether its wire is kept.
    pub inspects: bool,
    /// What was known when it was let in.
    pub opened: Opened,
    /// What its attempts came to.
    pub tried: Vec<Tried>,
    /// The answer; none: its client went away before.
    pub told: Option<Told>,
    /// What it holds of the memory for all.
    pub held: usize,
}

impl Watch {
    pub(super) fn new(
        conversations: Arc<Conversations>,
        surface: Surface,
        (captures, inspects): (bool, bool),
        opened: Opened,
        held: usize,
    ) -> Arc<Self> {
        let (tried, told) = (OnceLock::new(), OnceLock::new());
        let held = AtomicUsize::new(held);
        Arc::new(Self { conversations, surface, captures, inspects, opened, tried, told, held, alone: None })
    }

    /// Watches a request for whoever waits for it; nothing of it is kept.
    pub fn alone(
        conversations: Arc<Conversations>,
        surface: Surface,
        opened: Opened,
    ) -> (Arc<Self>, tokio::sync::oneshot::Receiver<Watched>) {
        let (alone, watched) = tokio::sync::oneshot::channel();
        let (tried, told) = (OnceLock::new(), OnceLock::new());
        let (captures, inspects, held, alone) = (false, false, AtomicUsize::new(0), Some(alone));
        let watch = Self { conversations, surface, captures, inspects, opened, tried, told, held, alone };
        (Arc::new(watch), watched)
    }

    /// What its attempts came to; told once.
    pub fn tried(&self, tried: Vec<Tried>) {
        _ = self.tried.set(tried);
    }

    /// A place for what goes over the wire, where that is kept.
    pub fn wire(&self, line: impl FnOnce() -> String, headers: &HeaderMap) -> Option<Wire> {
        self.inspects.then(|| Wire { line: line(), headers: headers.clone(), ..Wire::default() })
    }

    /// Adds to it, as far as there is room.
    pub fn add(&self, wire: &mut Wire, bytes: &[u8]) {
        let is_whole = wire.size == wire.body.len() as u64;
        wire.size += bytes.len() as u64;
        // Nothing behind a gap would make sense.
        if is_whole {
            self.gather(&mut wire.body, bytes, self.conversations.most_bytes());
        }
    }

    /// Adds to `body`, up to `most` bytes; says whether there was room for anything.
    fn gather(&self, body: &mut Vec<u8>, bytes: &[u8], most: usize) -> bool {
        let kept = bytes.get(..bytes.len().min(most.saturating_sub(body.len()))).unwrap_or_default();
        if !self.conversations.hold(kept.len()) {
            return false;
        }
        self.held.fetch_add(kept.len(), Ordering::Relaxed);
        body.extend_from_slice(kept);
        true
    }

    /// Listens to what comes back from a provider.
    pub fn listen(self: &Arc<Self>, wire: Wire) -> (Got, Listening) {
        let heard = Arc::new(OnceLock::new());
        (Got(Some(Arc::clone(&heard))), Listening { watch: Arc::clone(self), wire, heard })
    }

    /// Listens to the answer.
    pub fn hear(self: &Arc<Self>, status: u16, headers: &HeaderMap) -> Hearing {
        let headers = self.inspects.then(|| headers.clone());
        let told = Told { status, headers, ..Told::default() };
        Hearing { most: self.conversations.most_bytes(), watch: Arc::clone(self), told }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let told = self.told.take();
        let tried = self.tried.take().unwrap_or_default();
        let held = self.held.load(Ordering::Relaxed);
        let watched = Watched {
            surface: self.surface,
            captures: self.captures,
            inspects: self.inspects,
            opened: std::mem::take(&mut self.opened),
            tried,
            told,
            held,
        };
        match self.alone.take() {
            Some(alone) => {
                self.conversations.release(watched.held);
                // Nobody waits any more.
                drop(alone.send(watched));
            }
            None => self.conversations.hand_over(watched),
        }
    }
}

/// Hears what comes back from a provider, until nobody reads it any more.
pub struct Listening {
    watch: Arc<Watch>,
    wire: Wire,
    heard: Arc<OnceLock<Wire>>,
}

impl Listening {
    /// More of it.
    pub fn more(&mut self, bytes: &[u8]) {
        self.watch.add(&mut self.wire, bytes);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        _ = self.heard.set(std::mem::take(&mut self.wire));
    }
}

/// Hears an answer on its way to the client.
pub struct Hearing {
    watch: Arc<Watch>,
    told: Told,
    most: usize,
}

impl Hearing {
    /// More of it.
    pub fn more(&mut self, bytes: &[u8]) {
        self.told.size += bytes.len() as u64;
        if !self.watch.gather(&mut self.told.body, bytes, self.most) {
            // Nothing behind a gap would make sense.
            self.most = 0;
        }
    }

    /// It came to its end.
    pub const fn end(&mut self) {
        self.told.is_whole = true;
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        _ = self.watch.told.set(std::mem::take(&mut self.told));
    }
}
