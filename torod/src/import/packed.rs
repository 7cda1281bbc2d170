//! Packed files of JSON lines: unpacked within bounds, line by line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{ImportError, Left, damaged, file_error};

/// The largest file, unpacked; one holds an hour at most.
const MOST_BYTES: u64 = 512 << 20;
/// The same, packed.
const MOST_PACKED: u64 = 128 << 20;
/// The longest line.
const MOST_LINE: u64 = 64 << 10;
/// The largest window that a packed file may ask for.
const MOST_WINDOW: u64 = 64 << 20;

/// Unpacks a file and hands over each line. One that is no JSON is counted in `left`.
pub(super) fn lines<T: DeserializeOwned>(
    path: &Path,
    digest: Option<&mut Sha256>,
    mut each: impl FnMut(T) -> Result<(), ImportError>,
    left: &mut Left,
) -> Result<(), ImportError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_PACKED + 1).read_to_end(&mut bytes)).map_err(file_error(path))?;
    if bytes.len() as u64 > MOST_PACKED {
        return Err(damaged(path, "it is larger than any that torod wrote"));
    }
    if let Some(digest) = digest {
        digest.update(&bytes);
    }
    // Frames follow each other without anything between.
    let mut packed = bytes.as_slice();
    while !packed.is_empty() {
        if window(packed).is_none_or(|bytes| bytes > MOST_WINDOW) {
            return Err(damaged(path, "it is no zstd file, or asks for too much memory"));
        }
        let decoder = ruzstd::decoding::StreamingDecoder::new(packed)
            .map_err(|e| damaged(path, format!("it is no zstd file: {e}")))?;
        let mut unpacked = BufReader::new(decoder.take(MOST_BYTES + 1));
        loop {
            let mut line = Vec::new();
            let read = (&mut unpacked).take(MOST_LINE + 1).read_until(b'\n', &mut line);
            let read = read.map_err(|e| damaged(path, format!("it is broken off or damaged: {e}")))?;
            if read == 0 {
                break;
            }
            if read as u64 > MOST_LINE {
                return Err(damaged(path, "a line is longer than any that torod wrote"));
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<T>(&line) {
                Ok(line) => each(line)?,
                Err(_) => left.note("a line that is no call"),
            }
        }
        let decoder = unpacked.into_inner();
        if decoder.limit() == 0 {
            return Err(damaged(path, "it holds more than any that torod wrote"));
        }
        packed = decoder.into_inner().into_inner();
    }
    Ok(())
}

/// What unpacking a frame needs, in bytes (RFC 8878, section 3.1.1.1); none where it is no frame.
fn window(frame: &[u8]) -> Option<u64> {
    let header = frame.strip_prefix(&[0x28, 0xB5, 0x2F, 0xFD])?;
    let (&descriptor, rest) = header.split_first()?;
    if descriptor & 0x20 == 0 {
        let byte = *rest.first()?;
        let base = 1_u64 << (10 + u32::from(byte >> 3));
        return Some(base + base / 8 * u64::from(byte & 7));
    }
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let (bytes, more) = match descriptor >> 6 {
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let size = rest.get(dictionary..dictionary + bytes)?;
    Some(size.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)).saturating_add(more))
}
