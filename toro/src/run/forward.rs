//! A door on 127.0.0.1 between an agent and a gateway elsewhere: for agents that take https or this machine alone, and for
//! gateways that are known by their certificate, of which no agent knows.
//!
//! The agent gets a secret of the door's, never the run's key: the door puts the key in its place. Whoever does not show the
//! secret, such as another user of this machine, gets nothing. Bytes pass as they come, both ways.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokenrouter_shared::Secret;
use tokenrouter_shared::hex;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;

use crate::client::address::Address;
use crate::client::{Client, ClientError};
use crate::exit::{Exit, Failure};

/// Connections at a time; more than any agent opens.
const MOST: usize = 512;
/// So long may it take to say what is wanted.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a key may stand besides `Authorization`.
const KEYS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];
/// What is between two programs alone and goes no further.
const OWN: [HeaderName; 9] = [
    CONNECTION,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

type Body = Either<Incoming, Full<Bytes>>;

/// An open door; closed when dropped, with all that goes through it.
#[derive(Debug)]
pub struct Door {
    /// Where the agent finds it.
    pub address: Address,
    /// What opens it.
    pub secret: Secret,
    close: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

struct Way {
    client: Client,
    secret: Secret,
    key: Secret,
}

impl Door {
    /// Opens one to `client`'s gateway; `key` is put in the secret's place.
    pub fn open(client: &Client, key: &Secret) -> Result<Self, Failure> {
        let failed =
            |what: String| Failure::new(Exit::NotBegun, format!("no door can be opened on 127.0.0.1: {what}"), "");
        let mut random = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| failed("there is no randomness".to_owned()))?;
        let secret = Secret::new(["door_", &hex::of(&random)].concat());
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let address =
            format!("http://{}", listener.local_addr()?).parse::<Address>().map_err(|e| failed(e.to_string()))?;
        let way = Arc::new(Way { client: client.clone(), secret: secret.clone(), key: key.clone() });
        let (close, closed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("door".to_owned()).spawn(move || {
            // A runtime that cannot be built leaves a door that nobody answers at; the agent says so.
            _ = crate::client::block_on(async {
                tokio::select! { _ = stand(listener, way) => {}, _ = closed => {} }
            });
        })?;
        Ok(Self { address, secret, close: Some(close), thread: Some(thread) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.close.take());
        _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn stand(listener: TcpListener, way: Arc<Way>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, perhaps: some will be closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if open.len() < MOST {
            _ = stream.set_nodelay(true);
            open.spawn(serve(stream, Arc::clone(&way)));
        }
    }
}

async fn serve(stream: tokio::net::TcpStream, way: Arc<Way>) {
    // One request after the other comes over a connection, so one line to the gateway is enough.
    let line = Arc::new(Mutex::new(None));
    let service = service_fn(move |request| {
        let (way, line) = (Arc::clone(&way), Arc::clone(&line));
        async move { Ok::<_, Infallible>(pass(&way, &line, request).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // What breaks here the agent sees itself.
    _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn pass(way: &Way, line: &Mutex<Option<Line>>, mut request: Request<Incoming>) -> Response<Body> {
    if !let_in(&mut request, &way.secret, &way.key) {
        return told(StatusCode::UNAUTHORIZED, "wrong_secret", "this door is for the agent that toro started");
    }
    if request.headers().contains_key(UPGRADE) {
        let why = "WebSockets do not go through the door of `toro --forward`; the same is there over HTTP";
        return told(StatusCode::UPGRADE_REQUIRED, "no_websockets", why);
    }
    let Some(request) = onward(request, way.client.address()) else {
        return told(StatusCode::BAD_REQUEST, "bad_target", "the request names no path");
    };
    let mut line = line.lock().await;
    match answer(way, &mut line, request).await {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            for name in &OWN {
                head.headers.remove(name);
            }
            Response::from_parts(head, Either::Left(body))
        }
        Err(why) => told(StatusCode::BAD_GATEWAY, "gateway_unreachable", &why),
    }
}

/// A connection to the gateway, and the task that drives it.
struct Line {
    sender: SendRequest<Incoming>,
    _carrier: JoinSet<()>,
}

async fn answer(way: &Way, line: &mut Option<Line>, request: Request<Incoming>) -> Result<Response<Incoming>, String> {
    let mut request = request;
    if let Some(Line { sender, .. }) = line {
        // A connection that was kept may have been closed meanwhile: then nothing was sent, and a new one does.
        if sender.ready().await.is_ok() {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut e) => match e.take_message() {
                    Some(unsent) => request = unsent,
                    None => {
                        *line = None;
                        return Err(format!("the connection to the gateway broke: {}", e.error()));
                    }
                },
            }
        }
    }
    *line = None;
    let stream = way.client.dial().await.map_err(|e: ClientError| e.to_string())?;
    let broke = |e: hyper::Error| format!("the connection to the gateway broke: {e}");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broke)?;
    let mut carrier = JoinSet::new();
    carrier.spawn(async move { drop(connection.await) });
    let fresh = line.insert(Line { sender, _carrier: carrier });
    fresh.sender.send_request(request).await.map_err(broke)
}

/// Whether the secret is shown; then the key stands in its place, and nothing else where a key could stand.
fn let_in(request: &mut Request<Incoming>, secret: &Secret, key: &Secret) -> bool {
    let mut is_in = replace_headers(request.headers_mut(), secret, key);
    if let Some(uri) = replace_query(request.uri(), secret, key) {
        *request.uri_mut() = uri;
        is_in = true;
    }
    is_in
}

fn replace_headers(headers: &mut HeaderMap, secret: &Secret, key: &Secret) -> bool {
    let mut is_in = false;
    for name in [AUTHORIZATION].iter().chain(&KEYS) {
        let Some(value) = headers.remove(name) else { continue };
        let Ok(text) = value.to_str() else { continue };
        let start = text.get(..7).filter(|start| start.eq_ignore_ascii_case("bearer ")).unwrap_or_default();
        let shown = text.get(start.len()..).unwrap_or_default();
        if is_same(shown.trim(), secret.expose())
            && let Ok(mut real) = HeaderValue::from_str(&format!("{start}{}", key.expose()))
        {
            real.set_sensitive(true);
            headers.insert(name, real);
            is_in = true;
        }
    }
    is_in
}

/// `?key=`, as clients of Gemini may say it.
fn replace_query(uri: &Uri, secret: &Secret, key: &Secret) -> Option<Uri> {
    let query = uri.query()?;
    let mut is_in = false;
    let parts: Vec<String> = query
        .split('&')
        .filter_map(|part| match part.strip_prefix("key=") {
            Some(shown) if is_same(shown, secret.expose()) => {
                is_in = true;
                Some(format!("key={}", crate::client::escape(key.expose())))
            }
            Some(_) => None,
            None => Some(part.to_owned()),
        })
        .collect();
    let uri = format!("{}?{}", uri.path(), parts.join("&")).parse().ok()?;
    is_in.then_some(uri)
}

/// Compares without telling by its duration how much was right.
fn is_same(shown: &str, secret: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(shown.as_bytes(), secret.as_bytes()).is_ok()
}

/// The request as the gateway gets it.
fn onward(request: Request<Incoming>, address: &Address) -> Option<Request<Incoming>> {
    let (mut head, body) = request.into_parts();
    let target = head.uri.path_and_query()?;
    head.uri = address.path(target.as_str()).parse().ok()?;
    // `Connection` may name more that goes no further.
    let named: Vec<HeaderName> = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OWN.iter().chain(&named) {
        head.headers.remove(name);
    }
    head.headers.insert(HOST, HeaderValue::from_str(&address.authority()).ok()?);
    head.version = http::Version::HTTP_11;
    Some(Request::from_parts(head, body))
}

/// An answer of the door's own, in the shape in which every protocol tells an error.
fn told(status: StatusCode, code: &str, why: &str) -> Response<Body> {
    let error = serde_json::json!({ "type": "error", "error": { "type": code, "code": code, "message": format!("toro: {why}") } });
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(error.to_string()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    response
}
