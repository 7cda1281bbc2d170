//! Target `answer`: a provider's answer in one piece, told to clients of every protocol, in one piece and as a stream.

use tokenrouter::Protocol;

use super::legal::{frames, hear, read};
use super::{case, legal};

/// The first byte is the provider's protocol, the rest is its answer.
pub fn run(data: &[u8]) {
    let Some((upstream, body)) = case::protocol(data) else { return };
    let most = 4096 + 64 * body.len();
    for client in Protocol::ALL {
        let way = format!("{upstream} to {client}");
        let whole = case::back(client, upstream, false, false).whole(body).map(|told| told.body);
        let streamed = case::back(client, upstream, true, false).whole(body).map(|told| told.body);
        match (&whole, &streamed) {
            (Ok(whole), Ok(stream)) => {
                let text = String::from_utf8_lossy(whole);
                assert!(case::is_json(whole), "{way}: no JSON: {text}");
                assert!(whole.len() <= most, "{way}: {} bytes became {}", body.len(), whole.len());
                if let Err(e) = read(client, whole) {
                    panic!("{way}: cannot be read again: {e}: {text}");
                }
                let text = String::from_utf8_lossy(stream);
                assert!(stream.len() <= 4 * most, "{way}: {} bytes became {}", body.len(), stream.len());
                let heard = hear(client, &frames(&[stream.clone().into()]));
                let blocked = text.contains(r#""finish_reason":"ERROR""#);
                assert_eq!(heard.map(|heard| heard.ending), Ok(legal::ending(client, blocked)), "{way}: {text}");
            }
            (Err(problem), Err(_)) => legal::can_be_told(problem),
            (whole, stream) => panic!("{way}: whole {whole:?}, but as a stream {stream:?}"),
        }
    }
    if let Ok(list) = case::back(Protocol::Gemini, upstream, true, true).whole(body).map(|told| told.body) {
        assert!(case::is_json(&list), "{upstream}: no list: {}", String::from_utf8_lossy(&list));
    }
}
