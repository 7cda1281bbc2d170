//! The least a proxy on hyper can be: what the stack itself costs, as rows to compare with.
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// The largest body that is collected.
const BODY_BYTES: usize = 64 << 20;

/// The key the floor knows, for a client that is to be let in.
pub(crate) const KEY: &str = "floor-client";

type Sent = Either<Incoming, Full<Bytes>>;

#[derive(Deserialize)]
struct Peeked {
    model: String,
    #[serde(default)]
    stream: bool,
}

struct Floor {
    upstream: String,
    peeks: bool,
    keys: HashMap<String, u64>,
    credential: HeaderValue,
    client: Client<HttpConnector, Sent>,
}

/// Serves until cancelled; `upstream` is `host:port`. Must run on a `LocalSet`.
pub(crate) async fn serve(listener: TcpListener, upstream: String, peeks: bool) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(4_096).build(connector);
    let credential = HeaderValue::from_static("Bearer sk-upstream");
    let keys = HashMap::from([(format!("Bearer {KEY}"), 1)]);
    let floor = Rc::new(Floor { upstream, peeks, keys, credential, client });
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        };
        let _ = socket.set_nodelay(true);
        let floor = Rc::clone(&floor);
        spawn_local(async move {
            let service = service_fn(|request| pass(Rc::clone(&floor), request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn pass(floor: Rc<Floor>, request: Request<Incoming>) -> Result<Response<Sent>, std::convert::Infallible> {
    Ok(match forward(&floor, request).await {
        Ok(response) => response.map(Either::Left),
        Err(status) => {
            let mut response = Response::new(Either::Right(Full::new(Bytes::new())));
            *response.status_mut() = status;
            response
        }
    })
}

async fn forward(floor: &Floor, request: Request<Incoming>) -> Result<Response<Incoming>, StatusCode> {
    let (mut head, body) = request.into_parts();
    let body = if floor.peeks {
        let key = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        key.and_then(|key| floor.keys.get(key)).ok_or(StatusCode::UNAUTHORIZED)?;
        let body =
            Limited::new(body, BODY_BYTES).collect().await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?.to_bytes();
        let peeked: Peeked = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        std::hint::black_box((&peeked.model, peeked.stream));
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Either::Right(Full::new(body))
    } else {
        Either::Left(body)
    };
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = Uri::try_from(format!("http://{}{path}", floor.upstream)).map_err(|_| StatusCode::BAD_REQUEST)?;
    head.headers.remove(HOST);
    head.headers.insert(AUTHORIZATION, floor.credential.clone());
    floor.client.request(Request::from_parts(head, body)).await.map_err(|_| StatusCode::BAD_GATEWAY)
}
