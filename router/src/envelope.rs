//! Opaque state of one provider, carried through clients of another protocol.
//!
//! A signature or encrypted reasoning goes to the client in a field that it sends back unchanged, wrapped as
//! `gw1.<payload>.<mac>`. The payload names the maker; the MAC, under the gateway's key, keeps clients from making
//! state up. On the way back it is opened: for its maker it becomes what it was, byte for byte; for others it is
//! dropped, and that is said. Nothing in it is secret from the client, who may have it in plain from the provider.

mod open;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

pub use self::open::open_all;
use crate::chat::{Maker, Reasoning, State};
use crate::protocol::Protocol;

/// What an envelope begins with.
pub const PREFIX: &str = "gw1.";
/// The same in base64, for carriers that must be base64 (Gemini's `thoughtSignature`).
const PREFIX_BASE64: &str = "Z3cxL";
/// Half a SHA-256: as hard to guess as a key of 128 bits.
const MAC_BYTES: usize = 16;

/// Seals and opens envelopes.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::{Maker, State};
/// use tokenrouter::envelope::{Opened, Sealer};
///
/// let sealer = Sealer::new([7; 32]);
/// let maker = Maker { protocol: Protocol::Anthropic, family: "claude".to_owned() };
/// let state = State { maker: Some(maker), text: "EqQBCkYIB".to_owned() };
/// let sealed = sealer.call(&state).ok_or("its maker is not known")?;
/// assert_eq!(sealer.open(&sealed), Some(Opened::Call(state)));
/// // Another gateway's key opens nothing.
/// assert_eq!(Sealer::new([8; 32]).open(&sealed), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// What an envelope held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Reasoning with its state.
    Reasoning(Reasoning),
    /// The signature of the tool call that follows.
    Call(State),
    /// The signature of the text before it; where none is, of the text that follows.
    Text(State),
    /// A summary of the conversation before it, which this gateway had a model write.
    Summary(String),
}

/// Short names: an envelope is replayed in every later request.
#[derive(Serialize, Deserialize)]
struct Payload {
    p: String,
    f: String,
    k: char,
    s: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    t: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    d: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    w: bool,
}

impl Sealer {
    /// A sealer with the gateway's key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// `reasoning` with its state; none if it has no state whose maker is known.
    pub fn reasoning(&self, reasoning: &Reasoning) -> Option<String> {
        let state = reasoning.state.as_ref()?;
        let mut payload = payload('r', state)?;
        payload.t.clone_from(&reasoning.text);
        payload.i.clone_from(&reasoning.id);
        payload.d = reasoning.redacted;
        payload.w = reasoning.raw;
        self.seal(&payload)
    }

    /// The signature of the tool call that follows.
    pub fn call(&self, state: &State) -> Option<String> {
        self.seal(&payload('c', state)?)
    }

    /// The signature of the text before it.
    pub fn text(&self, state: &State) -> Option<String> {
        self.seal(&payload('t', state)?)
    }

    /// A summary of a conversation.
    pub fn summary(&self, text: &str) -> Option<String> {
        let none = String::new;
        self.seal(&Payload { p: none(), f: none(), k: 'm', s: text.to_owned(), t: none(), i: None, d: false, w: false })
    }

    /// What `text` holds; none if it is no envelope of this gateway.
    pub fn open(&self, text: &str) -> Option<Opened> {
        let decoded;
        let text = if text.starts_with(PREFIX) {
            text
        } else {
            // Google's Python SDK writes the same bytes in the other alphabet.
            let standard: String = text
                .chars()
                .map(|c| {
                    if c == '-' {
                        '+'
                    } else if c == '_' {
                        '/'
                    } else {
                        c
                    }
                })
                .collect();
            decoded = String::from_utf8(STANDARD.decode(standard).ok()?).ok()?;
            &decoded
        };
        let (body, mac) = text.strip_prefix(PREFIX)?.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok().filter(|mac| mac.len() == MAC_BYTES)?;
        self.mac(body)?.verify_truncated_left(&mac).ok()?;
        let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        if payload.k == 'm' {
            return Some(Opened::Summary(payload.s));
        }
        let maker = Maker { protocol: payload.p.parse().ok()?, family: payload.f };
        let state = State { maker: Some(maker), text: payload.s };
        Some(match payload.k {
            'r' => Opened::Reasoning(Reasoning {
                text: payload.t,
                raw: payload.w,
                redacted: payload.d,
                id: payload.i,
                state: Some(state),
            }),
            'c' => Opened::Call(state),
            't' => Opened::Text(state),
            _ => return None,
        })
    }

    fn seal(&self, payload: &Payload) -> Option<String> {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(payload).ok()?);
        let mac = self.mac(&body)?.finalize().into_bytes();
        Some(format!("{PREFIX}{body}.{}", URL_SAFE_NO_PAD.encode(mac.get(..MAC_BYTES)?)))
    }

    fn mac(&self, body: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(body.as_bytes());
        Some(mac)
    }
}

fn payload(kind: char, state: &State) -> Option<Payload> {
    let maker = state.maker.as_ref()?;
    Some(Payload {
        p: maker.protocol.as_str().to_owned(),
        f: maker.family.clone(),
        k: kind,
        s: state.text.clone(),
        t: String::new(),
        i: None,
        d: false,
        w: false,
    })
}

/// An envelope in base64, for carriers that must be base64.
pub fn to_base64(envelope: &str) -> String {
    STANDARD.encode(envelope)
}

/// Whether `text` looks like an envelope, of whatever gateway.
pub fn is_envelope(text: &str) -> bool {
    text.starts_with(PREFIX) || text.starts_with(PREFIX_BASE64)
}

/// Whether a request in `protocol` may hold an envelope: one quick look at the raw body.
pub fn may_be_in(protocol: Protocol, body: &[u8]) -> bool {
    let mark = if protocol == Protocol::Gemini { PREFIX_BASE64 } else { PREFIX };
    memchr::memmem::find(body, mark.as_bytes()).is_some()
}

/// Whether a state may go to `maker`: it is its own, or a client sends it in `maker`'s own protocol unsealed.
pub fn is_for(state: &State, from: Protocol, maker: &Maker) -> bool {
    match &state.maker {
        Some(made) => made == maker,
        None => from == maker.protocol,
    }
}

#[cfg(test)]
mod tests;
