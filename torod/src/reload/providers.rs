//! Makes callable providers of those that the file describes; what has not changed stays the provider that it was,
//! with its connections, its health and all that was learnt of it.

use std::sync::Arc;

use tokenrouter_shared::Secret;

use super::Env;
use crate::config::{self, Config, ProviderConfig};
use crate::upstreams::provider::Provider;

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
    let mut errors = Vec::new();
    let secrets: Vec<Option<Secret>> = described
        .credentials
        .iter()
        .filter(|_| described.enabled)
        .map(|credential| config::resolve_secret(&credential.secret, &env).map_err(|e| errors.push(e)).ok())
        .collect();
    if let Some(same) = same {
        let is_as_it_was = |(now, then): (&Option<Secret>, &Option<Secret>)| now.is_none() || now == then;
        if secrets.iter().zip(&same.secrets).all(is_as_it_was) {
            for error in errors.iter().filter(|_| same.provider.enabled) {
                tracing::warn!(provider = %described.name, "its key stays the one from before: {error}");
            }
            return Some(same.clone());
        }
    }
    let mut effective = described.clone();
    let first = secrets.first().cloned().flatten();
    if let Some(error) = errors.first().filter(|_| first.is_none()) {
        tracing::error!(provider = %described.name, "switched off: {error}");
        effective.enabled = false;
    }
    match Provider::new(&effective, first.as_ref()) {
        Ok(provider) => Some(Prepared { config: described.clone(), secrets, provider: Arc::new(provider) }),
        Err(e) => {
            tracing::error!("left out: {e}");
            None
        }
    }
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
    fn a_key_that_cannot_be_fetched_switches_off_what_is_new_and_leaves_what_works() {
        let without = prepare(&config(TEXT), |_| None, &[]);
        assert_eq!(without.iter().map(|p| p.provider.enabled).collect::<Vec<_>>(), [false, true]);
        let with = prepare(&config(TEXT), |_| Some("k".into()), &without);
        assert_eq!(kept(&without, &with), [false, true]);
        assert!(with[0].provider.enabled);
        assert_eq!(kept(&with, &prepare(&config(TEXT), |_| None, &with)), [true, true]);
    }
}
