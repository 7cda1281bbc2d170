//! Ports for tests which must name one before something listens there.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what systems give to those who ask for any port (from 32,768 on Linux, from 49,152 elsewhere).
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port on 127.0.0.1 at which nothing listens, and which nobody is given by chance while the test goes on: whoever binds
/// to port 0 gets a higher one. `None` where all of them are taken.
pub fn free_port() -> Option<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that run beside each other begin far apart.
    let start = std::process::id().wrapping_mul(7_919);
    (0..COUNT).find_map(|_| {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + start.wrapping_add(turn) % COUNT).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn none_is_named_twice() {
        let ports: BTreeSet<u16> = (0..50).filter_map(|_| super::free_port()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (20_000..32_000).contains(port)), "{ports:?}");
    }
}
