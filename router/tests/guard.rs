//! A client behind a guard: what it forbids is never connected to, by address or by name, and a second look counts.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use tokenrouter::call::{CallError, Client, Guard, Pieces, Timeouts};
use tokio::net::TcpListener;

fn no_loopback(ip: IpAddr) -> Result<(), String> {
    if ip.to_canonical().is_loopback() { Err(format!("{ip} is not for you")) } else { Ok(()) }
}

async fn asked(guard: Guard, url: &str) -> CallError {
    let client = Client::guarded(Timeouts::default(), 1, guard);
    client.send(Request::get(url).body(Pieces::default()).unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn nothing_forbidden_is_connected_to_by_address_or_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"] {
        for scheme in ["http", "https"] {
            let said = asked(Guard::new(no_loopback), &format!("{scheme}://{host}:{port}/")).await;
            // Where the system reads no such spelling, there is nothing to connect to either.
            let is_refused = matches!(&said, CallError::Connect(why) if why.contains("is not for you"));
            let is_odd = !matches!(host, "127.0.0.1" | "localhost" | "[::ffff:127.0.0.1]");
            assert!(is_refused || (is_odd && matches!(said, CallError::Connect(_))), "{scheme}://{host}: {said}");
        }
    }
    // Nobody came: the first to be let in is the first there is.
    let client = Client::new(Timeouts::default(), 1);
    let request = Request::get(format!("http://127.0.0.1:{port}/first")).body(Pieces::default()).unwrap();
    let (_, stream) = tokio::join!(
        async { drop(tokio::time::timeout(std::time::Duration::from_millis(200), client.send(request)).await) },
        async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            let mut head = [0; 64];
            let read = stream.try_read(&mut head).unwrap();
            head.get(..read).unwrap().to_vec()
        }
    );
    assert!(stream.starts_with(b"GET /first"));
}

/// A name that meant a harmless machine when it was asked for, and another one when the connection was there.
#[tokio::test]
async fn the_connection_itself_is_looked_at_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let guard = Guard::new(move |ip| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        _ => no_loopback(ip),
    });
    let said = asked(guard, &url).await;
    assert!(matches!(&said, CallError::Connect(why) if why.contains("is not for you")), "{said}");
    let (stream, _) = listener.accept().await.unwrap();
    stream.readable().await.unwrap();
    assert_eq!((stream.try_read(&mut [0; 16]).unwrap(), looks.load(Ordering::Relaxed)), (0, 2));
}
