//! What a CA looks at to see that a name is ours: a text by plain HTTP (HTTP-01), or a certificate of its own kind by TLS
//! (TLS-ALPN-01, RFC 8737).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

/// Where a CA asks for the text.
pub const PATH: &str = "/.well-known/acme-challenge/";

/// The challenges that are under way. Outside of an order there are none, and nothing is kept.
#[derive(Debug, Default)]
pub struct Challenges {
    under: ArcSwapOption<Under>,
    /// Something listens by plain HTTP that gives the texts out: an address of the file, or a socket that systemd handed over.
    is_asked_by_http: AtomicBool,
}

#[derive(Clone, Debug, Default)]
struct Under {
    texts: Vec<(String, String)>,
    certificates: Vec<(String, Arc<CertifiedKey>)>,
}

impl Challenges {
    /// The text for `token`.
    pub fn text(&self, token: &str) -> Option<String> {
        let under = self.under.load();
        under.as_ref()?.texts.iter().find(|(known, _)| known == token).map(|(_, text)| text.clone())
    }

    /// Something listens by plain HTTP and gives the texts out.
    pub fn set_asked_by_http(&self) {
        self.is_asked_by_http.store(true, Ordering::Relaxed);
    }

    /// Whether something does.
    pub(super) fn is_asked_by_http(&self) -> bool {
        self.is_asked_by_http.load(Ordering::Relaxed)
    }

    /// The certificate for the name `host`.
    pub fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let under = self.under.load();
        let found = under.as_ref()?.certificates.iter().find(|(known, _)| known.eq_ignore_ascii_case(host));
        found.map(|(_, certificate)| Arc::clone(certificate))
    }

    /// Gives out `text` for `token`.
    pub(super) fn put_text(&self, token: String, text: String) {
        self.change(|under| under.texts.push((token, text)));
    }

    /// Shows the certificate that proves `digest` for `host`.
    pub(super) fn put_certificate(&self, host: &str, digest: &[u8]) -> Result<(), String> {
        let key = KeyPair::generate().map_err(|e| e.to_string())?;
        let mut params = CertificateParams::new([host.to_owned()]).map_err(|e| e.to_string())?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let made = params.self_signed(&key).map_err(|e| e.to_string())?;
        let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
        // By hand: rustls looks into certificates that it shows, and knows nothing of this kind.
        let key = default_provider().key_provider.load_private_key(der).map_err(|e| e.to_string())?;
        let made = Arc::new(CertifiedKey::new(vec![made.der().clone()], key));
        self.change(|under| under.certificates.push((host.to_owned(), made)));
        Ok(())
    }

    /// The order is over, however it ended.
    pub(super) fn clear(&self) {
        self.under.store(None);
    }

    fn change(&self, change: impl FnOnce(&mut Under)) {
        // One order at a time: nobody else changes it meanwhile.
        let mut under = self.under.load_full().map_or_else(Under::default, |under| (*under).clone());
        change(&mut under);
        self.under.store(Some(Arc::new(under)));
    }
}
