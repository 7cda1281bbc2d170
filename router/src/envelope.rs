//! Opaque state of one provider, carried through clients of another protocol.
//!
//! A signature or encrypted reasoning goes to the client in a field that it sends back unchanged, wrapped as
//! `gw1.<payload>.<mac>`. The payload names the maker; the MAC, under the gateway's key, keeps clients from making
//! state up. On the way back it is opened: for its maker it becomes what it was, byte for byte; for others it is
//! dropped, and that is said. Nothing in it is secret from the client, who may have it in plain from the provider.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::chat::{Maker, Message, Part, PartKind, Reasoning, Request, State};
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

/// Opens every envelope in `request`; what cannot be opened is dropped and noted.
pub fn open_all(request: &mut Request, sealer: Option<&Sealer>) {
    let losses = &mut request.losses;
    for message in &mut request.messages {
        let has_any = message.parts.iter().any(|part| state_of(part).is_some_and(|state| is_envelope(&state.text)));
        if has_any {
            open_message(message, sealer, |field| losses.dropped(field));
        }
    }
}

fn open_message(message: &mut Message, sealer: Option<&Sealer>, mut lost: impl FnMut(&'static str)) {
    let mut waiting: Option<Opened> = None;
    let mut parts = Vec::with_capacity(message.parts.len());
    for mut part in std::mem::take(&mut message.parts) {
        if let Some(text) = state_of(&part).map(|state| state.text.clone()).filter(|text| is_envelope(text)) {
            let opened = sealer.and_then(|sealer| sealer.open(&text));
            if opened.is_none() {
                lost("reasoning");
            }
            match (&mut part.kind, opened) {
                (PartKind::Reasoning(_), Some(Opened::Reasoning(reasoning))) => {
                    // The same thoughts as they were shown: some clients bring them back beside their envelope.
                    while parts.last().is_some_and(|part: &Part| is_shown_of(part, &reasoning)) {
                        parts.pop();
                    }
                    parts.push(Part { kind: PartKind::Reasoning(reasoning), cache: part.cache });
                    continue;
                }
                (PartKind::Reasoning(_), Some(other)) => {
                    match (parts.last_mut(), other) {
                        (Some(Part { kind: PartKind::Text(text), .. }), Opened::Text(state)) => {
                            text.state = Some(state);
                        }
                        (_, other) => waiting = Some(other),
                    }
                    continue;
                }
                (PartKind::Reasoning(reasoning), None) => {
                    // Its text may still be of use; an empty shell is not.
                    reasoning.state = None;
                    reasoning.id = None;
                    if reasoning.text.is_empty() {
                        continue;
                    }
                }
                (PartKind::Call(call), opened) => {
                    call.state = None;
                    match opened {
                        Some(Opened::Call(state) | Opened::Text(state)) => call.state = Some(state),
                        Some(Opened::Reasoning(reasoning)) => parts.push(Part::new(PartKind::Reasoning(reasoning))),
                        None => {}
                    }
                }
                (PartKind::Text(text), opened) => {
                    text.state = None;
                    match opened {
                        Some(Opened::Call(state) | Opened::Text(state)) => text.state = Some(state),
                        Some(Opened::Reasoning(reasoning)) => parts.push(Part::new(PartKind::Reasoning(reasoning))),
                        None => {}
                    }
                }
                _ => {}
            }
        }
        match (&mut part.kind, waiting.take()) {
            (PartKind::Call(call), Some(Opened::Call(state))) => call.state = Some(state),
            (PartKind::Text(text), Some(Opened::Text(state))) => text.state = Some(state),
            (_, other) => waiting = other,
        }
        parts.push(part);
    }
    message.parts = parts;
}

/// Whether a part is what the client was shown of `reasoning`.
fn is_shown_of(part: &Part, reasoning: &Reasoning) -> bool {
    matches!(&part.kind, PartKind::Reasoning(shown) if shown.state.is_none() && reasoning.text.contains(&shown.text))
}

fn state_of(part: &Part) -> Option<&State> {
    match &part.kind {
        PartKind::Reasoning(reasoning) => reasoning.state.as_ref(),
        PartKind::Call(call) => call.state.as_ref(),
        PartKind::Text(text) => text.state.as_ref(),
        _ => None,
    }
}

/// Whether a state may go to `maker`: it is its own, or a client sends it in `maker`'s own protocol unsealed.
pub fn is_for(state: &State, from: Protocol, maker: &Maker) -> bool {
    match &state.maker {
        Some(made) => made == maker,
        None => from == maker.protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    fn claude() -> Maker {
        Maker { protocol: Protocol::Anthropic, family: "claude".into() }
    }

    fn thought() -> Reasoning {
        Reasoning {
            text: "I think 日本".into(),
            state: Some(State { maker: Some(claude()), text: "sig==".into() }),
            ..Reasoning::default()
        }
    }

    #[test]
    fn what_is_sealed_is_opened_byte_for_byte_and_nothing_else_is() {
        let sealer = Sealer::new([7; 32]);
        let sealed = sealer.reasoning(&thought()).unwrap();
        assert!(is_envelope(&sealed));
        assert_eq!(sealer.open(&sealed), Some(Opened::Reasoning(thought())));
        let carried = to_base64(&sealed);
        assert!(is_envelope(&carried));
        assert_eq!(sealer.open(&carried), Some(Opened::Reasoning(thought())));
        let url_safe = carried.replace('+', "-").replace('/', "_");
        assert_eq!(sealer.open(&url_safe), Some(Opened::Reasoning(thought())));

        assert_eq!(Sealer::new([8; 32]).open(&sealed), None);
        for at in PREFIX.len()..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_ne!(sealer.open(&String::from_utf8(forged).unwrap()), Some(Opened::Reasoning(thought())), "{at}");
        }
        for text in ["", "gw1.", "gw1..", "gw1.AAAA", "sig=="] {
            assert_eq!(sealer.open(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_finds_its_call_again() {
        let sealer = Sealer::new([7; 32]);
        let state =
            State { maker: Some(Maker { protocol: Protocol::Gemini, family: "gemini".into() }), text: "S".into() };
        let carrier = Reasoning {
            state: Some(State { maker: None, text: sealer.call(&state).unwrap() }),
            ..Reasoning::default()
        };
        let call = crate::chat::Call { id: "c".into(), name: "f".into(), ..crate::chat::Call::default() };
        let mut request = Request::new(Protocol::Anthropic);
        let parts = vec![
            Part::new(PartKind::Reasoning(carrier)),
            Part::text("first"),
            Part::new(PartKind::Call(call.clone())),
            Part::new(PartKind::Call(call.clone())),
        ];
        request.messages.push(Message::new(Role::Assistant, parts));
        open_all(&mut request, Some(&sealer));
        let parts = &request.messages[0].parts;
        assert_eq!(parts.len(), 3);
        assert!(matches!(&parts[1].kind, PartKind::Call(c) if c.state.as_ref() == Some(&state)));
        assert!(matches!(&parts[2].kind, PartKind::Call(c) if c.state.is_none()));
        assert_eq!(request.losses.header(), None);
    }

    #[test]
    fn a_forged_envelope_is_dropped_and_said() {
        let mut request = Request::new(Protocol::Responses);
        let shell =
            Reasoning { state: Some(State { maker: None, text: "gw1.abc.def".into() }), ..Reasoning::default() };
        request.messages.push(Message::new(Role::Assistant, vec![Part::new(PartKind::Reasoning(shell))]));
        open_all(&mut request, Some(&Sealer::new([1; 32])));
        assert!(request.messages[0].parts.is_empty());
        assert_eq!(request.losses.header().unwrap(), "reasoning");
    }
}
