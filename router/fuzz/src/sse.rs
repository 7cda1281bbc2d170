//! Target `sse`: however a stream is cut, its frames say the same, and no byte is lost.

use bytes::Bytes;
use tokenrouter::sse::{Splitter, data, event};

use super::case;

/// What a stream says: the payloads with their events' names, and all its bytes.
type Told = (Vec<(Vec<u8>, Option<Vec<u8>>)>, Vec<u8>);

/// The first byte of `input` says how the rest, the stream, is cut.
pub fn run(input: &[u8]) {
    let Some((seed, stream)) = input.split_first() else { return };
    let whole = read(&[Bytes::copy_from_slice(stream)], usize::MAX).unwrap_or_default();
    assert_eq!(whole.1, stream);
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
