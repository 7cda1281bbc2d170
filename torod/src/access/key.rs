//! The secret string of a token: `tr_`, 32 random bytes in base62, a checksum; and its digest, which is all that is kept.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// What every key starts with.
pub const PREFIX: &str = "tr_";
/// 32 bytes in base62: 43 digits hold 256 bits and 42 do not.
const SECRET: usize = 43;
/// A CRC-32 in base62.
const CHECK: usize = 6;
/// The length of a key.
const LENGTH: usize = PREFIX.len() + SECRET + CHECK;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of a whole key. Plain SHA-256 is enough: nobody guesses 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Why a string is no key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not start like one: some other vendor's key, most likely.
    #[error("this is no key of this gateway: they start with `tr_`")]
    NotOurs,
    /// It starts like one, but has the wrong length or the wrong checksum.
    #[error("this key is incomplete or mistyped")]
    Malformed,
}

/// A key in plain text. It exists while it is made and shown, and is wiped after that.
pub struct Key {
    text: [u8; LENGTH],
}

impl Key {
    /// Makes a key from 32 bytes that `rng` provides.
    pub fn generate(rng: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut secret = Zeroizing::new([0_u8; 32]);
        rng(secret.as_mut_slice());
        let mut text = [0_u8; LENGTH];
        let (prefix, rest) = text.split_at_mut(PREFIX.len());
        let (digits, check) = rest.split_at_mut(SECRET);
        prefix.copy_from_slice(PREFIX.as_bytes());
        write_base62(secret.as_mut_slice(), digits);
        write_base62(&mut checksum(digits).to_be_bytes(), check);
        Self { text }
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        // Every byte is a base62 digit or comes from PREFIX.
        str::from_utf8(&self.text).unwrap_or_default()
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.text).into())
    }

    /// Checks form and checksum of a key that a client sent, and digests it. Allocates nothing.
    pub fn parse(text: &str) -> Result<Digest, KeyError> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeyError::NotOurs)?.as_bytes();
        let (secret, check) = rest.split_at_checked(SECRET).ok_or(KeyError::Malformed)?;
        if check.len() != CHECK || !secret.iter().all(u8::is_ascii_alphanumeric) {
            return Err(KeyError::Malformed);
        }
        let mut expected = [0; CHECK];
        write_base62(&mut checksum(secret).to_be_bytes(), &mut expected);
        if check != expected {
            return Err(KeyError::Malformed);
        }
        Ok(Digest(Sha256::digest(text.as_bytes()).into()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// No secret protects this: it only tells a mistyped key from an unknown one before anything is looked up.
fn checksum(secret: &[u8]) -> u32 {
    crc32fast::hash(secret)
}

/// Writes a big-endian number in base62, zero-padded to the length of `out`. Leaves zeroes behind in `number`.
fn write_base62(number: &mut [u8], out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = DIGITS.get(remainder as usize).copied().unwrap_or(b'0');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(seed: [u8; 32]) -> Key {
        Key::generate(&mut |out| out.copy_from_slice(&seed))
    }

    #[test]
    fn the_form_is_fixed() {
        assert_eq!(key([0; 32]).reveal().len(), 52);
        assert!(key([0; 32]).reveal().starts_with("tr_0000000000000000000000000000000000000000000"));
        // 2^256 - 1 in base62, from an independent calculation.
        assert!(key([255; 32]).reveal().starts_with("tr_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"));
    }

    #[test]
    fn a_key_never_shows_by_accident() {
        assert_eq!(format!("{:?}", key([7; 32])), "Key(redacted)");
        assert_eq!(format!("{:?}", key([7; 32]).digest()), "Digest(…)");
    }

    #[test]
    fn foreign_keys_are_told_from_broken_ones() {
        assert_eq!(Key::parse("sk-abc"), Err(KeyError::NotOurs));
        assert_eq!(Key::parse(""), Err(KeyError::NotOurs));
        let whole = key([9; 32]);
        for end in PREFIX.len()..whole.reveal().len() {
            assert_eq!(Key::parse(&whole.reveal()[..end]), Err(KeyError::Malformed), "{end}");
        }
        assert_eq!(Key::parse(&format!("{}0", whole.reveal())), Err(KeyError::Malformed));
        assert_eq!(Key::parse(&format!("tr_{}", "é".repeat(24))), Err(KeyError::Malformed));
    }

    proptest! {
        #[test]
        fn a_key_is_read_back(seed: [u8; 32]) {
            let key = key(seed);
            prop_assert_eq!(Key::parse(key.reveal()), Ok(key.digest()));
        }

        #[test]
        fn one_changed_character_is_always_noticed(seed: [u8; 32], at in 0..LENGTH, to in "[0-9A-Za-z_ -]") {
            let key = key(seed);
            let mut text = key.reveal().to_owned();
            text.replace_range(at..=at, &to);
            prop_assert_eq!(Key::parse(&text).is_ok(), text == key.reveal());
        }

        #[test]
        fn any_text_is_survived(text: String) {
            prop_assert!(Key::parse(&text).is_err());
        }
    }
}
