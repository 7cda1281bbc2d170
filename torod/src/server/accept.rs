//! Accept loops: every connection gets a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use super::connection::{self, Peer, Service};
use crate::lifecycle::Lifecycle;

/// How many connections may be open at once; one waits in the kernel beyond that.
const MAX_CONNECTIONS: usize = 16_384;
/// After a failed accept, which usually means that file descriptors ran out.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `service` on `listener` until everything must end. During a soft stop connections are still accepted, so
/// that their requests get an answer that says so.
pub async fn tcp(listener: TcpListener, service: Arc<dyn Service>, lifecycle: Lifecycle) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = next(&room, listener.accept()) => accepted,
            () = lifecycle.hard_stop() => return,
        };
        match accepted {
            Some((permit, Ok((stream, addr)))) => {
                _ = stream.set_nodelay(true);
                let task = connection::serve(stream, Peer::Tcp(addr), Arc::clone(&service), lifecycle.clone());
                lifecycle.spawn_connection(async move {
                    task.await;
                    drop(permit);
                });
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
                let task = connection::serve(stream, Peer::Local, Arc::clone(&service), lifecycle.clone());
                lifecycle.spawn_connection(task);
            }
            Err(e) => pause(&e).await,
        }
    }
}

async fn next<T>(
    room: &Arc<Semaphore>,
    accept: impl Future<Output = T>,
) -> Option<(tokio::sync::OwnedSemaphorePermit, T)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    Some((permit, accept.await))
}

async fn pause(e: &std::io::Error) {
    tracing::warn!(error = %e, "cannot accept a connection");
    tokio::time::sleep(PAUSE).await;
}
