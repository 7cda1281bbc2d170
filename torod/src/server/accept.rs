//! Accept loops: every connection gets a task of its own.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Peer};
use super::crowd::{Crowd, Place};
use super::front::Front;
use super::wire::Wire;
use crate::lifecycle::Lifecycle;

/// After a failed accept, which usually means that file descriptors ran out.
const PAUSE: Duration = Duration::from_millis(50);

/// What an accept loop needs besides its socket.
pub struct Hall {
    /// What becomes of a connection; another may be put in its place.
    pub front: Arc<ArcSwap<Front>>,
    /// Who is connected.
    pub crowd: Arc<Crowd>,
    /// Ends the connections.
    pub lifecycle: Lifecycle,
    /// Ends the loop alone.
    pub closed: CancellationToken,
}

impl Hall {
    /// One with a front that stays, for as long as the daemon runs.
    pub fn new(front: Front, crowd: Arc<Crowd>, lifecycle: Lifecycle) -> Self {
        let front = Arc::new(ArcSwap::from_pointee(front));
        Self { front, crowd, lifecycle, closed: CancellationToken::new() }
    }
}

/// Serves `hall` on `listener` until it is closed or everything must end. During a soft stop connections are still
/// accepted, so that their requests get an answer that says so. `is_proxy` tells addresses that speak for many.
pub async fn tcp(listener: TcpListener, hall: Hall, is_proxy: impl Fn(IpAddr) -> bool + Send) {
    let Hall { front, crowd, lifecycle, closed } = hall;
    // Told once, and again when it was not so for a while: a flood is not to fill the log.
    let mut is_told = false;
    loop {
        let accepted = tokio::select! {
            accepted = async { Some((crowd.wait().await?, listener.accept().await)) } => accepted,
            () = lifecycle.hard_stop() => return,
            () = closed.cancelled() => return,
        };
        match accepted {
            Some((place, Ok((stream, addr)))) => {
                let is_proxy = is_proxy(addr.ip().to_canonical());
                let Some(place) = crowd.enter(place, addr, is_proxy) else {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            address = %addr.ip(),
                            "an address has {} connections already; more are closed (limits.connections_per_address)",
                            crowd.per_address()
                        );
                    }
                    continue;
                };
                is_told = false;
                _ = stream.set_nodelay(true);
                let (front, lifecycle_of_it) = (front.load_full(), lifecycle.clone());
                lifecycle.spawn_connection(async move {
                    let opened = if front.is_bare(is_proxy) {
                        front.at_once(stream, addr)
                    } else {
                        // In a box: what comes before HTTP is larger than what is kept of a connection afterwards.
                        let opening = Box::pin(front.open(stream, addr, is_proxy));
                        let opened = tokio::select! {
                            opened = opening => opened,
                            () = place.out.cancelled() => None,
                            () = lifecycle_of_it.hard_stop() => None,
                        };
                        let Some(opened) = opened else { return };
                        opened
                    };
                    connection::serve(opened.wire, opened.peer, place, opened.service, lifecycle_of_it).await;
                });
            }
            Some((_, Err(e))) => pause(&e).await,
            None => return,
        }
    }
}

/// The same on a Unix socket, where everybody is `peer`. Without a crowd nobody is counted: the owner of the data folder
/// gets in where all places are taken.
pub async fn unix(
    listener: UnixListener,
    peer: Peer,
    front: Arc<ArcSwap<Front>>,
    crowd: Option<Arc<Crowd>>,
    lifecycle: Lifecycle,
    closed: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = counted(&listener, crowd.as_deref()) => accepted,
            () = lifecycle.hard_stop() => return,
            () = closed.cancelled() => return,
        };
        match accepted {
            Ok((stream, place)) => {
                let wire = Wire::Unix(stream);
                let task = connection::serve(wire, peer, place, Arc::clone(&front.load().service), lifecycle.clone());
                lifecycle.spawn_connection(task);
            }
            Err(e) => pause(&e).await,
        }
    }
}

/// The next one, with a place.
async fn counted(listener: &UnixListener, crowd: Option<&Crowd>) -> io::Result<(UnixStream, Place)> {
    let Some(crowd) = crowd else {
        return Ok((listener.accept().await?.0, Place::uncounted()));
    };
    let place = crowd.wait().await.ok_or_else(|| io::Error::other("there are no places any more"))?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, crowd.enter_by_socket(place)))
}

async fn pause(e: &io::Error) {
    tracing::warn!(error = %e, "cannot accept a connection");
    tokio::time::sleep(PAUSE).await;
}
