//! What is sealed comes back as it was, to whom it may.

use super::*;
use crate::chat::{Message, Part, PartKind, Request, Role};

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
    let state = State { maker: Some(Maker { protocol: Protocol::Gemini, family: "gemini".into() }), text: "S".into() };
    let carrier =
        Reasoning { state: Some(State { maker: None, text: sealer.call(&state).unwrap() }), ..Reasoning::default() };
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
    let shell = Reasoning { state: Some(State { maker: None, text: "gw1.abc.def".into() }), ..Reasoning::default() };
    request.messages.push(Message::new(Role::Assistant, vec![Part::new(PartKind::Reasoning(shell))]));
    open_all(&mut request, Some(&Sealer::new([1; 32])));
    assert!(request.messages[0].parts.is_empty());
    assert_eq!(request.losses.header().unwrap(), "reasoning");
}
