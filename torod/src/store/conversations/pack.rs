//! Bytes made smaller where that helps: deflate, which is in the house already.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Shorter texts only grow.
const MIN_BYTES: usize = 64;
/// More than was ever packed is damage.
const MAX_BYTES: u64 = 128 << 20;

const AS_IT_IS: u8 = 0;
const DEFLATED: u8 = 1;

/// `bytes` as they are stored.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= MIN_BYTES {
        let mut out = Vec::with_capacity(bytes.len() / 2);
        out.push(DEFLATED);
        let mut encoder = DeflateEncoder::new(out, Compression::new(6));
        if encoder.write_all(bytes).is_ok()
            && let Ok(out) = encoder.finish()
            && out.len() <= bytes.len()
        {
            return out;
        }
    }
    let mut out = Vec::with_capacity(bytes.len() + 1);
    out.push(AS_IT_IS);
    out.extend_from_slice(bytes);
    out
}

/// What was packed; none if that is damaged.
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (kind, rest) = packed.split_first()?;
    if *kind == AS_IT_IS {
        return Some(rest.to_vec());
    }
    let mut out = Vec::with_capacity(rest.len().saturating_mul(3));
    let read = DeflateDecoder::new(rest).take(MAX_BYTES).read_to_end(&mut out);
    (*kind == DEFLATED && read.is_ok()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_text_gets_smaller() {
        let text = "the quick brown fox jumps over the lazy dog; ".repeat(100);
        let noise: Vec<u8> = (0..10_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in [&b""[..], b"a", text.as_bytes(), &noise] {
            let packed = pack(bytes);
            assert_eq!(unpack(&packed).unwrap(), bytes);
            assert!(packed.len() <= bytes.len() + 1);
        }
        assert!(pack(text.as_bytes()).len() < text.len() / 10);
    }

    #[test]
    fn damage_is_seen() {
        for damaged in [&b""[..], &[7, 1, 2], &[1, 255, 255, 255]] {
            assert_eq!(unpack(damaged), None);
        }
    }
}
