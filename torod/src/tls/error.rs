//! Why a certificate cannot be had, in sentences that say what to do.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// Why a certificate cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}. Put it there, or let the user that torod runs as read it")]
    Unreadable(PathBuf, std::io::Error),
    /// A file cannot be written.
    #[error("cannot write {0}: {1}. Make room there, or give the user that torod runs as the right to write")]
    Unwritable(PathBuf, std::io::Error),
    /// A file that others may read holds a key.
    #[error("{0} holds a private key and others may read it. Run `chmod 600 {0}`")]
    Exposed(PathBuf),
    /// There is no certificate in it.
    #[error("{0} holds no certificate in PEM. Put the certificate there, and those that sign it behind it")]
    NoCertificate(PathBuf),
    /// There is no key in it.
    #[error("{0} holds no private key in PEM. Put the key of the certificate there")]
    NoKey(PathBuf),
    /// The key has a passphrase.
    #[error(
        "the private key in {0} has a passphrase, which nobody could type. Remove it: `openssl pkey -in {0} -out FILE`"
    )]
    Encrypted(PathBuf),
    /// Certificate and key do not belong together.
    #[error("the private key in {1} is not the key of the certificate in {0}. Put both from the same order there")]
    Mismatch(PathBuf, PathBuf),
    /// It is over.
    #[error("the certificate in {0} ended at {at}. Put a new one there", at = day(*.1))]
    Expired(PathBuf, i64),
    /// It is not valid yet.
    #[error("the certificate in {0} is valid from {at} on. Wait, or set this machine's clock right", at = day(*.1))]
    TooEarly(PathBuf, i64),
    /// It makes no sense, or is of a kind that is not used.
    #[error("{0} cannot be used: {1}. Put another one there")]
    Garbled(PathBuf, String),
    /// A CA gives none.
    #[error("no certificate could be had: {0}")]
    Acme(String),
    /// A CA has had too much.
    #[error("no certificate could be had: the CA takes no more orders for now: {said}")]
    Limited {
        /// What it said.
        said: String,
        /// How long it wants to be left alone.
        wait_ms: i64,
    },
    /// A CA gave one that is not valid by our clock.
    #[error("the certificate that the CA has just made is valid from {from} to {to}, and here it is {now}. Set this machine's clock right", from = day(*.begins_ms), to = day(*.ends_ms), now = day(*.now_ms))]
    Clock {
        /// From when on it is valid.
        begins_ms: i64,
        /// Until when.
        ends_ms: i64,
        /// What time it is here.
        now_ms: i64,
    },
    /// It could not be made.
    #[error("cannot make a certificate: {0}")]
    Unmade(String),
}

/// A time for people.
pub(super) fn day(at_ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms);
    at.map_or_else(|| at_ms.to_string(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}
