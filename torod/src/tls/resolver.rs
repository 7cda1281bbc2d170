//! The certificate that TLS shows: another one takes its place at once for new connections, and concerns no old one.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::CHALLENGE_PROTOCOL;
use super::certificate::Certificate;
use super::challenge::Challenges;

/// The certificate that is shown now.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    current: ArcSwapOption<Certificate>,
    /// What a CA looks at while a certificate is ordered.
    pub(super) challenges: Arc<Challenges>,
}

impl Resolver {
    /// Shows `certificate` from now on.
    pub(super) fn show(&self, certificate: Certificate) {
        self.current.store(Some(Arc::new(certificate)));
    }

    /// What is shown now.
    pub(super) fn shown(&self) -> Option<Arc<Certificate>> {
        self.current.load_full()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut wanted| wanted.any(|protocol| protocol == CHALLENGE_PROTOCOL)) {
            return self.challenges.certificate(hello.server_name()?);
        }
        self.current.load().as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}

/// TLS 1.2 and 1.3 with what `resolver` shows, for HTTP/2 and HTTP/1.1; and for CAs that look whether a
/// name is ours, where certificates come from one.
pub(super) fn server_config(resolver: Arc<Resolver>, is_acme: bool) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = [&b"h2"[..], b"http/1.1"].map(<[u8]>::to_vec).to_vec();
    if is_acme {
        config.alpn_protocols.push(CHALLENGE_PROTOCOL.to_vec());
    }
    // Whoever comes back proves who it is with a ticket, so that nothing is kept here for it.
    config.ticketer = Ticketer::new()?;
    Ok(config)
}
