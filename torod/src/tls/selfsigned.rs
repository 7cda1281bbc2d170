//! A certificate of our own making: made once, kept in the data folder, and made anew before it ends or when it is to be
//! for other names.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use chrono::{DateTime, Datelike as _, Utc};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::certificate::{Certificate, Facts};
use super::error::TlsError;

/// The file's name in the data folder: the certificate, then its key.
pub const FILE: &str = "self-signed.pem";
/// The name of one that is made for a configuration that is tried.
pub(super) const TRIAL: &str = "self-signed.trial.pem";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long it is valid. Apple's systems take none of more than 825 days.
const LIFE_MS: i64 = 730 * DAY_MS;
/// So long before its end another one is made.
const AHEAD_MS: i64 = 30 * DAY_MS;
/// So much earlier than now it begins: not every machine's clock is right.
const BEFORE_MS: i64 = DAY_MS;

/// The one in `dir`, if it is good for `names` and for a while to come.
pub(super) fn load(dir: &Path, names: &[String], now_ms: i64) -> Result<Option<Certificate>, TlsError> {
    Ok(read(dir)?.filter(|found| !is_due(found, names, now_ms)))
}

/// The one in `dir`, whatever it is good for.
pub(super) fn read(dir: &Path) -> Result<Option<Certificate>, TlsError> {
    read_whole(&dir.join(FILE))
}

/// A certificate and its key in one file, which is its owner's alone.
pub(super) fn read_whole(path: &Path) -> Result<Option<Certificate>, TlsError> {
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(TlsError::Unreadable(path.to_owned(), e)),
    };
    let mode = fs::metadata(path).map_err(|e| TlsError::Unreadable(path.to_owned(), e))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(TlsError::Exposed(path.to_owned()));
    }
    Certificate::from_pem((path, &pem), (path, &pem)).map(Some)
}

/// Whether another one is to be made.
pub(super) fn is_due(found: &Certificate, names: &[String], now_ms: i64) -> bool {
    let facts = &found.facts;
    let is_other = facts.names.len() != names.len() || !names.iter().all(|name| facts.names.contains(name));
    is_other || now_ms < facts.begins_ms || now_ms >= due_ms(facts)
}

/// When another one is made in its place.
pub(super) fn due_ms(facts: &Facts) -> i64 {
    facts.ends_ms.saturating_sub(AHEAD_MS)
}

/// Makes one for `names` and keeps it at `path`.
pub(super) fn make(path: &Path, names: &[String], now_ms: i64) -> Result<Certificate, TlsError> {
    let pem = made(names, now_ms).map_err(TlsError::Unmade)?;
    keep(path, pem.as_bytes())?;
    Certificate::from_pem((path, pem.as_bytes()), (path, pem.as_bytes()))
}

/// What was made to be tried is the one in `dir` from now on; where nothing had to be made, nothing changes.
pub(super) fn promote(dir: &Path) -> Result<(), TlsError> {
    let path = dir.join(FILE);
    match fs::rename(dir.join(TRIAL), &path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(TlsError::Unwritable(path, e)),
        _ => Ok(()),
    }
}

fn made(names: &[String], now_ms: i64) -> Result<String, String> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(|e| e.to_string())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "tokenrouter");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (from, to) = (date(now_ms - BEFORE_MS)?, date(now_ms + LIFE_MS)?);
    params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
    params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
    let key = KeyPair::generate().map_err(|e| e.to_string())?;
    let certificate = params.self_signed(&key).map_err(|e| e.to_string())?;
    Ok(certificate.pem() + &key.serialize_pem())
}

fn date(at_ms: i64) -> Result<(i32, u8, u8), String> {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).filter(|at| (1_970..9_999).contains(&at.year()));
    let at = at.ok_or("this machine's clock is far off")?;
    Ok((at.year(), u8::try_from(at.month()).unwrap_or(1), u8::try_from(at.day()).unwrap_or(1)))
}

/// Writes a secret for the owner alone, whole or not at all.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let partial = path.with_extension("partial");
    let write = || {
        // A leftover may be somebody else's to read, or lead elsewhere.
        match fs::remove_file(&partial) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|e| {
        // Half a file helps nobody, and takes room.
        _ = fs::remove_file(&partial);
        TlsError::Unwritable(path.to_owned(), e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22.
    const NOW_MS: i64 = 1_795_305_600_000;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn it_is_kept_until_it_is_due() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = names(&["localhost", "127.0.0.1", "::1"]);
        assert!(load(dir.path(), &wanted, NOW_MS).unwrap().is_none());
        let first = make(&dir.path().join(FILE), &wanted, NOW_MS).unwrap();
        assert_eq!(first.facts.names, wanted);
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = |names: &[String], now_ms| load(dir.path(), names, now_ms).unwrap().map(|found| found.facts);
        assert_eq!(again(&wanted, NOW_MS), Some(first.facts.clone()));
        assert_eq!(again(&wanted, NOW_MS + LIFE_MS - AHEAD_MS - 2 * DAY_MS), Some(first.facts));
        assert_eq!(again(&wanted, NOW_MS + LIFE_MS - AHEAD_MS), None, "it ends soon");
        assert_eq!(again(&wanted, NOW_MS - 3 * DAY_MS), None, "the clock was wrong when it was made");
        assert_eq!(again(&names(&["localhost", "127.0.0.1", "gw.lan"]), NOW_MS), None, "it is for others");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_and_a_full_disk_told() {
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join(FILE), &names(&["a"]), NOW_MS).unwrap();
        fs::set_permissions(dir.path().join(FILE), fs::Permissions::from_mode(0o640)).unwrap();
        let said = load(dir.path(), &names(&["a"]), NOW_MS).unwrap_err().to_string();
        assert!(said.contains("chmod 600"), "{said}");
        let nowhere = make(&dir.path().join("nowhere").join(FILE), &names(&["a"]), NOW_MS).unwrap_err().to_string();
        assert!(nowhere.contains("Make room there"), "{nowhere}");
    }
}
