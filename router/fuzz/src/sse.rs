//! Target `sse`: however a stream is cut, its frames say the same, and no byte is lost.

use bytes::Bytes;
use tokenrouter::sse::{Splitter, data, event};

use super::case;

/// What a stream says: the payloads with their events' names, and all its bytes.
type Told = (Payloads, Vec<u8>);

/// Each payload with its event's name.
type Payloads = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The first byte of `input` says how the rest, the stream, is cut.
pub fn run(input: &[u8]) {
    let Some((seed, stream)) = input.split_first() else { return };
    let whole = read(&[Bytes::copy_from_slice(stream)], usize::MAX).unwrap_or_default();
    assert_eq!(whole.1, stream);
    assert_eq!(whole.0, plainly(stream));
    let pieces = case::pieces(stream, *seed);
    assert_eq!(read(&pieces, usize::MAX), Some(whole));
    // A bound loses nothing either, and holds.
    let bound = usize::from(*seed);
    let mut splitter = Splitter::new(bound);
    let mut joined = Vec::new();
    let mut held = 0;
    for piece in &pieces {
        let before = joined.len();
        let pushed = splitter.push(piece, |frame| joined.extend_from_slice(&frame));
        held = held + piece.len() - (joined.len() - before);
        assert!(held <= bound, "{held} bytes are held back");
        assert!(pushed.is_ok() || splitter.is_between_frames());
        assert_eq!(splitter.is_between_frames(), held == 0);
    }
    joined.extend_from_slice(&splitter.take_rest());
    assert_eq!(joined, stream);
}

fn read(pieces: &[Bytes], bound: usize) -> Option<Told> {
    let mut splitter = Splitter::new(bound);
    let mut told = Told::default();
    let mut tell = |frame: &Bytes| {
        told.1.extend_from_slice(frame);
        if let Some(payload) = data(frame) {
            told.0.push((payload.into_owned(), event(frame).map(<[u8]>::to_vec)));
        }
    };
    for piece in pieces {
        splitter.push(piece, |frame| tell(&frame)).ok()?;
    }
    tell(&splitter.take_rest());
    Some(told)
}

/// The same in the plainest way: all line ends made one, then line by line.
fn plainly(stream: &[u8]) -> Payloads {
    let mut lines = vec![Vec::new()];
    for (at, byte) in stream.iter().enumerate() {
        match byte {
            b'\n' if at > 0 && stream[at - 1] == b'\r' => {}
            b'\n' | b'\r' => lines.push(Vec::new()),
            other => lines.last_mut().into_iter().for_each(|line| line.push(*other)),
        }
    }
    // What has no blank line at the stream's end counts as well.
    lines.push(Vec::new());
    let mut told = Vec::new();
    let (mut said, mut name): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
    for line in lines {
        let value = |field: &str| {
            let rest = line.strip_prefix(field.as_bytes())?;
            Some(rest.strip_prefix(b" ").unwrap_or(rest).to_vec())
        };
        if line.is_empty() {
            let name = name.take();
            told.extend(said.take().map(|said| (said, name)));
        } else if let Some(more) = value("data:") {
            said = Some(said.map_or_else(|| more.clone(), |said| [said.as_slice(), &more].join(&b'\n')));
        } else if let Some(event) = value("event:") {
            name = Some(event);
        }
    }
    told
}
