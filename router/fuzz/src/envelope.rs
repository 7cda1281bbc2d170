//! Target `envelope`: what was sealed is opened byte for byte, and what was not is never opened.

use tokenrouter::Protocol;
use tokenrouter::chat::{Maker, Reasoning, State};
use tokenrouter::envelope::{Opened, Sealer, is_envelope, to_base64};

use super::case;

/// The first byte is the maker's protocol, the second says where an envelope is damaged, the rest is opened as it
/// is, and sealed.
pub fn run(data: &[u8]) {
    let Some((protocol, rest)) = case::protocol(data) else { return };
    let Some((damage, rest)) = rest.split_first() else { return };
    let text = String::from_utf8_lossy(rest).into_owned();
    let sealer = Sealer::new(case::KEY);
    if let Some(opened) = sealer.open(&text) {
        let sealed = seal(&sealer, &opened);
        assert_eq!(sealed.as_deref().and_then(|sealed| sealer.open(sealed)), Some(opened));
    }
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    let state = State { maker: Some(Maker { protocol, family: second.to_owned() }), text: first.to_owned() };
    let reasoning = Reasoning {
        text: second.to_owned(),
        id: (damage & 1 == 1).then(|| first.to_owned()),
        raw: damage & 2 == 2,
        redacted: damage & 4 == 4,
        state: Some(state.clone()),
    };
    for opened in [Opened::Reasoning(reasoning), Opened::Call(state.clone()), Opened::Text(state)] {
        let Some(sealed) = seal(&sealer, &opened) else { panic!("{opened:?} cannot be sealed") };
        assert!(sealed.len() <= 256 + 17 * text.len());
        let carried = to_base64(&sealed);
        for form in [&sealed, &carried, &carried.replace('+', "-").replace('/', "_")] {
            assert!(is_envelope(form));
            assert_eq!(sealer.open(form).as_ref(), Some(&opened));
            assert_eq!(Sealer::new([8; 32]).open(form), None, "another gateway's key opens it");
        }
        let mut damaged = sealed.into_bytes();
        let at = usize::from(*damage) * damaged.len() / 256;
        damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(sealer.open(&String::from_utf8_lossy(&damaged)), None, "damaged at {at}");
    }
    for protocol in Protocol::ALL {
        _ = tokenrouter::envelope::may_be_in(protocol, rest);
    }
}

fn seal(sealer: &Sealer, opened: &Opened) -> Option<String> {
    match opened {
        Opened::Reasoning(reasoning) => sealer.reasoning(reasoning),
        Opened::Call(state) => sealer.call(state),
        Opened::Text(state) => sealer.text(state),
        Opened::Summary(text) => sealer.summary(text),
    }
}
