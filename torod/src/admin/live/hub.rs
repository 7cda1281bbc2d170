//! Who listens. Events are made once and handed to everybody whom they concern; nobody waits for one who is slow.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;
use tokenrouter_shared::live::LiveMissed;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::heard::{Ear, Heard, Root};
use super::topic::{Topic, Topics};
use super::turn;
use crate::admin::Admin;
use crate::admin::answer::Failure;

/// Streams of one login or key; the oldest ends.
const MOST_OF_ONE: usize = 4;
/// Streams of those who are no admins, and of all.
const MOST_OF_OTHERS: usize = 32;
const MOST: usize = 64;
/// Events that wait for one who is slow.
const WAITING: usize = 16;

/// Who wants to listen, and to what.
pub(super) struct Wanted {
    /// The login or token whose streams are counted together.
    pub holder: Box<str>,
    pub is_admin: bool,
    pub root: Root,
    pub topics: Topics,
    /// The last line of the log before this.
    pub log_after: i64,
}

/// Those who listen.
#[derive(Debug, Default)]
pub struct Hub {
    seats: Mutex<Seats>,
    pub(super) heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Seats {
    list: Vec<Seat>,
    last_id: u64,
    /// Whether a task goes round.
    is_turning: bool,
    /// Whether the usage writer knows of us.
    is_heard: bool,
}

#[derive(Debug)]
struct Seat {
    id: u64,
    holder: Box<str>,
    is_admin: bool,
    root: Root,
    topics: Topics,
    log_after: i64,
    events: Sender<Bytes>,
    missed: u64,
}

/// The place of one who listens, until it is dropped.
pub(super) struct Place {
    admin: Arc<Admin>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admin.hub.leave(self.id, self.admin.clock.uptime_ms());
    }
}

impl Seats {
    fn roots(&self) -> Vec<Root> {
        let mut roots: Vec<Root> = self.list.iter().filter(|seat| seat.topics.usage).map(|seat| seat.root).collect();
        roots.sort_unstable();
        roots.dedup();
        roots
    }
}

impl Hub {
    /// A place for one who wants to listen, and the events for it.
    pub(super) fn join(&self, admin: &Arc<Admin>, wanted: Wanted) -> Result<(Place, Receiver<Bytes>), Failure> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let own: Vec<u64> = seats.list.iter().filter(|seat| seat.holder == wanted.holder).map(|seat| seat.id).collect();
        if let Some(oldest) = own.first().filter(|_| own.len() >= MOST_OF_ONE) {
            seats.list.retain(|seat| seat.id != *oldest);
        }
        let others = seats.list.iter().filter(|seat| !seat.is_admin).count();
        if seats.list.len() >= MOST || (!wanted.is_admin && others >= MOST_OF_OTHERS) {
            let said = "Too many pages listen to this gateway at the same time.";
            let advice = "Close some of them, or ask for the figures now and then instead.";
            return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", said, advice).again_in(10));
        }
        let (events, receiver) = channel(WAITING);
        seats.last_id += 1;
        let id = seats.last_id;
        let Wanted { holder, is_admin, root, topics, log_after } = wanted;
        seats.list.push(Seat { id, holder, is_admin, root, topics, log_after, events, missed: 0 });
        if !std::mem::replace(&mut seats.is_heard, true) {
            let ear = Ear { heard: Arc::clone(&self.heard), tokens: Arc::clone(&admin.tokens) };
            admin.usage.listen(Box::new(ear));
        }
        self.heard.listen(&seats.roots(), admin.clock.uptime_ms());
        if !std::mem::replace(&mut seats.is_turning, true) {
            admin.lifecycle.spawn_connection(turn::run(Arc::clone(admin)));
        }
        drop(seats);
        Ok((Place { admin: Arc::clone(admin), id }, receiver))
    }

    fn leave(&self, id: u64, uptime_ms: u64) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.list.retain(|seat| seat.id != id);
        self.heard.listen(&seats.roots(), uptime_ms);
    }

    /// Whether anybody listens; where nobody does, whoever asks this goes round no longer.
    pub(super) fn goes_on(&self) -> bool {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.is_turning = !seats.list.is_empty();
        seats.is_turning
    }

    /// Whether anybody listens to this.
    pub(super) fn has(&self, topic: Topic) -> bool {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).list.iter().any(|seat| topic(&seat.topics))
    }

    /// After which line of the log those who listen to it want to be told.
    pub(super) fn log_after(&self) -> i64 {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = seats.list.iter().filter(|seat| seat.topics.log).map(|seat| seat.log_after);
        wanted.min().unwrap_or(i64::MAX)
    }

    /// Tells everybody who listens to `topic`.
    pub(super) fn tell(&self, topic: Topic, event: &Bytes) {
        self.tell_those(|seat| topic(&seat.topics), event);
    }

    /// Tells everybody who listens to the usage below `root`.
    pub(super) fn tell_usage(&self, root: Root, event: &Bytes) {
        self.tell_those(|seat| seat.topics.usage && seat.root == root, event);
    }

    fn tell_those(&self, is_meant: impl Fn(&Seat) -> bool, event: &Bytes) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.list.iter_mut().filter(|seat| is_meant(seat)).for_each(|seat| seat.tell(event));
    }
}

impl Seat {
    fn tell(&mut self, event: &Bytes) {
        if self.missed > 0 {
            let missed = super::hub::event("missed", &LiveMissed { events: self.missed });
            if self.events.try_send(missed).is_err() {
                self.missed += 1;
                return;
            }
            self.missed = 0;
        }
        // Who is not there any more leaves by itself.
        if let Err(TrySendError::Full(_)) = self.events.try_send(event.clone()) {
            self.missed += 1;
        }
    }
}

/// An event as it goes out. JSON has no line breaks of its own.
pub(super) fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    if serde_json::to_writer(&mut text, data).is_err() {
        // Nothing of ours fails to be written; half of it would be no event.
        return Bytes::from_static(b": \n\n");
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> (Seat, Receiver<Bytes>) {
        let (events, receiver) = channel(WAITING);
        let topics = Topics { usage: true, ..Topics::default() };
        (
            Seat { id: 1, holder: "a".into(), is_admin: true, root: None, topics, log_after: 0, events, missed: 0 },
            receiver,
        )
    }

    #[test]
    fn who_is_slow_is_told_how_much_it_missed_and_holds_up_nobody() {
        let (mut seat, mut events) = seat();
        for n in 0..WAITING + 3 {
            seat.tell(&event("usage", &n));
        }
        assert_eq!(seat.missed, 3);
        for n in 0..WAITING {
            assert_eq!(events.try_recv().unwrap(), format!("event: usage\ndata: {n}\n\n"));
        }
        assert!(events.try_recv().is_err());
        seat.tell(&event("usage", &"x\ny"));
        assert_eq!(events.try_recv().unwrap(), "event: missed\ndata: {\"events\":3}\n\n");
        assert_eq!(events.try_recv().unwrap(), "event: usage\ndata: \"x\\ny\"\n\n");
        assert_eq!(seat.missed, 0);
    }
}
