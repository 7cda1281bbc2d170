//! The SHA-256 of a certificate, by which a self-signed gateway is known again.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of this certificate.
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest::digest(&digest::SHA256, der).as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        write!(f, "sha256:{}", pairs.join(":"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFingerprint;

impl fmt::Display for BadFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is `sha256:` and 64 hexadecimal digits, with or without colons")
    }
}

impl std::error::Error for BadFingerprint {}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// Reads what `openssl x509 -fingerprint -sha256`, browsers and `toro` write.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let lower = text.trim().to_ascii_lowercase();
        let hex = ["sha256 fingerprint=", "sha256:", "sha-256:"].iter().find_map(|start| lower.strip_prefix(start));
        let digits: String = hex.unwrap_or(&lower).chars().filter(|c| *c != ':' && *c != ' ').collect();
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadFingerprint);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(at * 2..at * 2 + 2).ok_or(BadFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_it_is_read() {
        let print = Fingerprint::of(b"x");
        let shown = print.to_string();
        assert!(shown.starts_with("sha256:2D:71:16:42:B7:26:B0:44:01:62:7C:A9:FB:AC:32:F5"), "{shown}");
        let bare = shown.trim_start_matches("sha256:").replace(':', "").to_ascii_lowercase();
        for text in [&*shown, &bare, &shown.replace("sha256:", "SHA256 Fingerprint=")] {
            assert_eq!(text.parse(), Ok(print), "{text}");
        }
        for text in ["", "sha256:", "sha1:2D", &bare[1..], &format!("{bare}0"), &bare.replace('2', "g")] {
            assert_eq!(text.parse::<Fingerprint>(), Err(BadFingerprint), "{text}");
        }
    }
}
