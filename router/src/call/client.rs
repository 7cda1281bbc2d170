//! One provider's connections.
//!
//! Without TLS they speak HTTP/1.1 and are a [`Lane`]. With TLS the provider chooses the protocol: hyper-util's pooled
//! client, rather than reqwest on top of it, because redirects, cookies, proxies from the environment and decompression
//! must all stay off for a gateway, and what is left of reqwest then costs more than it gives.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::connect::Timely;
use super::guard::{Guard, Guarded};
use super::lane::Lane;
use super::{CallError, Pieces, Received};

/// How long to wait for a provider. There is no limit on the whole: a stream may take an hour.
///
/// ```
/// use std::time::Duration;
/// use tokenrouter::call::Timeouts;
///
/// let hasty = Timeouts { first_byte: Duration::from_secs(20), ..Timeouts::default() };
/// assert!(hasty.first_byte < Timeouts::default().first_byte);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// From sending the request to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// The first byte may take as long as the official SDKs wait: reasoning models think before they answer.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), first_byte: Duration::from_mins(10), idle: Duration::from_mins(5) }
    }
}

/// Calls one provider over pooled connections.
///
/// ```no_run
/// use http::Request;
/// use http_body_util::BodyExt as _;
/// use tokenrouter::call::{Client, Pieces, Timeouts};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Timeouts::default(), 8);
/// let request = Request::get("https://openrouter.ai/api/v1/models").body(Pieces::default())?;
/// let answer = client.send(request).await?;
/// println!("{} and {} bytes", answer.status(), answer.into_body().collect().await?.to_bytes().len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    timeouts: Timeouts,
    max_idle: usize,
    guard: Guard,
    plain: Arc<Lane>,
    /// Built at the first `https` call: reading the system's certificates takes longer than our whole start.
    secure: OnceLock<Pool<Timely<HttpsConnector<Guarded>>, Pieces>>,
}

impl Client {
    /// A client that keeps at most `max_idle` unused connections.
    pub fn new(timeouts: Timeouts, max_idle: usize) -> Self {
        Self::guarded(timeouts, max_idle, Guard::default())
    }

    /// The same for one that connects only where `guard` lets it.
    pub fn guarded(timeouts: Timeouts, max_idle: usize, guard: Guard) -> Self {
        let plain = Timely::new(connector(timeouts.connect, true, guard.clone()), timeouts.connect);
        Self { timeouts, max_idle, guard, plain: Arc::new(Lane::new(plain, max_idle)), secure: OnceLock::new() }
    }

    /// The same for one that trusts the authorities in `pem` instead of the system's.
    ///
    /// ```
    /// use tokenrouter::call::{Client, Timeouts};
    ///
    /// let empty = Client::new(Timeouts::default(), 1).trusting(b"no certificate at all");
    /// assert!(empty.is_err());
    /// ```
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, CallError> {
        let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|_| CallError::Connect("the authorities to trust are no PEM".to_owned()))?;
        let config = trusting(found, "there is no authority to trust").map_err(CallError::Connect)?;
        self.secure = OnceLock::from(self.build(config));
        Ok(self)
    }

    /// The timeouts it keeps.
    pub const fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Sends `request` and waits for the head of the answer. Redirects are answers like any other.
    ///
    /// A request that is boxed already is not copied from one step to the next.
    pub async fn send(&self, request: impl Into<Box<Request<Pieces>>>) -> Result<Response<Received>, CallError> {
        let request = request.into();
        if request.uri().scheme() == Some(&http::uri::Scheme::HTTPS) {
            // Boxed: its state is large, and every call would carry room for it.
            Box::pin(self.send_securely(request)).await
        } else {
            self.plain.send(request, self.timeouts.first_byte).await
        }
    }

    async fn send_securely(&self, request: Box<Request<Pieces>>) -> Result<Response<Received>, CallError> {
        match tokio::time::timeout(self.timeouts.first_byte, self.secure()?.request(*request)).await {
            Ok(answer) => Ok(answer?.map(Received::from)),
            Err(_) => Err(CallError::FirstByteTimeout),
        }
    }

    fn secure(&self) -> Result<&Pool<Timely<HttpsConnector<Guarded>>, Pieces>, CallError> {
        if let Some(pool) = self.secure.get() {
            return Ok(pool);
        }
        let built = self.build(tls_config()?);
        Ok(self.secure.get_or_init(|| built))
    }

    fn build(&self, config: rustls::ClientConfig) -> Pool<Timely<HttpsConnector<Guarded>>, Pieces> {
        let built = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_all_versions()
            .wrap_connector(connector(self.timeouts.connect, false, self.guard.clone()));
        pool(self.max_idle).build(Timely::new(built, self.timeouts.connect))
    }
}

fn pool(max_idle: usize) -> hyper_util::client::legacy::Builder {
    let mut builder = Pool::builder(TokioExecutor::new());
    builder
        .pool_max_idle_per_host(max_idle)
        .pool_idle_timeout(Duration::from_secs(90))
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(Duration::from_secs(20));
    builder
}

fn connector(connect: Duration, enforce_http: bool, guard: Guard) -> Guarded {
    Guarded::new(guard, |connector| {
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect));
        connector.set_keepalive(Some(Duration::from_secs(30)));
        connector.enforce_http(enforce_http);
    })
}

/// The system's certificates, so that a company's own authority works; without any, nothing can be trusted.
fn tls_config() -> Result<rustls::ClientConfig, CallError> {
    static CONFIG: OnceLock<Result<rustls::ClientConfig, String>> = OnceLock::new();
    let built = CONFIG.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        trusting(found.certs, "no root certificates on this system; install ca-certificates")
    });
    built.clone().map_err(CallError::Connect)
}

fn trusting(found: Vec<CertificateDer<'static>>, nobody: &str) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(nobody.to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
