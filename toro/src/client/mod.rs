//! The way to the gateway: one request, one connection. What goes wrong becomes a sentence.

pub mod address;
mod answer;
mod certificate;
mod error;
pub mod fingerprint;
mod line;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokenrouter_shared::Secret;

pub use answer::Answer;
pub use error::ClientError;
pub use line::Stream;
pub use tls::SeenCertificate;

use self::address::Address;
use self::fingerprint::Fingerprint;
use self::line::Line;
use crate::profile::Server;

/// So long may it take to reach the gateway, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// So long may it take until an answer begins.
const BEGIN: Duration = Duration::from_secs(30);
/// So long may everything that is no stream take.
const WHOLE: Duration = Duration::from_mins(1);

/// How a gateway is spoken to.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    key: Option<Secret>,
    way: Way,
    connect: Duration,
    begin: Duration,
}

#[derive(Clone, Debug)]
enum Way {
    Plain,
    Tls(Arc<rustls::ClientConfig>),
    Socket(PathBuf),
}

impl Client {
    /// For a gateway that is stored.
    pub fn new(server: &Server) -> Result<Self, ClientError> {
        Self::to(&server.address, Some(server.key.clone()), server.fingerprint.as_ref())
    }

    /// For a gateway at an address.
    pub fn to(address: &Address, key: Option<Secret>, pinned: Option<&Fingerprint>) -> Result<Self, ClientError> {
        let way = match (address.is_https(), pinned) {
            (false, _) => Way::Plain,
            (true, Some(fingerprint)) => Way::Tls(tls::pinned(*fingerprint)?),
            (true, None) => Way::Tls(tls::trusted()?),
        };
        Ok(Self { address: address.clone(), key, way, connect: CONNECT, begin: BEGIN })
    }

    /// For the daemon of this machine that holds a data folder: by its control socket, as the folder's owner.
    pub fn by_socket(socket: &Path) -> Result<Self, ClientError> {
        let address =
            "http://localhost".parse().map_err(|_| ClientError::nonsense("http://localhost", "no address"))?;
        Ok(Self { address, key: None, way: Way::Socket(socket.to_owned()), connect: CONNECT, begin: BEGIN })
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: Secret) -> Self {
        Self { key: Some(key), ..self.clone() }
    }

    /// The same with less patience: for reaching the gateway, and until an answer begins.
    #[must_use]
    pub fn hurried(&self, connect: Duration, begin: Duration) -> Self {
        Self { connect, begin, ..self.clone() }
    }

    /// Where the gateway is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The certificate that a server shows there, whoever vouches for it.
    pub async fn seen_certificate(address: &Address) -> Result<SeenCertificate, ClientError> {
        let (config, seen) = tls::curious()?;
        let way = Way::Tls(config);
        let client = Self { address: address.clone(), key: None, way, connect: CONNECT, begin: BEGIN };
        let opened = tokio::time::timeout(CONNECT, client.open()).await;
        match (seen.get(), opened) {
            (Some(seen), _) => Ok(*seen),
            (None, Ok(Err(error))) => Err(error),
            (None, Ok(Ok(_))) => Err(ClientError::nonsense(&address.to_string(), "it showed no certificate")),
            (None, Err(_)) => Err(client.unreachable("it takes too long to answer")),
        }
    }

    /// Its fingerprint alone.
    pub async fn seen_fingerprint(address: &Address) -> Result<Fingerprint, ClientError> {
        Self::seen_certificate(address).await.map(|seen| seen.fingerprint)
    }

    /// `GET path`, read as `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None::<&()>).await
    }

    /// `POST path` with a body, read as `T`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// `DELETE path`, read as `T`.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::DELETE, path, None::<&()>).await
    }

    /// Any question whose answer is JSON.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let asking = async {
            let body = body.map(serde_json::to_vec).transpose().map_err(|e| self.nonsense(&e.to_string()))?;
            let answer = self.send(method, path, HeaderMap::new(), body.unwrap_or_default().into()).await?;
            answer.checked().await?.json().await
        };
        let whole = tokio::time::timeout(WHOLE.min(self.connect + self.begin + self.begin), asking).await;
        whole.unwrap_or_else(|_| Err(self.unreachable("its answer does not come to an end")))
    }

    /// Sends a request with these headers besides the usual ones; whatever is answered, and as it comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let mut line = tokio::time::timeout(self.connect, self.open())
            .await
            .unwrap_or_else(|_| Err(self.unreachable("it takes too long to answer")))?;
        let mut request = Request::builder()
            .method(method)
            .uri(self.address.path(path))
            .body(Full::new(body))
            .map_err(|e| self.nonsense(&e.to_string()))?;
        *request.headers_mut() = self.headers(headers)?;
        let begun = tokio::time::timeout(self.begin, line.send(request)).await;
        match begun {
            Ok(Ok(response)) => Ok(Answer::new(response, line, self.address.to_string())),
            Ok(Err(e)) => Err(self.unreachable(&e)),
            Err(_) => Err(self.unreachable("it takes too long to answer")),
        }
    }

    fn headers(&self, mut headers: HeaderMap) -> Result<HeaderMap, ClientError> {
        let bad = |_| self.nonsense("the address cannot be sent");
        headers.insert(HOST, HeaderValue::from_str(&self.address.authority()).map_err(bad)?);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("toro/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = &self.key {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| ClientError::BadKey)?;
            value.set_sensitive(true);
            headers.entry(AUTHORIZATION).or_insert(value);
        }
        Ok(headers)
    }

    /// An open connection, encrypted and checked as the address says, for whoever speaks HTTP on it.
    pub async fn dial(&self) -> Result<Stream, ClientError> {
        let dialled = tokio::time::timeout(self.connect, async {
            match &self.way {
                Way::Socket(path) => line::by_socket(path).await,
                Way::Plain => line::plain(self.address.host(), self.address.port()).await,
                Way::Tls(config) => line::encrypted(self.address.host(), self.address.port(), config).await,
            }
        });
        let dialled = dialled.await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        dialled.map_err(|e| ClientError::of_io(&e, &self.address.to_string()))
    }

    async fn open(&self) -> Result<Line, ClientError> {
        let stream = self.dial().await?;
        Line::over(stream).await.map_err(|e| ClientError::of_io(&e, &self.address.to_string()))
    }

    fn unreachable(&self, why: &str) -> ClientError {
        ClientError::Unreachable { url: self.address.to_string(), why: why.to_owned() }
    }

    fn nonsense(&self, why: &str) -> ClientError {
        ClientError::nonsense(&self.address.to_string(), why)
    }
}

/// Runs one thing that waits for the network, on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(future);
    // Nobody waits for a name that is still being looked up.
    runtime.shutdown_background();
    Ok(done)
}

/// Percent-encodes what could end a path segment or a value in a query.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}
