//! Certificates from a CA by ACME (RFC 8555): an account and a certificate for each CA, kept in the data folder.

mod call;
mod order;
mod run;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokenrouter::call::Guard;

use super::certificate::Certificate;
use super::challenge::Challenges;
use super::error::TlsError;
use super::selfsigned;
use crate::config::{AcmeChallenge, Config};

/// The folder in the data folder.
const FOLDER: &str = "acme";
/// The account with its key.
const ACCOUNT: &str = "account.json";
/// The certificate with those that sign it, then its key.
const CERTIFICATE: &str = "certificate.pem";
/// Written and removed before an order: a certificate that cannot be kept is not to be ordered.
const ROOM: &str = "room";
const ROOM_BYTES: usize = 64 << 10;

const MINUTE_MS: i64 = 60 * 1_000;
/// Pauses after attempts that failed; the last one stays. Let's Encrypt lets a name fail five times an hour.
const PAUSES_MS: [i64; 6] =
    [5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS, 3 * 60 * MINUTE_MS, 6 * 60 * MINUTE_MS, 12 * 60 * MINUTE_MS];
/// Nobody is waited for longer, whatever a CA says.
const LONGEST_MS: i64 = 7 * 24 * 60 * MINUTE_MS;

/// Gets certificates from a CA.
pub(super) struct Acme {
    folder: PathBuf,
    names: Vec<String>,
    email: Option<String>,
    directory: String,
    root: Option<PathBuf>,
    challenge: AcmeChallenge,
    guard: Guard,
    challenges: Arc<Challenges>,
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("directory", &self.directory).field("names", &self.names).finish_non_exhaustive()
    }
}

impl Acme {
    /// As `config` wants it, with what it keeps in the data folder `dir`.
    pub(super) fn new(config: &Config, dir: &Path, challenges: Arc<Challenges>) -> Self {
        let tls = &config.tls;
        let directory = tls.acme_directory.clone();
        // Accounts and certificates of one CA mean nothing to another.
        let digest: [u8; 32] = Sha256::digest(&directory).into();
        let digest = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        Self {
            folder: dir.join(FOLDER).join(format!("{digest:016x}")),
            names: tls.hosts.clone(),
            email: tls.email.clone(),
            directory,
            root: tls.acme_root.clone(),
            challenge: tls.acme_challenge,
            guard: config.egress.guard(),
            challenges,
        }
    }

    /// The certificate that was kept; none where there is none.
    pub(super) fn kept(&self) -> Result<Option<Certificate>, TlsError> {
        selfsigned::read_whole(&self.folder.join(CERTIFICATE))
    }

    /// When to order, if `shown` is shown: at once where it is for other names, else when two thirds of its life are over.
    /// `jitter` spreads the orders of many over a forty-eighth of it.
    pub(super) fn due_ms(&self, shown: Option<&Certificate>, jitter: u64) -> i64 {
        let Some(facts) = shown.filter(|shown| self.is_for_all(shown)).map(|shown| &shown.facts) else {
            return i64::MIN;
        };
        let life_ms = facts.ends_ms.saturating_sub(facts.begins_ms).max(0);
        let spread_ms = i64::try_from(jitter % u64::try_from(life_ms / 48 + 1).unwrap_or(1)).unwrap_or(0);
        facts.begins_ms.saturating_add(life_ms / 3 * 2).saturating_sub(spread_ms)
    }

    /// Whether it is valid, and no other is to be ordered yet. One that was just made always is, unless our clock is wrong: by
    /// such a clock the next one would be ordered at once, for ever.
    fn is_fresh(&self, certificate: &Certificate, jitter: u64, now_ms: i64) -> bool {
        (certificate.facts.begins_ms..self.due_ms(Some(certificate), jitter)).contains(&now_ms)
    }

    fn is_for_all(&self, certificate: &Certificate) -> bool {
        let known = &certificate.facts.names;
        self.names.iter().all(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// Orders one; `failures` attempts in a row have failed before.
    pub(super) async fn order(&self, failures: u32) -> Result<Certificate, TlsError> {
        self.make_room()?;
        let chain_and_key = order::order(self, failures).await?;
        let path = self.folder.join(CERTIFICATE);
        let certificate = Certificate::from_pem((&path, chain_and_key.as_bytes()), (&path, chain_and_key.as_bytes()))?;
        if !self.is_for_all(&certificate) {
            return Err(TlsError::Acme("the CA made a certificate for other names than it was asked for".to_owned()));
        }
        selfsigned::keep(&path, chain_and_key.as_bytes())?;
        Ok(certificate)
    }

    fn make_room(&self) -> Result<(), TlsError> {
        let fail = |e| TlsError::Unwritable(self.folder.clone(), e);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(fail)?;
        let path = self.folder.join(ROOM);
        selfsigned::keep(&path, &vec![b'.'; ROOM_BYTES])?;
        fs::remove_file(&path).map_err(fail)
    }
}

/// How long to wait after `failures` attempts that failed, of which the last one ended with `error`.
pub(super) fn pause_ms(failures: u32, error: &TlsError, jitter: u64) -> i64 {
    let last = PAUSES_MS.len() - 1;
    let usual = usize::try_from(failures.saturating_sub(1)).unwrap_or(last).min(last);
    let usual_ms = PAUSES_MS.get(usual).copied().unwrap_or(LONGEST_MS);
    let asked_ms = match error {
        TlsError::Limited { wait_ms, .. } => *wait_ms,
        _ => 0,
    };
    let spread_ms = i64::try_from(jitter % u64::try_from(usual_ms / 10).unwrap_or(1)).unwrap_or(0);
    usual_ms.saturating_add(spread_ms).max(asked_ms).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::tls::certificate::tests::made;

    fn acme(folder: &Path, names: &str) -> Acme {
        let config = parse(&format!("[tls]\nmode = 'acme'\nhosts = [{names}]"), "t").unwrap();
        Acme::new(&config, folder, Arc::default())
    }

    #[test]
    fn it_is_ordered_when_two_thirds_of_its_life_are_over_and_for_other_names_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let one = acme(folder.path(), "'gw.example'");
        let (cert, key) = made(&["gw.example"], 2026, 2027);
        let at = Path::new("/c");
        let shown = Certificate::from_pem((at, cert.as_bytes()), (at, key.as_bytes())).unwrap();
        let (begins, ends) = (shown.facts.begins_ms, shown.facts.ends_ms);
        let life = ends - begins;
        assert_eq!(one.due_ms(Some(&shown), 0), begins + life / 3 * 2);
        for jitter in [1, 77_777_777, u64::MAX] {
            let due = one.due_ms(Some(&shown), jitter);
            assert!(due <= begins + life / 3 * 2 && due >= begins + life / 3 * 2 - life / 48, "{jitter}");
        }
        assert_eq!(one.due_ms(None, 0), i64::MIN);
        assert_eq!(acme(folder.path(), "'gw.example', 'other.example'").due_ms(Some(&shown), 0), i64::MIN);
    }

    #[test]
    fn pauses_grow_and_a_ca_that_asks_for_more_is_given_it() {
        let failed = TlsError::Acme("no".into());
        let pauses: Vec<i64> = (1..9).map(|failures| pause_ms(failures, &failed, 0) / MINUTE_MS).collect();
        assert_eq!(pauses, [5, 15, 60, 180, 360, 720, 720, 720]);
        assert!((5 * MINUTE_MS..6 * MINUTE_MS).contains(&pause_ms(1, &failed, u64::MAX)));
        let limited = |wait_ms| TlsError::Limited { said: "slow".into(), wait_ms };
        assert_eq!(pause_ms(1, &limited(3 * 60 * MINUTE_MS), 0), 180 * MINUTE_MS);
        assert_eq!(pause_ms(1, &limited(i64::MAX), 0), LONGEST_MS);
    }
}
