//! Plain connections: used again where that is safe, and never for what somebody else is still told.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "the provider of a test is a task of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokenrouter::call::{CallError, Client, Pieces, Received, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a provider does with the requests on one connection, in turn; after the last it closes it.
type Script = &'static [&'static str];

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok";
const CLOSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
/// Reads the request and says nothing.
const NOTHING: &str = "";
/// Waits until the other side has closed.
const WAIT: &str = "wait";

/// A provider whose connections follow `scripts`, one after the other; the last one again and again.
struct Provider {
    url: String,
    connections: Arc<AtomicUsize>,
    closed: Arc<Notify>,
    /// The heads of the requests.
    heads: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Provider {
    async fn start(scripts: &'static [Script]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/x?y=1", listener.local_addr().unwrap());
        let provider = Self { url, connections: Arc::default(), closed: Arc::default(), heads: Arc::default() };
        let (connections, closed) = (Arc::clone(&provider.connections), Arc::clone(&provider.closed));
        let heads = Arc::clone(&provider.heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let at = connections.fetch_add(1, Ordering::SeqCst);
                let script = *scripts.get(at).or(scripts.last()).unwrap();
                let (closed, heads) = (Arc::clone(&closed), Arc::clone(&heads));
                tokio::spawn(async move {
                    serve(stream, script, &heads).await;
                    closed.notify_one();
                });
            }
        });
        provider
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn request(&self) -> Request<Pieces> {
        Request::post(&self.url).body(Pieces::new(vec![Bytes::from_static(b"question")])).unwrap()
    }
}

async fn serve(mut stream: TcpStream, script: Script, heads: &std::sync::Mutex<Vec<String>>) {
    for answer in script {
        let mut asked = Vec::new();
        while !asked.ends_with(b"question") {
            if *answer == WAIT || stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                // Its end, if nothing more comes.
                _ = stream.read(&mut [0; 16]).await;
                return;
            }
        }
        heads.lock().unwrap().push(String::from_utf8_lossy(&asked).into_owned());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn client() -> Client {
    Client::new(Timeouts::default(), 8)
}

async fn text(answer: Response<Received>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_is_used_again_after_any_kind_of_answer() {
    let provider = Provider::start(&[&[OK, CHUNKED, EMPTY, OK, WAIT]]).await;
    let client = client();
    for expected in ["ok", "ok", "", "ok"] {
        assert_eq!(text(client.send(provider.request()).await.unwrap()).await, expected);
        // A connection is ready when its own task has seen the answer's end.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.connections(), 1);
    let heads = provider.heads.lock().unwrap();
    let host = provider.url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap();
    assert!(heads.iter().all(|head| head.starts_with("POST /v1/x?y=1 HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains(&format!("host: {host}\r\n"))), "{heads:?}");
}

#[tokio::test]
async fn an_answer_under_way_shares_its_connection_with_nobody() {
    let provider = Provider::start(&[&[OK, WAIT]]).await;
    let client = client();
    let first = client.send(provider.request()).await.unwrap();
    let second = client.send(provider.request()).await.unwrap();
    assert_eq!(provider.connections(), 2);
    assert_eq!((text(first).await, text(second).await), ("ok".into(), "ok".into()));
}

#[tokio::test]
async fn an_answer_that_is_dropped_half_way_closes_its_connection() {
    let provider = Provider::start(&[&[HALF, WAIT], &[OK, WAIT]]).await;
    let client = client();
    let first = client.send(provider.request()).await.unwrap();
    drop(first);
    provider.closed.notified().await;
    assert_eq!(text(client.send(provider.request()).await.unwrap()).await, "ok");
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn what_a_provider_closed_is_not_used_again() {
    // The first says so; the second closes without a word after its answer.
    let provider = Provider::start(&[&[CLOSE, WAIT], &[OK], &[OK, WAIT]]).await;
    let client = client();
    for connections in [1, 2] {
        assert_eq!(text(client.send(provider.request()).await.unwrap()).await, "ok");
        assert_eq!(provider.connections(), connections);
        provider.closed.notified().await;
    }
    // Whether its end was seen before the next request is sent or while it is, the request is served.
    assert_eq!(text(client.send(provider.request()).await.unwrap()).await, "ok");
    assert_eq!(provider.connections(), 3);
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let provider = Provider::start(&[&[OK, NOTHING], &[OK, WAIT]]).await;
    let client = client();
    assert_eq!(text(client.send(provider.request()).await.unwrap()).await, "ok");
    tokio::task::yield_now().await;
    let broken = client.send(provider.request()).await.unwrap_err();
    assert!(matches!(broken, CallError::Broken(_)), "{broken:?}");
    assert_eq!((provider.connections(), provider.heads.lock().unwrap().len()), (1, 2));
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_not_waited_for() {
    let provider = Provider::start(&[&[OK, NOTHING, WAIT]]).await;
    let hasty = Timeouts { first_byte: Duration::from_millis(300), ..Timeouts::default() };
    let client = Client::new(hasty, 8);
    assert_eq!(text(client.send(provider.request()).await.unwrap()).await, "ok");
    let late = client.send(provider.request()).await.unwrap_err();
    assert!(matches!(late, CallError::FirstByteTimeout), "{late:?}");
    provider.closed.notified().await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for url in [url.as_str(), "/only/a/path", "ftp://127.0.0.1/"] {
        let request = Request::get(url).body(Pieces::default()).unwrap();
        assert!(client().send(request).await.unwrap_err().is_unseen(), "{url}");
    }
}
