//! The simulator as a server: sockets in, and the handle to look at it and end it.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::routes;
use crate::state::State;
use crate::{Call, Settings, Stats};

/// A running simulated provider. Dropped, it closes its sockets soon after; [`Simulator::stop`] waits for that.
pub struct Simulator {
    addr: SocketAddr,
    state: Arc<State>,
    tasks: Tasks,
    ending: DropGuard,
}

/// Runs futures until the simulator ends.
#[derive(Clone)]
struct Tasks {
    tracker: TaskTracker,
    end: CancellationToken,
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let end = self.end.clone();
        self.tracker.spawn(async move { end.run_until_cancelled(future).await });
    }
}

impl Simulator {
    /// Binds `addr` (port 0 for any free one) and serves in the background.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(addr: SocketAddr, settings: Settings) -> io::Result<Self> {
        Ok(Self::serve(TcpListener::bind(addr).await?, settings).await)
    }

    /// Serves on a listener in the background.
    #[expect(clippy::unused_async, reason = "callers need a runtime around this: the signature says so")]
    pub async fn serve(listener: TcpListener, settings: Settings) -> Self {
        let addr = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        let state = Arc::new(State::new(settings, addr.port()));
        let tasks = Tasks { tracker: TaskTracker::new(), end: CancellationToken::new() };
        tasks.execute(accept(listener, Arc::clone(&state), tasks.clone()));
        let ending = tasks.end.clone().drop_guard();
        Self { addr, state, tasks, ending }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL, without a path: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The calls that are kept, oldest first: at most 10,000, with at most 64 MiB of bodies.
    pub fn calls(&self) -> Vec<Call> {
        self.state.recorder.calls()
    }

    /// Forgets all calls and lets the scripts that fail the first times begin again.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// Waits until `n` calls were received since the last clearing; none when that does not happen `within` the time.
    pub async fn wait_calls(&self, n: usize, within: Duration) -> Option<Vec<Call>> {
        let recorder = &self.state.recorder;
        self.wait(within, || (recorder.seen() >= n).then(|| recorder.calls())).await
    }

    /// Waits until the call with this id has ended; none when that does not happen `within` the time.
    pub async fn wait_ended(&self, id: u64, within: Duration) -> Option<Call> {
        let recorder = &self.state.recorder;
        self.wait(within, || recorder.find(id).filter(|call| call.ended.is_some())).await
    }

    /// Waits until the counters are as wished; none when that does not happen `within` the time.
    pub async fn wait_stats(&self, within: Duration, wished: impl Fn(&Stats) -> bool) -> Option<Stats> {
        let deadline = Instant::now() + within;
        loop {
            let stats = self.stats();
            if wished(&stats) {
                return Some(stats);
            }
            if Instant::now() >= deadline {
                return None;
            }
            // Counters change on the path a benchmark measures: nothing there wakes a waiter.
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn wait<T>(&self, within: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut changes = self.state.recorder.watch();
        loop {
            changes.mark_unchanged();
            if let Some(found) = look() {
                return Some(found);
            }
            timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }

    /// Closes the listener and all connections, and waits until that is done.
    pub async fn stop(self) {
        drop(self.ending);
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, tasks: Tasks) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                state.counters.connections.fetch_add(1, Relaxed);
                tasks.execute(connection(stream, Arc::clone(&state), tasks.clone()));
            }
            // Out of file descriptors, or a peer that left already: neither ends the listener.
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Counts a connection for as long as it is open.
struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections_open.fetch_sub(1, Relaxed);
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, tasks: Tasks) {
    state.counters.connections_open.fetch_add(1, Relaxed);
    let open = Open(Arc::clone(&state));
    // Without it each event would wait for the last one's acknowledgement; where it cannot be set, that is all.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(routes::handle(state, request).await) }
    });
    let builder = auto::Builder::new(tasks);
    let connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // A client that breaks off or breaks HTTP is what a provider sees every day.
    let _ = connection.await;
    drop(open);
}
