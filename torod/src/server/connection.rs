//! One connection: HTTP/1.1 or HTTP/2, whichever the client begins with.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use super::patient::{PATIENCE, Patient};
use crate::gateway::reply::Reply;
use crate::lifecycle::Lifecycle;

/// A client has this long to send a request's head, the first one from the moment it connects.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection without a new request for this long takes none any more; what runs on it goes on.
const IDLE: Duration = Duration::from_mins(10);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Tcp(SocketAddr),
    /// A client behind a proxy that is trusted to say who it is.
    Proxied {
        /// Its address.
        client: IpAddr,
        /// Whether it speaks TLS with the proxy.
        is_https: bool,
    },
    /// The owner of the data folder, by the control socket.
    Local,
}

impl Peer {
    /// Its address, where it has one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Proxied { client, .. } => Some(client),
            Self::Local => None,
        }
    }

    /// Whether it came by TLS.
    pub const fn is_https(self) -> bool {
        matches!(self, Self::Proxied { is_https: true, .. })
    }
}

/// What answers the requests of a connection.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    fn call(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>>;
}

/// Resolves when a connection has gone without a new request for too long, with the number of those it had.
async fn idle(requests: &AtomicU64) -> u64 {
    tokio::time::sleep(HEAD_TIMEOUT).await;
    let mut seen = requests.load(Ordering::Relaxed);
    while seen > 0 {
        tokio::time::sleep(IDLE).await;
        let now = requests.load(Ordering::Relaxed);
        if now == seen {
            break;
        }
        seen = now;
    }
    seen
}

/// Serves one connection to its end.
pub async fn serve<S>(stream: S, peer: Peer, service: Arc<dyn Service>, lifecycle: Lifecycle)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).keep_alive(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(512).keep_alive_interval(Duration::from_secs(30));
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let answer = hyper::service::service_fn(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        let answer = Arc::clone(&service).call(peer, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let stream = TokioIo::new(Patient::new(stream, PATIENCE));
    let mut connection = pin!(builder.serve_connection(stream, answer));
    let end = async {
        tokio::select! {
            () = lifecycle.soft_stop() => None,
            seen = idle(&requests) => Some(seen),
        }
    };
    // Polled when something of it has happened, and not whenever a byte arrives.
    let mut end = FuturesUnordered::from_iter([end]);
    // Errors here are the client's hang-ups and malformed HTTP; hyper has answered what can be answered.
    let seen = tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        seen = end.next() => seen.flatten(),
    };
    match seen {
        None => {}
        Some(0) => return,
        Some(_) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                _ = connection.as_mut() => return,
                () = lifecycle.soft_stop() => {}
            }
        }
    }
    // Requests that still arrive on it are refused; each answer asks the client to close.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = lifecycle.hard_stop() => {}
    }
    connection.as_mut().graceful_shutdown();
    _ = tokio::time::timeout(Duration::from_millis(200), connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    struct Hello;

    impl Service for Hello {
        fn call(
            self: Arc<Self>,
            _: Peer,
            _: Request<Incoming>,
        ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
            Box::pin(async { Response::new(Reply::from(bytes::Bytes::from_static(b"hello"))) })
        }
    }

    /// How long a connection lives on which `sent` is all that the client sends.
    async fn life_of(sent: &[u8]) -> (Duration, Vec<u8>) {
        let (server, mut client) = tokio::io::duplex(4096);
        let began = Instant::now();
        let serving = serve(server, Peer::Local, Arc::new(Hello), Lifecycle::default());
        let asking = async {
            client.write_all(sent).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, ()) = tokio::join!(asking, serving);
        (began.elapsed(), answer)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_nothing_is_closed() {
        for sent in
            [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET / HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"]
        {
            let (life, _) = life_of(sent).await;
            assert!(life <= HEAD_TIMEOUT * 2, "{:?}: {life:?}", String::from_utf8_lossy(sent));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_asked_is_kept_for_a_while() {
        let (life, answer) = life_of(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.ends_with(b"hello"), "{}", String::from_utf8_lossy(&answer));
        assert!(life >= Duration::from_secs(25) && life <= IDLE * 2 + HEAD_TIMEOUT, "{life:?}");
    }
}
