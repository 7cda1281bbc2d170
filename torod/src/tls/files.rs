//! A certificate of the operator's, in two files that somebody else keeps new.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::certificate::Certificate;
use super::error::TlsError;

/// No certificate with those that sign it is larger.
const MOST_BYTES: u64 = 1 << 20;

/// Reads certificate and key, and refuses what cannot be shown now.
pub(super) fn load(cert: &Path, key: &Path, now_ms: i64) -> Result<Certificate, TlsError> {
    let found = read(cert, key)?;
    found.check_time(cert, now_ms)?;
    Ok(found)
}

/// Reads certificate and key.
pub(super) fn read(cert: &Path, key: &Path) -> Result<Certificate, TlsError> {
    Certificate::from_pem((cert, &bytes(cert)?), (key, &bytes(key)?))
}

/// The bytes of a file of the operator's.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    let fail = |e| TlsError::Unreadable(PathBuf::from(path), e);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).map_err(fail)?;
    Ok(bytes)
}
