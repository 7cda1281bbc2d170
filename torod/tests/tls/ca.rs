//! A CA that has had too much: it knows the account, and answers every order with 429.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The CA.
pub struct Weary {
    pub addr: SocketAddr,
    pub orders: Arc<AtomicU64>,
}

impl Weary {
    /// One that is who it is by what `pebble::identity` has made in `known`.
    pub async fn start(known: &Path) -> Self {
        let chain = CertificateDer::pem_file_iter(known.join("cert.pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(known.join("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, orders) = (listener.local_addr().unwrap(), Arc::<AtomicU64>::default());
        let (acceptor, counted) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&orders));
        drop(tokio::runtime::Handle::current().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                drop(tokio::runtime::Handle::current().spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut seen = Vec::new();
                    let mut piece = [0; 4096];
                    // Requests are small and come whole; one connection, one request.
                    while let Ok(length @ 1..) = stream.read(&mut piece).await {
                        seen.extend_from_slice(&piece[..length]);
                        let text = String::from_utf8_lossy(&seen);
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let wanted = head.lines().find_map(|line| {
                            line.to_ascii_lowercase()
                                .strip_prefix("content-length: ")
                                .map(|n| n.parse::<usize>().unwrap())
                        });
                        if body.len() < wanted.unwrap_or(0) {
                            continue;
                        }
                        let answer = answer(head, addr, &counted);
                        drop(stream.write_all(answer.as_bytes()).await);
                        break;
                    }
                    drop(stream.shutdown().await);
                }));
            }
        }));
        Self { addr, orders }
    }
}

fn answer(head: &str, addr: SocketAddr, orders: &AtomicU64) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let at = |name: &str| format!("\"https://{addr}/{name}\"");
    let (status, more, body) = match path {
        "/dir" => {
            let places = [("newNonce", "nonce"), ("newAccount", "account"), ("newOrder", "order")];
            let places: Vec<_> = places.iter().map(|(key, name)| format!("\"{key}\":{}", at(name))).collect();
            ("200 OK", String::new(), format!("{{{}}}", places.join(",")))
        }
        "/account" => ("201 Created", format!("location: https://{addr}/me\r\n"), "{\"status\":\"valid\"}".to_owned()),
        "/order" => {
            orders.fetch_add(1, Ordering::SeqCst);
            let body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many orders\\u001b[2J\",\"status\":429}";
            ("429 Too Many Requests", "retry-after: 7200\r\n".to_owned(), body.to_owned())
        }
        _ => ("200 OK", String::new(), String::new()),
    };
    let length = body.len();
    let body = if head.starts_with("HEAD ") { String::new() } else { body };
    format!(
        "HTTP/1.1 {status}\r\nreplay-nonce: abc\r\n{more}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
