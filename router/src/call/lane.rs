//! Plain HTTP/1.1 connections that are used again, each for one request at a time.
//!
//! hyper-util's pool serves any protocol over any transport; per request that takes two keys hashed byte by byte, a
//! race of futures, a timer and a task of its own. Here it is a list of what is idle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, Sleep};
use tower_service::Service as _;

use super::connect::Timely;
use super::error::root_cause;
use super::guard::Guarded;
use super::received::Received;
use super::{CallError, Pieces};

/// A connection that nobody has used for this long is closed.
const LIFE: Duration = Duration::from_secs(90);

/// The connections of one client.
#[derive(Debug)]
pub(super) struct Lane {
    connector: Timely<Guarded>,
    max_idle: usize,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one used last at the end.
    connections: VecDeque<Box<Connection>>,
    /// Whether a task looks for those that nobody uses.
    is_swept: bool,
}

/// A connection without a request.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Pieces>,
    authority: Authority,
    host: HeaderValue,
    /// For the wait for an answer's head: set anew for each, which is cheaper than a new one.
    timer: Pin<Box<Sleep>>,
    /// When it was given back.
    since: Instant,
}

/// A connection under way, and where it goes afterwards.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Box<Connection>,
    lane: Arc<Lane>,
}

impl Lease {
    /// The answer is over: another request may follow it.
    pub(super) fn give_back(self) {
        let Self { connection, lane } = self;
        lane.put(connection, Instant::now());
    }
}

impl Lane {
    /// Connections made by `connector`, of which at most `max_idle` are kept.
    pub(super) fn new(connector: Timely<Guarded>, max_idle: usize) -> Self {
        Self { connector, max_idle, idle: Mutex::default() }
    }

    /// Sends `request` and waits for the head of the answer, which must come within `first_byte`.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Box<Request<Pieces>>,
        first_byte: Duration,
    ) -> Result<Response<Received>, CallError> {
        let uri = std::mem::take(request.uri_mut()).into_parts();
        let authority = uri.authority.ok_or_else(|| CallError::Connect("the URL names no host".to_owned()))?;
        if uri.scheme.is_some_and(|scheme| scheme != Scheme::HTTP) {
            return Err(CallError::Connect("the URL is neither http nor https".to_owned()));
        }
        *request.uri_mut() = uri.path_and_query.map(Uri::from).unwrap_or_default();
        let began = Instant::now();
        loop {
            let kept = self.take(&authority, began);
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect(&authority, began + first_byte).await?,
            };
            request.headers_mut().entry(HOST).or_insert_with(|| connection.host.clone());
            connection.timer.as_mut().reset(began + first_byte);
            let Connection { sender, timer, .. } = &mut *connection;
            let mut sent = pin!(sender.try_send_request(*request));
            let answer = poll_fn(|cx| match sent.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            });
            match answer.await {
                None => return Err(CallError::FirstByteTimeout),
                Some(Ok(answer)) => {
                    let lease = Lease { connection, lane: Arc::clone(self) };
                    return Ok(answer.map(|body| Received::leased(body, lease)));
                }
                Some(Err(mut e)) => match e.take_message() {
                    // The provider closed it while it was idle, and has seen nothing of this.
                    Some(unsent) if !is_new => *request = unsent,
                    _ => return Err(CallError::Broken(root_cause(&e.into_error()))),
                },
            }
        }
    }

    async fn connect(&self, authority: &Authority, until: Instant) -> Result<Box<Connection>, CallError> {
        let no = |e: &(dyn std::error::Error + 'static)| CallError::Connect(root_cause(e));
        let to = Uri::builder().scheme(Scheme::HTTP).authority(authority.clone()).path_and_query("/").build();
        let connected = self.connector.clone().call(to.map_err(|e| no(&e))?);
        let stream = tokio::time::timeout_at(until, connected).await.map_err(|_| CallError::FirstByteTimeout)?;
        let stream = stream.map_err(|e| no(e.as_ref()))?;
        let (mut sender, connection) = http1::handshake(stream).await.map_err(|e| no(&e))?;
        TokioExecutor::new().execute(async move {
            // Whoever waits for an answer is told why there is none.
            _ = connection.await;
        });
        sender.ready().await.map_err(|e| no(&e))?;
        let host = match authority.port_u16() {
            Some(port) if port != 80 => HeaderValue::try_from(format!("{}:{port}", authority.host())),
            _ => HeaderValue::try_from(authority.host()),
        };
        Ok(Box::new(Connection {
            sender,
            authority: authority.clone(),
            host: host.map_err(|e| no(&e))?,
            timer: Box::pin(tokio::time::sleep_until(until)),
            since: until,
        }))
    }

    /// The connection to `authority` used last, if one is idle at `now`.
    fn take(&self, authority: &Authority, now: Instant) -> Option<Box<Connection>> {
        let mut idle = self.lock();
        let mut at = idle.connections.len();
        while let Some(connection) = at.checked_sub(1).and_then(|at| idle.connections.get(at)) {
            at -= 1;
            if connection.sender.is_closed() || now.saturating_duration_since(connection.since) > LIFE {
                idle.connections.remove(at);
            } else if connection.sender.is_ready() && connection.authority == *authority {
                return idle.connections.remove(at);
            }
        }
        None
    }

    fn put(self: Arc<Self>, mut connection: Box<Connection>, now: Instant) {
        if connection.sender.is_closed() || self.max_idle == 0 {
            return;
        }
        connection.since = now;
        let mut idle = self.lock();
        let surplus = if idle.connections.len() >= self.max_idle { idle.connections.pop_front() } else { None };
        idle.connections.push_back(connection);
        let needs_sweeper = !std::mem::replace(&mut idle.is_swept, true);
        drop(idle);
        drop(surplus);
        if needs_sweeper {
            self.start_sweeping();
        }
    }

    /// Closes what nobody uses, for as long as anything is idle.
    fn start_sweeping(self: Arc<Self>) {
        let lane = Arc::downgrade(&self);
        let sweeping = async move {
            loop {
                tokio::time::sleep(LIFE).await;
                let Some(lane) = lane.upgrade() else { return };
                if lane.sweep(Instant::now()) {
                    return;
                }
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(_) => TokioExecutor::new().execute(sweeping),
            // An answer that is read elsewhere: the next to come back tries again.
            Err(_) => self.lock().is_swept = false,
        }
    }

    /// Closes what has been idle for too long at `now`; says whether nothing is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut idle = self.lock();
        let Idle { connections, is_swept } = &mut *idle;
        let is_old = |c: &Connection| c.sender.is_closed() || now.saturating_duration_since(c.since) > LIFE;
        connections.retain(|connection| !is_old(connection));
        *is_swept = !connections.is_empty();
        !*is_swept
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Guard;
    use super::*;
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn what_nobody_uses_is_closed_and_no_more_is_kept_than_wanted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let lane = Arc::new(Lane::new(Timely::new(Guarded::new(Guard::default(), |_| {}), LIFE), 2));
        let asked = || Request::get(&url).body(Pieces::default()).unwrap();
        let answer = async || {
            let (mut stream, _) = listener.accept().await.unwrap();
            _ = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            stream
        };
        let (mut answers, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (got, stream) = tokio::join!(lane.send(Box::new(asked()), LIFE), answer());
            answers.push(got.unwrap());
            streams.push(stream);
        }
        for got in answers {
            assert_eq!(got.into_body().collect().await.unwrap().to_bytes(), "ok");
        }
        // The one given back first made room for the third.
        assert_eq!(lane.lock().connections.len(), 2);
        assert_eq!(streams.first_mut().unwrap().read(&mut [0; 16]).await.unwrap(), 0);
        assert!(!lane.sweep(Instant::now()) && lane.lock().is_swept);
        assert_eq!(lane.lock().connections.len(), 2);
        let later = Instant::now() + LIFE + Duration::from_secs(1);
        let authority = lane.lock().connections.front().unwrap().authority.clone();
        assert!(lane.sweep(later) && !lane.lock().is_swept);
        for mut stream in streams {
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        }
        assert!(lane.take(&authority, Instant::now()).is_none());
    }
}
