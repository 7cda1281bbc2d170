//! One connection: TCP, TLS or the daemon's control socket, and HTTP/1.1 on it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// What carries the bytes; whoever waits for an answer or a part of it drives it.
type Carrier = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An open connection.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// Nothing once it came to its end.
    carrier: Option<Carrier>,
}

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection on which nothing was said yet.
pub type Stream = Box<dyn Duplex>;

pub(super) async fn by_socket(path: &Path) -> io::Result<Stream> {
    Ok(Box::new(UnixStream::connect(path).await?))
}

pub(super) async fn plain(host: &str, port: u16) -> io::Result<Stream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

pub(super) async fn encrypted(host: &str, port: u16, config: &Arc<rustls::ClientConfig>) -> io::Result<Stream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    Ok(Box::new(tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, stream).await?))
}

impl Line {
    pub(super) async fn over(stream: Stream) -> io::Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, carrier: Some(Box::pin(connection)) })
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let sent = self.sender.send_request(request);
        let answer = carried(&mut self.carrier, sent).await;
        answer.map_err(|e| match std::error::Error::source(&e) {
            Some(source) => format!("the connection broke: {source}"),
            None => format!("the connection broke: {e}"),
        })
    }

    /// Waits for something that comes over this connection.
    pub(super) async fn carry<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        carried(&mut self.carrier, wanted).await
    }
}

/// Drives the connection until what is wanted is there; a connection that ended says so through what is wanted.
async fn carried<T>(carrier: &mut Option<Carrier>, wanted: impl Future<Output = T>) -> T {
    tokio::pin!(wanted);
    if let Some(running) = carrier {
        tokio::select! {
            biased;
            done = &mut wanted => return done,
            _ = running => {}
        }
        *carrier = None;
    }
    wanted.await
}
