//! Requests that are no HTTP/1.1: hyper refuses them with a bare head and hangs up. Here that head becomes an answer with
//! a body, and the client is given the time to read it.
//!
//! The head is recognised by what came before and not by its text: the first bytes that are written after everything
//! was answered and flushed, without that the service was asked again, are no answer of the service. So nothing that a
//! provider sends can look like it. HTTP/2 has frames for such refusals, which are left as they are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::connection::Service;
use crate::gateway::reply::Reply;

/// So much of a request's beginning is remembered: the path is in there, which tells the client's protocol.
const BEGINNING: usize = 96;
/// Whoever still sends when a connection ends has this long to read the answer. Closed at once, the system would tell
/// it of a reset instead, and the answer were lost.
const FAREWELL: Duration = Duration::from_secs(2);
/// So much of what it sends meanwhile is thrown away.
const MOST_UNHEARD: usize = 4 << 20;

/// How many requests the service of a connection was asked, and how many answers have ended.
#[derive(Clone, Debug, Default)]
pub struct Count {
    asked: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

impl Count {
    /// A count of requests that others look at too.
    pub fn new(asked: Arc<AtomicU64>) -> Self {
        Self { asked, ended: Arc::default() }
    }

    /// One more request. It has ended when what this gives is dropped.
    pub fn ask(&self) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked(Arc::clone(&self.ended))
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A request under way.
#[derive(Debug)]
pub struct Asked(Arc<AtomicU64>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer's body that counts as under way until it is dropped.
pub struct Counted {
    reply: Reply,
    _asked: Asked,
}

impl Counted {
    /// The answer to what was `asked`.
    pub const fn new(reply: Reply, asked: Asked) -> Self {
        Self { reply, _asked: asked }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = <Reply as Body>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.reply).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.reply.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reply.size_hint()
    }
}

/// A connection on which bare refusals are answers.
pub struct Outspoken<S> {
    inner: S,
    service: Arc<dyn Service>,
    count: Count,
    /// The requests that had been answered, to the last byte, when the connection was last flushed.
    answered: u64,
    beginning: [u8; BEGINNING],
    begun: usize,
    /// Written instead of hyper's head.
    instead: Bytes,
    is_over: bool,
    farewell: Option<Pin<Box<Sleep>>>,
    unheard: usize,
}

impl<S> Outspoken<S> {
    /// `inner`, on which `service` answers what `count` counts.
    pub fn new(inner: S, service: Arc<dyn Service>, count: Count) -> Self {
        Self {
            inner,
            service,
            count,
            answered: 0,
            beginning: [0; BEGINNING],
            begun: 0,
            instead: Bytes::new(),
            is_over: false,
            farewell: None,
            unheard: 0,
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let Some(room) = self.beginning.get_mut(self.begun..) else { return };
        let length = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.begun += length;
    }

    /// Whether `written` is a head of hyper's own. Then another answer is written.
    fn is_bare(&mut self, written: &[u8]) -> bool {
        if self.count.asked() != self.answered {
            return false;
        }
        let Some(status) = refused_with(written) else { return false };
        let beginning = self.beginning.get(..self.begun).unwrap_or_default();
        let answer = self.service.misread(status, beginning);
        self.instead = written_out(answer, beginning.starts_with(b"HEAD "));
        true
    }
}

/// The status of a head that refuses a request.
fn refused_with(head: &[u8]) -> Option<u16> {
    let status = std::str::from_utf8(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    status.parse().ok().filter(|status| (400..500).contains(status))
}

/// `answer` in HTTP/1.1, the last on its connection.
fn written_out(answer: Response<Reply>, is_head: bool) -> Bytes {
    let (head, body) = answer.into_parts();
    let body = match body {
        Reply::Text(text) => text.unwrap_or_default(),
        // What is not there yet is not waited for.
        Reply::Relay(_) | Reply::Heard(_) | Reply::Admin(_) => Bytes::new(),
    };
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    if !is_head {
        out.extend_from_slice(&body);
    }
    out.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Outspoken<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut me.inner).poll_read(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        if read.is_empty() {
            me.is_over |= buf.remaining() > 0;
        } else if me.begun < BEGINNING && me.count.asked() == me.answered {
            me.remember(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outspoken<S> {
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Throws away what the client still sends, until it hangs up or has had its time.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let farewell = self.farewell.get_or_insert_with(|| Box::pin(tokio::time::sleep(FAREWELL)));
        while !self.is_over && self.unheard < MOST_UNHEARD {
            if farewell.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut room = [std::mem::MaybeUninit::uninit(); 4096];
            let mut room = ReadBuf::uninit(&mut room);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut room)) {
                Ok(()) if !room.filled().is_empty() => self.unheard += room.filled().len(),
                Ok(()) | Err(_) => self.is_over = true,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Outspoken<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_bare(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_bare(bufs.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        ready!(me.poll_instead(cx))?;
        ready!(Pin::new(&mut me.inner).poll_flush(cx))?;
        let asked = me.count.asked();
        if asked != me.answered && me.count.ended() == asked {
            me.answered = asked;
            me.begun = 0;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.farewell.is_none() {
            ready!(me.poll_instead(cx))?;
            ready!(Pin::new(&mut me.inner).poll_shutdown(cx))?;
        }
        me.poll_farewell(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Peer, serve};
    use super::super::crowd::Place;
    use super::*;
    use crate::lifecycle::Lifecycle;
    use http::Request;
    use hyper::body::Incoming;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What hyper writes of its own, to the letter.
    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sat, 21 Nov 2026 23:00:00 GMT\r\n\r\n";

    /// Answers in pieces which are like a refusal of hyper's, each written by itself.
    struct Parrot;

    impl Service for Parrot {
        fn call(
            self: Arc<Self>,
            _: Peer,
            request: Request<Incoming>,
        ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
            let pieces = futures_util::stream::unfold(0, |n| async move {
                tokio::task::yield_now().await;
                (n < 3).then(|| (Ok::<_, io::Error>(BARE), n + 1))
            });
            let length = if request.uri().path() == "/counted" { Some(3 * BARE.len()) } else { None };
            let mut response = Response::new(Reply::Admin(axum::body::Body::from_stream(pieces)));
            if let Some(length) = length {
                response.headers_mut().insert("content-length", length.into());
            }
            Box::pin(std::future::ready(response))
        }

        fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
            let said = format!("{status} of {}", String::from_utf8_lossy(beginning));
            Response::builder().status(status).body(Reply::from(Bytes::from(said))).unwrap()
        }
    }

    async fn told(sent: &str) -> String {
        let (server, mut client) = tokio::io::duplex(64 << 10);
        let serving = serve(server, Peer::Local, Place::uncounted(), Arc::new(Parrot), Lifecycle::default());
        let asking = async {
            client.write_all(sent.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            drop(client);
            answer
        };
        let (answer, ()) = tokio::join!(asking, serving);
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_provider_says_is_never_taken_for_a_refusal() {
        let ask = |path: &str, version: &str, more: &str| format!("GET {path} HTTP/{version}\r\nhost: x\r\n{more}\r\n");
        for (path, version) in [("/counted", "1.1"), ("/chunked", "1.1"), ("/until-the-end", "1.0")] {
            let answer = told(&ask(path, version, "connection: close\r\n")).await;
            assert_eq!(answer.matches(BARE).count(), 3, "{path}: {answer}");
        }
        // The same, and then a real one.
        let answer = told(&format!("{}{}", ask("/counted", "1.1", ""), ask("/", "9.9", ""))).await;
        assert_eq!(answer.matches(BARE).count(), 3, "{answer}");
        assert!(answer.ends_with("\r\nconnection: close\r\ncontent-length: 7\r\n\r\n400 of "), "{answer}");
        let answer = told(&ask("/", "9.9", "")).await;
        assert!(answer.contains("\r\n\r\n400 of GET / HTTP/9.9\r\n"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_still_sends_is_heard_out_for_a_moment() {
        let (server, mut client) = tokio::io::duplex(1 << 10);
        let began = tokio::time::Instant::now();
        let serving = serve(server, Peer::Local, Place::uncounted(), Arc::new(Parrot), Lifecycle::default());
        let sending = async {
            client.write_all(b"GET / HTTP/9.9\r\n\r\n").await.unwrap();
            // Nobody reads the answer yet, and all of this is taken.
            client.write_all(&vec![b'x'; 64 << 10]).await.unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 400 "));
            client
        };
        let (client, ()) = tokio::join!(sending, serving);
        assert!(began.elapsed() >= FAREWELL && began.elapsed() < FAREWELL * 2, "{:?}", began.elapsed());
        drop(client);
    }
}
