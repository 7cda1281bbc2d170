//! Accept loops: every connection gets a task of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::connection::{self, Peer, Service};
use super::crowd::{Crowd, Place, Room};
use crate::lifecycle::Lifecycle;

/// After a failed accept, which usually means that file descriptors ran out.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `service` on `listener` until everything must end. During a soft stop connections are still accepted, so
/// that their requests get an answer that says so. `is_proxy` tells addresses that speak for many.
pub async fn tcp(
    listener: TcpListener,
    service: Arc<dyn Service>,
    lifecycle: Lifecycle,
    room: Room,
    is_proxy: impl Fn(IpAddr) -> bool + Send,
) {
    let crowd = Crowd::new(room);
    // Told once, and again when it was not so for a while: a flood is not to fill the log.
    let mut is_told = false;
    loop {
        let accepted = tokio::select! {
            accepted = async { Some((crowd.wait().await?, listener.accept().await)) } => accepted,
            () = lifecycle.hard_stop() => return,
        };
        match accepted {
            Some((place, Ok((stream, addr)))) => {
                let Some(place) = crowd.enter(place, addr, is_proxy(addr.ip().to_canonical())) else {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            address = %addr.ip(),
                            "an address has {} connections already; more are closed (limits.connections_per_address)",
                            room.per_address
                        );
                    }
                    continue;
                };
                is_told = false;
                _ = stream.set_nodelay(true);
                let task = connection::serve(stream, Peer::Tcp(addr), place, Arc::clone(&service), lifecycle.clone());
                lifecycle.spawn_connection(task);
            }
            Some((_, Err(e))) => pause(&e).await,
            None => return,
        }
    }
}

/// The same on the control socket.
pub async fn unix(listener: UnixListener, service: Arc<dyn Service>, lifecycle: Lifecycle) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.hard_stop() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let place = Place::uncounted();
                let task = connection::serve(stream, Peer::Local, place, Arc::clone(&service), lifecycle.clone());
                lifecycle.spawn_connection(task);
            }
            Err(e) => pause(&e).await,
        }
    }
}

async fn pause(e: &std::io::Error) {
    tracing::warn!(error = %e, "cannot accept a connection");
    tokio::time::sleep(PAUSE).await;
}
