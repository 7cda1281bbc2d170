//! One connection: HTTP/1.1 or HTTP/2, whichever the client begins with.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::gateway::reply::Reply;
use crate::lifecycle::Lifecycle;

/// A client has this long to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Tcp(SocketAddr),
    /// The owner of the data folder, by the control socket.
    Local,
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

/// Serves one connection to its end.
pub async fn serve<S>(stream: S, peer: Peer, service: Arc<dyn Service>, lifecycle: Lifecycle)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).keep_alive(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(512).keep_alive_interval(Duration::from_secs(30));
    let answer = hyper::service::service_fn(move |request| {
        let answer = Arc::clone(&service).call(peer, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    // Errors here are the client's hang-ups and malformed HTTP; hyper has answered what can be answered.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = lifecycle.soft_stop() => {}
    }
    // Requests that still arrive on it are refused; each answer asks the client to close.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = lifecycle.hard_stop() => {}
    }
    connection.as_mut().graceful_shutdown();
    _ = tokio::time::timeout(Duration::from_millis(200), connection).await;
}
