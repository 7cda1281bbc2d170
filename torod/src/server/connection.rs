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

use super::crowd::Place;
use super::misread::{Count, Counted, Outspoken};
use super::patient::{PATIENCE, Patient};
use crate::gateway::reply::Reply;
use crate::lifecycle::Lifecycle;

/// A client has this long to send a request's head, the first one from the moment it connects.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection without a new request for this long takes none any more; what runs on it goes on.
const IDLE: Duration = Duration::from_mins(10);

/// What a connection of HTTP/1.1 keeps of what was sent and not read yet: no head is larger (the answer is a 431).
const HTTP1_BUFFER: usize = 128 << 10;
/// The most that the headers of one request of HTTP/2 may be; CONTINUATION frames beyond end the connection.
const HTTP2_HEADERS: u32 = 64 << 10;
/// How many requests run on one connection of HTTP/2.
const HTTP2_STREAMS: u32 = 512;
/// How many requests that a client has taken back wait to be looked at (CVE-2023-44487); more end the connection.
const HTTP2_RESETS: usize = 20;
/// The same for those that we had to end, because they were no HTTP.
const HTTP2_FAULTS: usize = 256;
/// How much of an answer waits for a client of HTTP/2 that does not read.
const HTTP2_UNREAD: usize = 128 << 10;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Tcp(SocketAddr),
    /// The same by TLS.
    Tls(SocketAddr),
    /// A client behind a proxy that is trusted to say who it is.
    Proxied {
        /// Its address.
        client: IpAddr,
        /// Whether it speaks TLS with the proxy.
        is_https: bool,
    },
    /// Whoever a trusted proxy hands on without a word of who it is (`PROXY UNKNOWN`): it counts as the proxy, and nothing
    /// that it says of itself is the proxy's word.
    Untold {
        /// The proxy's address.
        proxy: IpAddr,
        /// Whether it speaks TLS with the proxy.
        is_https: bool,
    },
    /// Whoever may open one of the Unix sockets that the operator named.
    Unix,
    /// The owner of the data folder, by the control socket.
    Local,
}

impl Peer {
    /// Its address, where it has one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) | Self::Tls(address) => Some(address.ip().to_canonical()),
            Self::Proxied { client: address, .. } | Self::Untold { proxy: address, .. } => Some(address),
            Self::Unix | Self::Local => None,
        }
    }

    /// Whether it came by TLS.
    pub const fn is_https(self) -> bool {
        matches!(self, Self::Tls(_) | Self::Proxied { is_https: true, .. } | Self::Untold { is_https: true, .. })
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

    /// Answers what begins with `beginning` and is no request of HTTP/1.1, with `status`.
    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply>;
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
pub async fn serve<S>(stream: S, peer: Peer, place: Place, service: Arc<dyn Service>, lifecycle: Lifecycle)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(true)
        .max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEADERS)
        .max_pending_accept_reset_streams(HTTP2_RESETS)
        .max_local_error_reset_streams(HTTP2_FAULTS)
        .max_send_buf_size(HTTP2_UNREAD)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let requests = Arc::clone(&place.requests);
    let count = Count::new(Arc::clone(&requests));
    let stream = Outspoken::new(Patient::new(stream, PATIENCE), Arc::clone(&service), count.clone());
    let answer = hyper::service::service_fn(move |request| {
        let asked = count.ask();
        let answer = Arc::clone(&service).call(peer, request);
        async move { Ok::<_, Infallible>(answer.await.map(|reply| Counted::new(reply, asked))) }
    });
    let stream = TokioIo::new(stream);
    let mut connection = pin!(builder.serve_connection(stream, answer));
    let end = async {
        tokio::select! {
            () = lifecycle.soft_stop() => None,
            seen = idle(&requests) => Some(seen),
            // Others need the room, and it has asked nothing.
            () = place.out.cancelled() => Some(0),
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

        fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
            let said = format!("{status} of {}", String::from_utf8_lossy(beginning));
            Response::builder().status(status).body(Reply::from(bytes::Bytes::from(said))).unwrap()
        }
    }

    /// How long a connection lives on which `sent` is all that the client sends.
    async fn life_of(sent: &[u8]) -> (Duration, Vec<u8>) {
        let (server, mut client) = tokio::io::duplex(4096);
        let began = Instant::now();
        let serving = serve(server, Peer::Local, Place::uncounted(), Arc::new(Hello), Lifecycle::default());
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

    #[tokio::test(start_paused = true)]
    async fn no_later_head_may_take_longer_than_the_first() {
        let (life, answer) = life_of(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nho").await;
        assert!(String::from_utf8_lossy(&answer).contains("hello"));
        assert!(life <= HEAD_TIMEOUT * 2, "{life:?}");
    }
}
