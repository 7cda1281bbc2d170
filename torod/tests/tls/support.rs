//! A gateway in this process with a simulated provider, and clients that speak to it by TLS, plainly, or by a socket.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use sha2::Digest as _;
use tempfile::TempDir;
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use torod::access::system_random;
use torod::app::App;
use torod::clock::Clock;
use torod::config::{self, ConfigFile, Overrides};
use torod::daemon::{Daemon, Options};
use torod::lifecycle::Lifecycle;

/// Nothing that a test waits for takes longer.
pub const SOON: Duration = Duration::from_mins(1);

/// A gateway.
pub struct Gateway {
    pub addr: SocketAddr,
    pub url: String,
    pub key: String,
    pub folder: TempDir,
    pub lifecycle: Lifecycle,
    pub app: Arc<App>,
    _simulator: Simulator,
    run: JoinHandle<bool>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Gateway {
    /// One with `more` in its configuration; `{folder}` stands for its folder.
    pub async fn start(more: &str) -> Self {
        Self::in_folder(more, tempfile::tempdir().unwrap(), Clock::system()).await.unwrap()
    }

    pub async fn in_folder(more: &str, folder: TempDir, clock: Clock) -> anyhow::Result<Self> {
        Self::begin(more, folder, clock, false).await
    }

    /// One whose configuration stands in a file.
    pub async fn with_file(more: &str) -> Self {
        Self::begin(more, tempfile::tempdir().unwrap(), Clock::system(), true).await.unwrap()
    }

    async fn begin(more: &str, folder: TempDir, clock: Clock, has_file: bool) -> anyhow::Result<Self> {
        let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), Settings::default()).await.unwrap();
        let listen = if more.contains("listen_addr") { "" } else { "listen_addr = \"127.0.0.1:0\"\n" };
        let text = format!(
            "{listen}auto_detect_local_servers = false\n{}\n[[providers]]\nname = \"sim\"\nbase_url = \"{}\"\n\
             api_key = \"sk-provider-key-0123456789\"\n",
            more.replace("{folder}", &folder.path().display().to_string()),
            simulator.url()
        );
        let config = config::parse(&text, "test.toml").unwrap_or_else(|e| panic!("{e:?}"));
        let data_dir = folder.path().join("data");
        let path = folder.path().join("torod.toml");
        if has_file {
            std::fs::write(&path, &text).unwrap();
        }
        let file = has_file.then(|| ConfigFile { path, overrides: Overrides::default() });
        let options = Options { config, file, data_dir, clock, random: system_random, env: |_| None };
        let daemon = Daemon::start(options).await?;
        let key = daemon.setup().make_admin(Some("test".into())).await.unwrap().key;
        let (addr, url, lifecycle, app) = (daemon.addr(), daemon.url(), daemon.lifecycle(), Arc::clone(daemon.app()));
        let run = tokio::runtime::Handle::current().spawn(daemon.run());
        Ok(Self { addr, url, key, folder, lifecycle, app, _simulator: simulator, run })
    }

    pub async fn stop(self) -> TempDir {
        self.lifecycle.stop_softly();
        assert!(tokio::time::timeout(SOON, self.run).await.unwrap().unwrap(), "it did not end in order");
        self.folder
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// `GET` or `POST` by the control socket.
    pub async fn control(&self, method: &str, path: &str) -> Answer {
        let stream = UnixStream::connect(self.data().join("torod.sock")).await.unwrap();
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        exchange(stream, request.body(Full::default()).unwrap()).await.unwrap()
    }

    pub async fn status(&self) -> Value {
        self.control("GET", "/admin/api/status").await.json()
    }

    /// The listeners of a kind.
    pub async fn listeners(&self, what: &str) -> Vec<String> {
        let status = self.status().await;
        let all = status["listeners"].as_array().unwrap().clone();
        let addresses = all.iter().filter(|one| one["what"] == what);
        addresses.map(|one| one["address"].as_str().unwrap().to_owned()).collect()
    }

    /// A request for `path` with the admin's key.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.addr.to_string())
            .header("authorization", format!("Bearer {}", self.key))
    }

    /// A chat completion.
    pub fn chat(&self) -> Request<Full<Bytes>> {
        let body = r#"{"model":"sim/ok","messages":[{"role":"user","content":"hi"}]}"#;
        let request = self.request("POST", "/v1/chat/completions").header("content-type", "application/json");
        request.body(Full::new(body.into())).unwrap()
    }

    pub async fn by_tls(&self, request: Request<Full<Bytes>>) -> Answer {
        exchange(tls(self.addr, &[b"http/1.1"]).await.unwrap(), request).await.unwrap()
    }
}

/// One exchange of HTTP/1.1 on `stream`.
pub async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::runtime::Handle::current().spawn(connection);
    let answer = tokio::time::timeout(SOON, sender.send_request(request)).await.unwrap()?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    driving.abort();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

/// The same by HTTP/2.
pub async fn exchange_h2(stream: TlsStream<TcpStream>, request: Request<Full<Bytes>>) -> Answer {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driving = tokio::runtime::Handle::current().spawn(connection);
    let answer = tokio::time::timeout(SOON, sender.send_request(request)).await.unwrap().unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    driving.abort();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// TLS to `addr`, whatever certificate is shown.
pub async fn tls(addr: SocketAddr, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    tls_over(TcpStream::connect(addr).await?, protocols).await
}

pub async fn tls_over(stream: TcpStream, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The fingerprint of the certificate that is shown at `addr`; none where none is.
pub async fn fingerprint(addr: SocketAddr) -> Option<String> {
    let stream = tls(addr, &[b"http/1.1"]).await.ok()?;
    let shown = stream.get_ref().1.peer_certificates()?.first()?.clone();
    let digest = sha2::Sha256::digest(&shown);
    Some(format!("sha256:{}", digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")))
}

/// How many certificates are shown at `addr`.
pub async fn chain(addr: SocketAddr) -> usize {
    tls(addr, &[b"http/1.1"])
        .await
        .ok()
        .map_or(0, |stream| stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len))
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Waits until `is` says so.
pub async fn until<F: Future<Output = bool>>(what: &str, is: impl Fn() -> F) {
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "never: {what}");
}

/// A certificate for `names` from one year to another, and its key, in PEM.
pub fn made(names: &[&str], from: i32, to: i32) -> (String, String) {
    let mut params =
        rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Puts a certificate and its key where [`PEM`] has the gateway look.
pub fn put(folder: &Path, pair: &(String, String)) {
    for (name, text) in [("c.pem", &pair.0), ("k.pem", &pair.1)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// The configuration for a certificate in files.
pub const PEM: &str = "[tls]\nmode = \"pem\"\ncert_file = \"{folder}/c.pem\"\nkey_file = \"{folder}/k.pem\"\n";

/// A port that nobody else is given.
pub fn free_port() -> u16 {
    tokenrouter_simulator::free_port().unwrap()
}
