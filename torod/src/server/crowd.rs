//! Who is connected: so many in all, so many of one address, and whoever has asked nothing yet makes room for others.
//!
//! Without it a few hundred machines, or one with patience, could take every place with connections that never ask.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Whoever is connected has this long to begin with a request before it has to make room.
const SILENCE: Duration = Duration::from_millis(250);
/// How often it is looked whether somebody has been silent for that long.
const LOOK: Duration = Duration::from_millis(50);

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub connections: usize,
    /// Of one address, or of one IPv6 network of 64 bits; loopback aside.
    pub per_address: usize,
}

/// The connections of a listener.
#[derive(Debug)]
pub struct Crowd {
    room: Room,
    places: Arc<Semaphore>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    addresses: HashMap<IpAddr, usize>,
    /// The oldest first. Some have asked by now, or are gone.
    silent: VecDeque<Silent>,
}

#[derive(Debug)]
struct Silent {
    requests: std::sync::Weak<AtomicU64>,
    since: Instant,
    out: CancellationToken,
}

impl Silent {
    fn is_silent(&self) -> bool {
        self.requests.upgrade().is_some_and(|requests| requests.load(Ordering::Relaxed) == 0)
    }
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    /// How many requests it has had; whoever serves it counts.
    pub requests: Arc<AtomicU64>,
    /// Cancelled when it must make room.
    pub out: CancellationToken,
    inner: Arc<Mutex<Inner>>,
    network: Option<IpAddr>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Crowd {
    /// Room for connections.
    pub fn new(room: Room) -> Self {
        Self { room, places: Arc::new(Semaphore::new(room.connections)), inner: Arc::default() }
    }

    /// How many connections one address may have.
    pub const fn per_address(&self) -> usize {
        self.room.per_address
    }

    /// Waits for a place. Where all are taken, the one who has been silent for longest goes.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if self.places.available_permits() == 0 {
                self.lock().make_room(Instant::now());
            }
            let place = Arc::clone(&self.places).acquire_owned();
            // Who is new has not been silent for long enough, but soon will be.
            if let Ok(place) = tokio::time::timeout(LOOK, place).await {
                return place.ok();
            }
        }
    }

    /// Takes `place` for a client at `addr`; none where its address has as many as it may. A trusted proxy speaks for
    /// many, so that its address has no such limit.
    pub fn enter(&self, place: OwnedSemaphorePermit, addr: SocketAddr, is_proxy: bool) -> Option<Place> {
        let network = network(addr.ip()).filter(|_| !is_proxy);
        if let Some(network) = network {
            let mut inner = self.lock();
            let count = inner.addresses.entry(network).or_default();
            if *count >= self.room.per_address {
                return None;
            }
            *count += 1;
        }
        Some(self.settle(place, network))
    }

    /// Takes `place` for one who comes by a socket in the file system, from no address.
    pub fn enter_by_socket(&self, place: OwnedSemaphorePermit) -> Place {
        self.settle(place, None)
    }

    fn settle(&self, place: OwnedSemaphorePermit, network: Option<IpAddr>) -> Place {
        let (requests, out) = (Arc::<AtomicU64>::default(), CancellationToken::new());
        let silent = Silent { requests: Arc::downgrade(&requests), since: Instant::now(), out: out.clone() };
        self.lock().note(silent, self.room.connections);
        Place { requests, out, inner: Arc::clone(&self.inner), network, _place: Some(place) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note(&mut self, silent: Silent, room: usize) {
        while self.silent.front().is_some_and(|first| !first.is_silent()) {
            self.silent.pop_front();
        }
        // Those in the middle that have asked go once in a while, so that each costs little.
        if self.silent.len() > room.saturating_mul(2) {
            self.silent.retain(Silent::is_silent);
        }
        self.silent.push_back(silent);
    }

    fn make_room(&mut self, now: Instant) {
        while let Some(first) = self.silent.front() {
            let is_silent = first.is_silent();
            if is_silent && now.saturating_duration_since(first.since) < SILENCE {
                return;
            }
            if let Some(first) = self.silent.pop_front().filter(|_| is_silent) {
                first.out.cancel();
                return;
            }
        }
    }
}

impl Place {
    /// A place of nobody's, for connections that are not counted.
    pub fn uncounted() -> Self {
        Self {
            requests: Arc::default(),
            out: CancellationToken::new(),
            inner: Arc::default(),
            network: None,
            _place: None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inner.addresses.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                inner.addresses.remove(&network);
            }
        }
    }
}

/// Whose connection it is; none for this machine. One who has IPv6 has a whole network of addresses.
fn network(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(ip.into()),
        IpAddr::V6(ip) => Some(std::net::Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(connections: usize, per_address: usize) -> Crowd {
        Crowd::new(Room { connections, per_address })
    }

    async fn enter(crowd: &Crowd, addr: &str) -> Option<Place> {
        crowd.enter(crowd.wait().await.unwrap(), addr.parse().unwrap(), false)
    }

    #[tokio::test]
    async fn one_address_has_so_many_places_and_this_machine_as_many_as_it_wants() {
        let crowd = crowd(100, 2);
        let mut places = Vec::new();
        for addr in ["1.2.3.4:1", "[::ffff:1.2.3.4]:2", "[2001:db8::1]:1", "[2001:db8::2:0:0:1]:1", "1.2.3.5:1"] {
            places.push(enter(&crowd, addr).await.unwrap());
        }
        for addr in ["1.2.3.4:3", "[2001:db8::3]:1"] {
            assert!(enter(&crowd, addr).await.is_none(), "{addr}");
        }
        for addr in ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "[::1]:1", "[2001:db8:0:1::1]:1"] {
            places.push(enter(&crowd, addr).await.unwrap());
        }
        assert_eq!(crowd.lock().addresses.len(), 4);
        drop(places);
        assert!(crowd.lock().addresses.is_empty());
        assert_eq!(crowd.places.available_permits(), 100);
        assert!(enter(&crowd, "1.2.3.4:1").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_places_are_taken_the_one_silent_for_longest_goes() {
        let crowd = crowd(3, 3);
        let [first, second, third] =
            [enter(&crowd, "1.1.1.1:1").await, enter(&crowd, "1.1.1.2:1").await, enter(&crowd, "1.1.1.3:1").await]
                .map(Option::unwrap);
        first.requests.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let leaving = async {
            second.out.cancelled().await;
            assert!(began.elapsed() >= SILENCE, "it had no time to ask");
            drop(second);
        };
        let (fourth, ()) = tokio::join!(enter(&crowd, "1.1.1.4:1"), leaving);
        assert!(fourth.is_some() && !first.out.is_cancelled() && !third.out.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_does_not_grow() {
        let crowd = crowd(4, 4);
        let _first = enter(&crowd, "127.0.0.1:1").await.unwrap();
        for _ in 0..1_000 {
            drop(enter(&crowd, "1.1.1.1:1").await.unwrap());
        }
        assert!(crowd.lock().silent.len() <= 9, "{}", crowd.lock().silent.len());
    }
}
