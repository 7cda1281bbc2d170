//! A certificate with its key: read from PEM, held against each other, and what people are told of it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls::{Error as RustlsError, InconsistentKeys};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::gateway::TlsView;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::error::TlsError;

/// The most names that are shown of a certificate.
const MOST_NAMES: usize = 100;
/// The most certificates of one chain.
const MOST_CHAINED: usize = 16;

/// A certificate that can be shown, with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What TLS shows and signs with.
    pub key: Arc<CertifiedKey>,
    /// What people are told.
    pub facts: Arc<Facts>,
}

/// What people are told of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `sha256:` and the SHA-256 of the certificate, as `toro connect` and browsers write it.
    pub fingerprint: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when on it is valid, in Unix milliseconds.
    pub begins_ms: i64,
    /// Until when, in Unix milliseconds.
    pub ends_ms: i64,
    /// The version of X.509: 3, or it is an old one.
    pub version: u32,
}

impl Certificate {
    /// Reads a chain and its key from PEM; `cert` and `key` are where they come from, for messages.
    pub fn from_pem(cert: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Self, TlsError> {
        let (cert_path, key_path) = (cert.0.to_owned(), key.0.to_owned());
        let garbled = |path: &Path, what: &dyn std::fmt::Display| TlsError::Garbled(path.to_owned(), what.to_string());
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(cert.1).take(MOST_CHAINED).collect();
        let chain = chain.map_err(|_| garbled(cert.0, &"it is no PEM"))?;
        let Some(first) = chain.first() else { return Err(TlsError::NoCertificate(cert_path)) };
        let facts = Facts::of(first).ok_or_else(|| garbled(cert.0, &"its first certificate cannot be read"))?;
        let der = match PrivateKeyDer::from_pem_slice(key.1) {
            Ok(der) if !is_encrypted(key.1) => der,
            _ if is_encrypted(key.1) => return Err(TlsError::Encrypted(key_path)),
            _ => return Err(TlsError::NoKey(key_path)),
        };
        let key = CertifiedKey::from_der(chain, der, &default_provider()).map_err(|error| match &error {
            RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch(cert_path, key_path),
            // Of the certificate, which is read once more to be held against the key.
            RustlsError::InvalidCertificate(_) if facts.version < 3 => garbled(
                &cert_path,
                &"it is of X.509 version 1, which no client takes: make one with extensions, as `openssl req -x509 -addext \
                  subjectAltName=DNS:gateway.example.com` does",
            ),
            RustlsError::InvalidCertificate(_) => garbled(&cert_path, &error),
            _ => garbled(&key_path, &error),
        })?;
        Ok(Self { key: Arc::new(key), facts: Arc::new(facts) })
    }

    /// Refuses one that is over, or has not begun.
    pub fn check_time(&self, path: &Path, now_ms: i64) -> Result<(), TlsError> {
        if now_ms >= self.facts.ends_ms {
            return Err(TlsError::Expired(path.to_owned(), self.facts.ends_ms));
        }
        if now_ms < self.facts.begins_ms {
            return Err(TlsError::TooEarly(path.to_owned(), self.facts.begins_ms));
        }
        Ok(())
    }
}

/// Whether a key has a passphrase, in the form of today or in the old one.
fn is_encrypted(pem: &[u8]) -> bool {
    [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| memchr::memmem::find(pem, mark).is_some())
}

impl Facts {
    /// The same for the admin API.
    pub fn view(&self, mode: &str) -> TlsView {
        TlsView {
            mode: mode.to_owned(),
            fingerprint: self.fingerprint.clone(),
            names: self.names.clone(),
            issuer: self.issuer.clone(),
            begins_ms: self.begins_ms,
            ends_ms: self.ends_ms,
            renews_ms: None,
            error: None,
        }
    }

    fn of(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.map(|extension| extension.value.general_names.iter().filter_map(name).take(MOST_NAMES));
        let validity = parsed.validity();
        Some(Self {
            fingerprint: fingerprint(der),
            names: names.into_iter().flatten().collect(),
            issuer: parsed.issuer().to_string().chars().filter(|c| !c.is_control()).take(200).collect(),
            begins_ms: validity.not_before.timestamp().saturating_mul(1_000),
            ends_ms: validity.not_after.timestamp().saturating_mul(1_000),
            version: parsed.version().0.saturating_add(1),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.chars().filter(|c| !c.is_control()).take(253).collect()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).ok().map(std::net::IpAddr::from);
            four.or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(std::net::IpAddr::from)).map(|ip| ip.to_string())
        }
        _ => None,
    }
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = "sha256".to_owned();
    for byte in Sha256::digest(der) {
        // Writing into a String cannot fail.
        _ = write!(text, ":{byte:02X}");
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A certificate for `names` from one year to another, with its key, in PEM.
    pub(in crate::tls) fn made(names: &[&str], from: i32, to: i32) -> (String, String) {
        let mut params = rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let params = params.as_mut().unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn read(cert: &str, key: &str) -> Result<Certificate, TlsError> {
        Certificate::from_pem((Path::new("/c.pem"), cert.as_bytes()), (Path::new("/k.pem"), key.as_bytes()))
    }

    #[test]
    fn a_certificate_tells_of_itself() {
        let (cert, key) = made(&["gw.example", "10.0.0.1", "::1"], 2026, 2027);
        let read = read(&cert, &key).unwrap();
        assert_eq!(read.facts.names, ["gw.example", "10.0.0.1", "::1"]);
        assert_eq!((read.facts.begins_ms, read.facts.ends_ms), (1_767_225_600_000, 1_798_761_600_000));
        assert!(read.facts.fingerprint.starts_with("sha256:") && read.facts.fingerprint.len() == 6 + 32 * 3);
        assert!(read.check_time(Path::new("/c"), 1_780_000_000_000).is_ok());
        let over = read.check_time(Path::new("/c.pem"), 1_798_761_600_000).unwrap_err().to_string();
        assert!(over.contains("/c.pem") && over.contains("2027-01-01"), "{over}");
        let early = read.check_time(Path::new("/c.pem"), 0).unwrap_err().to_string();
        assert!(early.contains("2026-01-01") && early.contains("clock"), "{early}");
    }

    /// `openssl x509 -req -signkey k.pem`, as scripts of long ago do it: no extensions, so version 1.
    const OF_VERSION_1: &str = "-----BEGIN CERTIFICATE-----\nMIIBJjCBzQIUS2cInb1QR5TjdUO7qEh13JM5ioswCgYIKoZIzj0EAwIwFTETMBEG\nA1UEAwwKZ3cuZXhhbXBsZTAgFw0yNjExMjMxMzIzMTBaGA8yMTI2MTAzMDEzMjMx\nMFowFTETMBEGA1UEAwwKZ3cuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH\nA0IABMDmkgMNHGIF9APNJN+A6VqW6UcYrO1ALSdUFJ/meK+1d3sMEBXF4XoOmW0Q\nplXwfCIC9qUnbfNwMkOlG0tUhrYwCgYIKoZIzj0EAwIDSAAwRQIgeSzezFl3yeqZ\nzr2Q6zLVpaRf9GSoW4B4xFP7SLGowasCIQCT3GiVEcfZs23JVsUv9aJUWEjBlG2z\noK2eWMv01mOxeA==\n-----END CERTIFICATE-----\n";
    const ITS_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguRAQw1+Hby6D2Q1z\nvHvtJyy3y8q9Iy4nAj8x7ZgkKU2hRANCAATA5pIDDRxiBfQDzSTfgOlalulHGKzt\nQC0nVBSf5nivtXd7DBAVxeF6DpltEKZV8HwiAvalJ23zcDJDpRtLVIa2\n-----END PRIVATE KEY-----\n";

    #[test]
    fn one_of_an_old_version_is_not_the_fault_of_its_key() {
        let why = read(OF_VERSION_1, ITS_KEY).unwrap_err().to_string();
        assert!(why.contains("/c.pem") && why.contains("version 1") && why.contains("-addext"), "{why}");
        assert!(!why.contains("/k.pem"), "{why}");
    }

    #[test]
    fn what_cannot_be_used_is_told_and_never_quoted() {
        let (cert, key) = made(&["gw.example"], 2026, 2027);
        let (_, other) = made(&["gw.example"], 2026, 2027);
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2NhcmxldA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nc2NhcmxldA==\n-----END RSA PRIVATE KEY-----\n";
        let no_key = "-----BEGIN PRIVATE KEY-----\nc2NhcmxldA==\n-----END PRIVATE KEY-----\n";
        let no_cert = "-----BEGIN CERTIFICATE-----\nc2NhcmxldA==\n-----END CERTIFICATE-----\n";
        for (cert, key, said) in [
            (cert.as_str(), other.as_str(), "key in /k.pem is not the key of the certificate in /c.pem"),
            (&cert, encrypted, "key in /k.pem has a passphrase"),
            (&cert, old, "key in /k.pem has a passphrase"),
            (&cert, &cert, "/k.pem holds no private key"),
            (&cert, "", "/k.pem holds no private key"),
            (&cert, no_key, "/k.pem cannot be used"),
            ("", &key, "/c.pem holds no certificate"),
            (&key, &key, "/c.pem holds no certificate"),
            (no_cert, &key, "/c.pem cannot be used"),
            ("-----BEGIN CERTIFICATE-----\nc2Nhcm", &key, "/c.pem cannot be used"),
        ] {
            let found = read(cert, key).unwrap_err().to_string();
            assert!(found.contains(said) && !found.contains("scarlet") && !found.contains("c2Nh"), "{said}: {found}");
        }
    }
}
