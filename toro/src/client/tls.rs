//! Whom to believe: the machine's certificate authorities, or one certificate that was looked at before.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::certificate;
use super::error::ClientError;
use super::fingerprint::Fingerprint;

/// What a server showed of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenCertificate {
    /// The certificate's SHA-256.
    pub fingerprint: Fingerprint,
    /// When it ends, in milliseconds since 1970, as far as that can be read.
    pub ends_ms: Option<i64>,
}

/// The server shows another certificate than the one that is wanted.
#[derive(Debug)]
pub(super) struct WrongCertificate(pub(super) Fingerprint);

impl fmt::Display for WrongCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another certificate: {}", self.0)
    }
}

impl std::error::Error for WrongCertificate {}

/// Believes one certificate, whatever name it has and whoever signed it; without one it only looks.
#[derive(Debug)]
struct Known {
    wanted: Option<Fingerprint>,
    seen: Arc<OnceLock<SeenCertificate>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(end_entity);
        _ = self.seen.set(SeenCertificate { fingerprint: shown, ends_ms: certificate::ends_ms(end_entity) });
        if self.wanted == Some(shown) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(WrongCertificate(shown))))))
    }

    // Whoever shows the certificate must hold its key, else a copy of it would do.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config(known: Known) -> Result<Arc<ClientConfig>, ClientError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| ClientError::nonsense("TLS", &e.to_string()))?;
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(Arc::new(known)).with_no_client_auth()))
}

/// Believes this certificate alone.
pub(super) fn pinned(wanted: Fingerprint) -> Result<Arc<ClientConfig>, ClientError> {
    let algorithms = provider().signature_verification_algorithms;
    config(Known { wanted: Some(wanted), seen: Arc::default(), algorithms })
}

/// Believes nobody, and tells which certificate was shown.
pub(super) fn curious() -> Result<(Arc<ClientConfig>, Arc<OnceLock<SeenCertificate>>), ClientError> {
    let (algorithms, seen) = (provider().signature_verification_algorithms, Arc::new(OnceLock::new()));
    Ok((config(Known { wanted: None, seen: Arc::clone(&seen), algorithms })?, seen))
}

/// Believes the authorities that this machine trusts.
pub(super) fn trusted() -> Result<Arc<ClientConfig>, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| ClientError::nonsense("TLS", &e.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
