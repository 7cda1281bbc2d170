//! Target `stream`: a provider's stream, wherever it is cut and wherever it breaks off, told to clients of every
//! protocol. It never ends silently, and never cleanly where the provider's did not.

use bytes::Bytes;
use tokenrouter::Protocol;
use tokenrouter::convert::Back;
use tokenrouter::count::stream::Meter;

use super::legal::{Ending, Heard, frames, hear};
use super::{case, legal};

/// The first byte is the provider's protocol, the second says how the rest, its stream, is cut.
pub fn run(data: &[u8]) {
    let Some((upstream, rest)) = case::protocol(data) else { return };
    let Some((seed, stream)) = rest.split_first() else { return };
    let whole = frames(&[Bytes::copy_from_slice(stream)]);
    let cut = frames(&case::pieces(stream, *seed));
    let said = hear(upstream, &whole);
    let is_clean = said.as_ref().is_ok_and(|heard| heard.ending == Ending::Clean);
    let mut meter = Meter::new(upstream);
    for frame in &whole {
        meter.read(frame);
    }
    // The relay believes the meter: were it stricter than the reader, a complete answer would end with an error.
    if is_clean {
        assert!(meter.is_whole() && !meter.has_failed(), "{upstream}: the meter takes a complete stream for broken");
    }
    let twin = Protocol::ALL[usize::from(*seed) % Protocol::ALL.len()];
    for client in Protocol::ALL {
        let way = format!("{upstream} to {client}");
        let told = translated(case::back(client, upstream, true, false), &whole);
        if client == twin {
            let again = translated(case::back(client, upstream, true, false), &cut);
            assert_eq!(String::from_utf8_lossy(&told), String::from_utf8_lossy(&again), "{way}: cut otherwise");
        }
        let text = String::from_utf8_lossy(&told).into_owned();
        assert!(told.len() <= 65536 + 96 * stream.len(), "{way}: {} bytes became {}", stream.len(), told.len());
        let heard = match hear(client, &frames(&[told.into()])) {
            Ok(heard) => heard,
            Err(e) => panic!("{way}: cannot be read again: {e:?}: {text}"),
        };
        let blocked = said.as_ref().is_ok_and(|said| said.blocked);
        let expected = if is_clean { legal::ending(client, blocked) } else { Ending::Error };
        assert_eq!(heard.ending, expected, "{way}: {text}");
        if let Ok(said) = &said
            && is_clean
        {
            same(client, &way, said, &heard, &text);
        }
        gathered(client, upstream, stream, is_clean);
    }
    let list = translated(case::back(Protocol::Gemini, upstream, true, true), &whole);
    assert!(case::is_json(&list), "{upstream}: no list: {}", String::from_utf8_lossy(&list));
}

/// What a user sees of an answer is the same on both sides.
fn same(client: Protocol, way: &str, said: &Heard, heard: &Heard, text: &str) {
    assert_eq!(said.text, heard.text, "{way}: {text}");
    // Gemini has no place for arguments that are no JSON object, and says so by its reason for the end.
    let kept = said.calls.iter().filter(|(_, input)| client != Protocol::Gemini || is_object(input)).count();
    assert!(heard.calls.len() >= kept && heard.calls.len() <= said.calls.len(), "{way}: {text}");
}

fn is_object(input: &str) -> bool {
    input.trim_start().starts_with('{') && case::is_json(input.as_bytes())
}

/// A client that wants the answer in one piece gets one, or a problem.
fn gathered(client: Protocol, upstream: Protocol, stream: &[u8], is_clean: bool) {
    let way = format!("{upstream} to {client}, gathered");
    match case::back(client, upstream, false, false).gathered(&Bytes::copy_from_slice(stream)).map(|told| told.body) {
        Ok(body) => {
            let text = String::from_utf8_lossy(&body);
            assert!(is_clean, "{way}: made up: {text}");
            assert!(legal::read(client, &body).is_ok(), "{way}: cannot be read again: {text}");
        }
        Err(problem) => {
            assert!(!is_clean, "{way}: {}", problem.message);
            assert!(!problem.message.is_empty());
        }
    }
}

fn translated(back: Back, frames: &[Bytes]) -> Vec<u8> {
    let mut translator = back.stream();
    let mut told = Vec::new();
    for frame in frames {
        if let Err(problem) = translator.frame(frame) {
            translator.fail(&problem);
        }
        told.extend_from_slice(&translator.take());
    }
    translator.finish();
    told.extend_from_slice(&translator.take());
    told
}
