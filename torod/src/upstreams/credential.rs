//! One of a provider's credentials: whose it is, how it is sent, and the key that is held for it at this moment.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokenrouter::catalog::AuthStyle;
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::Secret;
use tokenrouter_shared::hex;
use tokenrouter_shared::provider::KeyStanding;

use super::held::Held;

/// A key for a provider that is about to be prepared.
#[derive(Clone, Debug)]
pub struct Key {
    /// What people call it.
    pub label: String,
    /// Its share beside the others.
    pub weight: u32,
    /// Tells it from others and from what it was before a change, however often the key itself is renewed.
    pub digest: String,
    /// Whether it is a token that RFC 6750 wants sent as `Authorization: Bearer`, whatever is usual for the protocol.
    pub is_bearer: bool,
    /// The key itself.
    pub held: Arc<Held>,
}

impl Key {
    /// A key that stays what it is.
    pub fn fixed(label: impl Into<String>, weight: u32, secret: Secret) -> Self {
        let digest = digest(secret.expose());
        Self { label: label.into(), weight, digest, is_bearer: false, held: Arc::new(Held::fixed(secret)) }
    }

    /// A key that is renewed: `origin` describes where it comes from.
    pub fn renewed(label: impl Into<String>, weight: u32, origin: &str, is_bearer: bool, held: Arc<Held>) -> Self {
        // The mark keeps a description from being the digest of some key.
        Self { label: label.into(), weight, digest: digest(&format!("from\0{origin}")), is_bearer, held }
    }
}

/// One of a provider's credentials. `Debug` shows no key.
#[derive(Debug)]
pub struct Credential {
    /// What people call it.
    pub label: Arc<str>,
    /// Its share beside the others.
    pub weight: u32,
    /// Tells it from others and from what it was before a change.
    pub digest: String,
    /// What is sent at this moment.
    pub held: Arc<Held>,
    styles: Vec<(Protocol, AuthStyle)>,
}

impl Credential {
    /// The credential of `key`, sent in each protocol in its style; none where no header could carry it.
    pub fn new(key: &Key, styles: impl Iterator<Item = (Protocol, AuthStyle)>) -> Option<Self> {
        let style = |(protocol, style)| {
            let style = if key.is_bearer && style != AuthStyle::None { AuthStyle::Bearer } else { style };
            (protocol, style)
        };
        (!key.held.is_unusable()).then(|| Self {
            label: key.label.as_str().into(),
            weight: key.weight,
            digest: key.digest.clone(),
            held: Arc::clone(&key.held),
            styles: styles.map(style).collect(),
        })
    }

    /// How it stands, where it changes by itself.
    pub fn standing(&self) -> Option<KeyStanding> {
        self.held.is_renewed().then(|| self.held.state().standing(&self.label))
    }

    /// The way it is sent in `protocol`.
    pub fn signature(&self, protocol: Protocol) -> Signature<'_> {
        let style = self.styles.iter().find(|(p, _)| *p == protocol).map_or(AuthStyle::None, |(_, style)| *style);
        Signature { held: &self.held, style, issue: self.held.number() }
    }
}

/// How a call is signed: with the key that is held when it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// The key.
    pub held: &'a Held,
    style: AuthStyle,
    /// The number of the key when the way was chosen: what is sent is this one or a later one.
    pub issue: u64,
}

impl Signature<'_> {
    /// Puts the key where its provider looks for it.
    pub fn sign(&self, to: &mut HeaderMap) {
        self.held.with_header(self.style, |name: &HeaderName, value: &HeaderValue| {
            to.insert(name, value.clone());
        });
    }
}

/// Half of a SHA-256: enough to see that a key is another one, and no way back to it.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hex::of(hash.iter().take(16))
}
