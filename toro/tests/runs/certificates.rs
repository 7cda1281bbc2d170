//! A self-signed gateway: its fingerprint is shown, believed once it was agreed to, and no other one is.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokenrouter_shared::Secret;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use toro::client::Client;
use toro::client::fingerprint::Fingerprint;

use super::support::{Ended, Gateway, Home, said, until};

/// Speaks TLS in front of a gateway, with a certificate of its own.
struct Front {
    runtime: tokio::runtime::Runtime,
    addr: SocketAddr,
    fingerprint: Fingerprint,
    task: tokio::task::JoinHandle<()>,
}

impl Front {
    fn start(behind: &Gateway, addr: &str) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["gateway.test".to_owned()]).unwrap();
        let fingerprint = Fingerprint::of(cert.der());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut listener = None;
        // A program that another test begins at this moment has the former one's socket open until it has begun.
        until("the address is free", || {
            listener = runtime.block_on(TcpListener::bind(addr)).ok();
            listener.is_some()
        });
        let listener = listener.unwrap();
        let (addr, to) = (listener.local_addr().unwrap(), behind.url().replace("http://", ""));
        let task = runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, to) = (acceptor.clone(), to.clone());
                tokio::runtime::Handle::current().spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut gateway = TcpStream::connect(to).await.unwrap();
                        drop(tokio::io::copy_bidirectional(&mut stream, &mut gateway).await);
                    }
                });
            }
        });
        Self { runtime, addr, fingerprint, task }
    }

    /// Makes room for another one at the same address.
    fn stop(self) {
        self.task.abort();
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    }
}

#[test]
fn a_self_signed_gateway_is_known_by_its_fingerprint() {
    let gateway = Gateway::start();
    // No connection of anybody else takes a port of this one.
    let front = Front::start(&gateway, &format!("127.78.{}.1:0", std::process::id() as u8));
    let (addr, url) = (front.addr.to_string(), format!("https://{}/v1", front.addr));
    let shown = front.fingerprint.to_string();
    let key = gateway.make(&json!({ "role": "keymaster" }))["key"].as_str().unwrap().to_owned();
    let home = Home::new();
    let connect = |words: &[&str]| {
        let mut command = home.toro(words);
        command.env("TORO_KEY", &key);
        said(command)
    };
    // Nobody is there to be asked: it is shown, and nothing is sent or stored.
    let refused = connect(&["connect", &url]);
    assert_eq!(refused.ended, Ended::Code(4), "{}", refused.err);
    assert!(refused.err.contains(&shown) && refused.err.contains("nobody that this machine trusts"), "{}", refused.err);
    let refused = connect(&["connect", &url, "--fingerprint", &Fingerprint::of(b"other").to_string()]);
    assert_eq!(refused.ended, Ended::Code(4), "{}", refused.err);
    assert!(refused.err.contains("shows another certificate") && refused.err.contains(&shown), "{}", refused.err);
    assert!(!home.config().exists());

    let good = connect(&["connect", &url, "--fingerprint", &shown.to_ascii_lowercase().replace("sha256:", "")]);
    assert_eq!(good.ended, Ended::Code(0), "{}", good.err);
    let stored = std::fs::read_to_string(home.config()).unwrap();
    assert!(stored.contains(&shown) && stored.contains(&format!("https://{addr}\"")), "{stored}");
    let run = home.run(&["wrap", "--", "env"]);
    assert_eq!(run.ended, Ended::Code(0), "{}", run.err);
    // No program knows of the fingerprint, so each gets a door to the gateway.
    assert!(run.out.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:"), "{}", run.out);
    assert!(run.out.contains("ANTHROPIC_API_KEY=door_") && !run.out.contains("tr_"), "{}", run.out);
    let mut begun = home.begin(&[], "exec sleep 60");
    let mut env = String::new();
    // There is none for a moment while the shell becomes another program.
    until("it has its environment", || {
        env = std::fs::read_to_string(format!("/proc/{}/environ", begun.pid)).unwrap_or_default();
        env.contains("OPENAI_BASE_URL=")
    });
    let door = env.split('\0').find_map(|line| line.strip_prefix("OPENAI_BASE_URL=")).unwrap();
    let asked = Client::to(&door.parse().unwrap(), Some(Secret::from(&*begun.key)), None).unwrap();
    let me: serde_json::Value = front.runtime.block_on(asked.get("/admin/api/me")).unwrap();
    assert_eq!(me["role"], "inferrer", "{me}");
    begun.signal(15);
    assert_eq!(begun.end().0, Ended::Signal(15));
    assert!(gateway.runs().iter().all(|run| run["state"] == "revoked"));

    // Somebody else at the same address, with a certificate of the same name.
    front.stop();
    let other = Front::start(&gateway, &addr);
    let run = home.run(&["wrap", "--", "touch", "begun"]);
    assert_eq!(run.ended, Ended::Code(125), "{}", run.err);
    assert!(run.err.contains("shows another certificate than the one that was stored"), "{}", run.err);
    assert!(run.err.contains(&other.fingerprint.to_string()) && !home.work().join("begun").exists(), "{}", run.err);
    other.stop();
}
