//! Makes callable providers of those that the file describes; what has not changed stays the provider that it was,
//! with its connections, its health and all that was learnt of it.

use std::sync::Arc;

use tokenrouter_shared::Secret;

use super::Env;
use crate::config::{self, Config, CredentialConfig, ProviderConfig};
use crate::upstreams::provider::{Key, Provider};

/// A provider with what it was made of.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) config: ProviderConfig,
    /// By credential; none where it could not be fetched.
    secrets: Vec<Option<Secret>>,
    pub(super) provider: Arc<Provider>,
}

/// Prepares every provider of the file. One whose key cannot be read is switched off, so that the others still serve;
/// one that worked before with the same words goes on with the key that it has.
pub(super) fn prepare(config: &Config, env: Env, before: &[Prepared]) -> Vec<Prepared> {
    config.providers.iter().filter_map(|described| one(described, env, before)).collect()
}

fn one(described: &ProviderConfig, env: Env, before: &[Prepared]) -> Option<Prepared> {
    let same = before.iter().find(|known| known.config == *described);
    let mut secrets = Vec::new();
    for (at, credential) in described.credentials.iter().enumerate().filter(|_| described.enabled) {
        let then = same.and_then(|same| same.secrets.get(at).cloned().flatten());
        secrets.push(match config::resolve_secret(&credential.secret, &env) {
            Ok(secret) => Some(secret),
            Err(error) if then.is_some() => {
                tracing::warn!(provider = %described.name, key = at + 1, "the key stays the one from before: {error}");
                then
            }
            Err(error) => {
                tracing::error!(provider = %described.name, key = at + 1, "left out: {error}");
                None
            }
        });
    }
    if let Some(same) = same.filter(|same| same.secrets == secrets) {
        return Some(same.clone());
    }
    let mut effective = described.clone();
    let keys: Vec<Key> = described.credentials.iter().zip(&secrets).enumerate().filter_map(key).collect();
    if described.enabled && !secrets.is_empty() && keys.is_empty() {
        tracing::error!(provider = %described.name, "switched off: none of its keys could be read");
        effective.enabled = false;
    }
    match Provider::new(&effective, &keys) {
        Ok(mut provider) => {
            if let Some(then) = before.iter().find(|known| known.provider.line == provider.line) {
                provider.inherit(&then.provider);
            }
            Some(Prepared { config: described.clone(), secrets, provider: Arc::new(provider) })
        }
        Err(e) => {
            tracing::error!("left out: {e}");
            None
        }
    }
}

fn key((at, (credential, secret)): (usize, (&CredentialConfig, &Option<Secret>))) -> Option<Key> {
    let label = credential.name.clone().unwrap_or_else(|| (at + 1).to_string());
    Some(Key { label, weight: credential.weight, secret: secret.clone()? })
}

pub(super) fn shared(prepared: &[Prepared]) -> Vec<Arc<Provider>> {
    prepared.iter().map(|prepared| Arc::clone(&prepared.provider)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn config(text: &str) -> Config {
        parse(text, "t").unwrap()
    }

    const TEXT: &str = "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"${KEY}\"\n\
                        [[providers]]\nname = \"b\"\nbase_url = \"http://h\"\n";

    fn kept(before: &[Prepared], after: &[Prepared]) -> Vec<bool> {
        let is_kept = |now: &Prepared| before.iter().any(|then| Arc::ptr_eq(&then.provider, &now.provider));
        after.iter().map(is_kept).collect()
    }

    #[test]
    fn only_what_changed_is_made_anew() {
        let before = prepare(&config(TEXT), |_| Some("k1".into()), &[]);
        assert_eq!(kept(&before, &prepare(&config(TEXT), |_| Some("k1".into()), &before)), [true, true]);
        assert_eq!(kept(&before, &prepare(&config(TEXT), |_| Some("k2".into()), &before)), [false, true]);
        let moved = TEXT.replacen("http://h", "http://other", 1);
        assert_eq!(kept(&before, &prepare(&config(&moved), |_| Some("k1".into()), &before)), [false, true]);
    }

    #[test]
    fn what_models_refuse_is_known_as_long_as_the_provider_is_the_same() {
        let before = prepare(&config(TEXT), |_| Some("k1".into()), &[]);
        let is_known = |after: &[Prepared]| Arc::ptr_eq(&after[0].provider.findings, &before[0].provider.findings);
        assert!(is_known(&prepare(&config(TEXT), |_| Some("k2".into()), &before)));
        let moved = TEXT.replacen("http://h", "http://other", 1);
        assert!(!is_known(&prepare(&config(&moved), |_| Some("k1".into()), &before)));
    }

    #[test]
    fn a_key_that_cannot_be_fetched_switches_off_what_is_new_and_leaves_what_works() {
        let without = prepare(&config(TEXT), |_| None, &[]);
        assert_eq!(without.iter().map(|p| p.provider.enabled).collect::<Vec<_>>(), [false, true]);
        let with = prepare(&config(TEXT), |_| Some("k".into()), &without);
        assert_eq!(kept(&without, &with), [false, true]);
        assert!(with[0].provider.enabled);
        assert_eq!(kept(&with, &prepare(&config(TEXT), |_| None, &with)), [true, true]);
        // One of two keys is gone, the other is new: the one from before is not lost.
        let two = TEXT.replace("api_key = \"${KEY}\"", "api_keys = [\"${KEY}\", \"${OTHER}\"]");
        let both = prepare(&config(&two), |_| Some("k".into()), &[]);
        let half = prepare(&config(&two), |name| (name == "OTHER").then(|| "new".to_owned()), &both);
        let shown: Vec<_> = half[0].secrets.iter().flatten().map(|secret| secret.expose().to_owned()).collect();
        assert_eq!((shown, kept(&both, &half)), (vec!["k".to_owned(), "new".to_owned()], vec![false, true]));
    }
}
