//! Where the certificate comes from: the first one, and the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::acme::Acme;
use super::certificate::Certificate;
use super::error::TlsError;
use super::resolver::Resolver;
use super::{files, selfsigned};
use crate::config::{Config, TlsMode};

/// Where the certificate comes from.
#[derive(Debug)]
pub(super) enum Source {
    SelfSigned {
        dir: PathBuf,
        names: Vec<String>,
        /// What is made stands beside the one of the configuration in force.
        is_trial: AtomicBool,
    },
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    Acme(Box<Acme>),
}

impl Source {
    /// As `config` wants it, with what is kept in the data folder `dir`; none where TLS is off.
    pub(super) fn new(config: &Config, dir: &Path, resolver: &Resolver, is_trial: bool) -> Option<Self> {
        let path = |path: &Option<PathBuf>| path.clone().unwrap_or_default();
        Some(match config.tls.mode {
            TlsMode::Off => return None,
            TlsMode::SelfSigned => {
                Self::SelfSigned { dir: dir.to_owned(), names: names(config), is_trial: is_trial.into() }
            }
            TlsMode::Pem => Self::Files { cert: path(&config.tls.cert_file), key: path(&config.tls.key_file) },
            TlsMode::Acme => Self::Acme(Box::new(Acme::new(config, dir, Arc::clone(&resolver.challenges)))),
        })
    }

    /// What the file calls it.
    pub(super) const fn mode(&self) -> TlsMode {
        match self {
            Self::SelfSigned { .. } => TlsMode::SelfSigned,
            Self::Files { .. } => TlsMode::Pem,
            Self::Acme(_) => TlsMode::Acme,
        }
    }

    /// What is shown from the start on.
    pub(super) fn first(&self, now_ms: i64) -> Result<Option<Certificate>, TlsError> {
        let kept = match self {
            Self::SelfSigned { dir, names, .. } => selfsigned::load(dir, names, now_ms),
            Self::Files { cert, key } => return files::load(cert, key, now_ms).map(Some),
            Self::Acme(acme) => acme.kept(),
        };
        let kept = match kept {
            Err(error @ (TlsError::Exposed(_) | TlsError::Unreadable(..))) => return Err(error),
            Err(error) => {
                tracing::warn!("{error}; another certificate takes its place");
                None
            }
            Ok(kept) => kept,
        };
        match self {
            Self::SelfSigned { .. } if kept.is_none() => self.make(now_ms),
            _ => Ok(kept),
        }
    }

    /// What is to be shown instead of `shown`.
    pub(super) fn next(&self, shown: Option<&Certificate>, now_ms: i64) -> Result<Option<Certificate>, TlsError> {
        match self {
            Self::SelfSigned { names, .. } => {
                let is_due = shown.is_none_or(|shown| selfsigned::is_due(shown, names, now_ms));
                if is_due { self.make(now_ms) } else { Ok(None) }
            }
            Self::Files { cert, key } => {
                let found = files::load(cert, key, now_ms)?;
                // The same certificate with other ones behind it is another answer: a chain that was mended.
                let is_other = shown.is_none_or(|shown| shown.key.cert != found.key.cert);
                Ok(Some(found).filter(|_| is_other))
            }
            Self::Acme(_) => Ok(None),
        }
    }

    /// Another one of our own making.
    fn make(&self, now_ms: i64) -> Result<Option<Certificate>, TlsError> {
        let Self::SelfSigned { dir, names, is_trial } = self else { return Ok(None) };
        let file = if is_trial.load(Ordering::Acquire) { selfsigned::TRIAL } else { selfsigned::FILE };
        selfsigned::make(&dir.join(file), names, now_ms).map(Some)
    }

    /// What was tried does not hold.
    pub(super) fn discard(&self) {
        if let Self::SelfSigned { dir, is_trial, .. } = self
            && is_trial.load(Ordering::Acquire)
        {
            // A key of nobody's; the next trial replaces what cannot be removed now.
            _ = std::fs::remove_file(dir.join(selfsigned::TRIAL));
        }
    }

    /// What was tried holds.
    pub(super) fn promote(&self) -> Result<(), TlsError> {
        match self {
            Self::SelfSigned { dir, is_trial, .. } if is_trial.swap(false, Ordering::AcqRel) => {
                selfsigned::promote(dir)
            }
            _ => Ok(()),
        }
    }
}

/// Whether one keeper is good for both.
pub fn is_same(one: &Config, other: &Config) -> bool {
    one.tls == other.tls && (one.tls.mode != TlsMode::SelfSigned || names(one) == names(other))
}

/// For whom a certificate of our own making is: the names that the operator gave, and those of this machine.
fn names(config: &Config) -> Vec<String> {
    let mut names = config.tls.hosts.clone();
    let public = config.admin.public_url.iter().map(|url| url.host.trim_matches(['[', ']']).to_owned());
    let machine = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let addresses = config.addresses().into_iter().map(|addr| addr.ip().to_canonical());
    let known = (config.admin.hosts.iter().map(|host| host.trim_matches(['[', ']']).to_owned()))
        .chain(public)
        .chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned))
        .chain(machine.map(|name| name.to_ascii_lowercase()))
        .chain(addresses.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
    for name in known.filter(|name| name.is_ascii() && !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
