//! `torod health`: what it says and how it ends, for gateways that serve, do not, or are somebody else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_serves_is_well() {
    let site = Site::new().await;
    let running = site.serve(&[]).await;
    let at = running.address();
    let told = site.torod(&["health", "--listen", &at]).well();
    assert_eq!(told.out, format!("http://{at}: ok, torod {}\n", env!("CARGO_PKG_VERSION")));
    let told = site.torod(&["health", "--alive", "--json", "--listen", &at]).well().json();
    assert_eq!((&told["status"], &told["asked"]), (&"ok".into(), &format!("http://{at}").into()));
    // Whatever port is free is in no file.
    let unsaid = site.torod(&["health"]);
    assert!(unsaid.code == Some(1) && unsaid.err.contains("--listen"), "{unsaid:?}");
    drop(running);
    let gone = site.torod(&["health", "--listen", &at]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.out.contains("unreachable") && gone.out.contains("torod serve"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_address_is_asked_at_loopback() {
    let site = Site::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.torod(&["token", "create", "--role", "admin"]).well();
    let site = site.with("TOROD_LISTEN_ADDR", &format!("0.0.0.0:{}", free.port()));
    let running = site.serve(&[]).await;
    let told = site.torod(&["health"]).well();
    assert!(told.out.starts_with(&format!("http://127.0.0.1:{}: ok", free.port())), "{told:?} {}", running.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_providers_it_is_alive_and_serves_nobody() {
    let site = Site::new().await;
    site.write("listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n");
    let running = site.serve(&[]).await;
    let at = running.address();
    let told = site.torod(&["health", "--listen", &at]);
    assert!(
        told.code == Some(1) && told.out.contains("degraded: torod") || told.out.contains("no provider"),
        "{told:?}"
    );
    site.torod(&["health", "--alive", "--listen", &at]).well();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_address_is_told_from_torod() {
    let site = Site::new().await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        let (mut client, _) = other.accept().unwrap();
        let mut head = [0; 1024];
        assert!(client.read(&mut head).unwrap() > 0);
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap();
        // The second one speaks no HTTP at all.
        let (mut client, _) = other.accept().unwrap();
        assert!(client.read(&mut head).unwrap() > 0);
        client.write_all(&[0x15, 3, 1, 0, 2, 2, 22]).unwrap();
        other
    });
    let told = site.torod(&["health", "--listen", &at]);
    assert!(told.code == Some(1) && told.out.contains("another program"), "{told:?}");
    let told = site.torod(&["health", "--listen", &at]);
    assert!(told.code == Some(1) && told.out.contains("no plain HTTP"), "{told:?}");
    // Where a torod holds the folder, it is asked by its own door.
    let _running = site.serve(&[]).await;
    let other = served.join().unwrap();
    let speaking = std::thread::spawn(move || {
        let (mut client, _) = other.accept().unwrap();
        assert!(client.read(&mut [0; 1024]).unwrap() > 0);
        client.write_all(&[0x15, 3, 1, 0, 2, 2, 22]).unwrap();
    });
    let told = site.torod(&["health", "--listen", &at]).well();
    assert!(told.out.contains("torod.sock: ok"), "{told:?}");
    speaking.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for_long() {
    let site = Site::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let told = site.torod(&["health", "--timeout", "1", "--listen", &silent.local_addr().unwrap().to_string()]);
    assert!(told.code == Some(1) && told.out.contains("within 1 s"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_tls_is_asked_by_tls() {
    let site = Site::new().await;
    let text = fs::read_to_string(&site.config).unwrap();
    site.write(&format!("{text}\n[tls]\nmode = \"self-signed\"\n"));
    let running = site.serve(&[]).await;
    let at = running.url.trim_start_matches("https://").to_owned();
    assert!(running.url.starts_with("https://"), "{}", running.url);
    let told = site.torod(&["health", "--listen", &at]).well();
    assert!(told.out.starts_with(&format!("https://{at}: ok")), "{told:?}");
    let told = site.torod(&["doctor", "--json"]).well().json();
    let checks = told["checks"].as_array().unwrap();
    assert!(checks.iter().any(|one| one["check"] == "certificate" && one["grade"] == "good"), "{told}");
    drop(running);
    // Somebody who speaks no TLS is told from it.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap().to_string();
    let speaking = std::thread::spawn(move || {
        let (mut client, _) = other.accept().unwrap();
        assert!(client.read(&mut [0; 1024]).unwrap() > 0);
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let told = site.torod(&["health", "--listen", &at]);
    assert!(told.code == Some(1) && told.out.contains("TLS cannot be had"), "{told:?}");
    speaking.join().unwrap();
}
