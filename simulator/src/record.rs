//! What a simulator received: the newest calls, how each ended, and a way to wait for either.
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

/// The most calls that are kept.
const MOST_CALLS: usize = 10_000;
/// The most bytes of request bodies that are kept.
const MOST_BYTES: usize = 64 << 20;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// Counts up from 1 over the life of the simulator.
    pub id: u64,
    /// The HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Headers in order; a value that is not UTF-8 has its odd bytes replaced.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Bytes,
    /// When the body was complete, in milliseconds since the simulator started.
    pub received_ms: i64,
    /// How it ended; none while the answer is still on its way.
    pub ended: Option<Ended>,
    /// When it ended, in milliseconds since the simulator started.
    pub ended_ms: Option<i64>,
}

impl Call {
    /// The first header of this name (names are lower case on arrival).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// How a call ended, seen from the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The script ran to its end, be that an answer, an error or a cut.
    Complete,
    /// The client went away first.
    ClientClosed,
}

impl Ended {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientClosed => "client_closed",
        }
    }
}

#[derive(Default)]
struct Kept {
    calls: VecDeque<Call>,
    bytes: usize,
    /// All calls since the last clearing, those no longer kept included.
    seen: usize,
}

/// The calls, and a version that changes with each change of them.
pub(crate) struct Recorder {
    kept: Mutex<Kept>,
    version: watch::Sender<u64>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::default(), version: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing between lock and unlock leaves the list half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, call: Call) {
        {
            let mut kept = self.lock();
            kept.bytes += call.body.len();
            kept.seen += 1;
            kept.calls.push_back(call);
            while kept.calls.len() > MOST_CALLS || (kept.bytes > MOST_BYTES && kept.calls.len() > 1) {
                let Some(oldest) = kept.calls.pop_front() else { break };
                kept.bytes -= oldest.body.len();
            }
        }
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn end(&self, id: u64, ended: Ended, ended_ms: i64) {
        {
            let mut kept = self.lock();
            // From the newest: that is where a call that ends now is nearly always.
            let Some(call) = kept.calls.iter_mut().rev().find(|call| call.id == id) else { return };
            call.ended = Some(ended);
            call.ended_ms = Some(ended_ms);
        }
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    pub(crate) fn find(&self, id: u64) -> Option<Call> {
        self.lock().calls.iter().find(|call| call.id == id).cloned()
    }

    pub(crate) fn seen(&self) -> usize {
        self.lock().seen
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Kept::default();
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: u64, bytes: usize) -> Call {
        Call {
            id,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: Bytes::from(vec![0; bytes]),
            received_ms: 0,
            ended: None,
            ended_ms: None,
        }
    }

    #[test]
    fn keeps_the_newest_within_both_bounds() {
        let recorder = Recorder::new();
        for id in 1..=10_002 {
            recorder.add(call(id, 0));
        }
        assert_eq!((recorder.calls().len(), recorder.calls()[0].id, recorder.seen()), (10_000, 3, 10_002));
        for id in 20_001..=20_003 {
            recorder.add(call(id, 30 << 20));
        }
        assert_eq!(recorder.calls().iter().map(|call| call.id).collect::<Vec<_>>(), [20_002, 20_003]);
        recorder.end(20_003, Ended::ClientClosed, 7);
        assert_eq!(recorder.find(20_003).unwrap().ended, Some(Ended::ClientClosed));
        recorder.clear();
        assert_eq!((recorder.calls().len(), recorder.seen()), (0, 0));
    }
}
