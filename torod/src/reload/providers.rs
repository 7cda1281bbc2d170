//! Makes callable providers of those that the file describes; what has not changed stays the provider that it was,
//! with its connections, its health and all that was learnt of it.

use std::sync::Arc;

use super::Sources;
use crate::config::{self, Config, CredentialConfig, ProviderConfig, SecretError, SecretSource};
use crate::upstreams::held::{Held, Issued};
use crate::upstreams::key_source::KeySource;
use crate::upstreams::provider::{Key, Provider};
use crate::upstreams::renewal::Renewals;

/// A provider with what it was made of.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) config: ProviderConfig,
    /// By credential; none where it could not be fetched.
    keys: Vec<Option<Arc<Held>>>,
    pub(super) provider: Arc<Provider>,
}

impl Prepared {
    /// Has each of its keys renewed that can be, from now on.
    pub(super) fn renew(&self, renewals: &Renewals) {
        for (at, (credential, held)) in self.config.credentials.iter().zip(&self.keys).enumerate() {
            if let Some(held) = held.as_ref().filter(|held| held.is_renewed()) {
                renewals.follow(KeySource::new(&self.config.name, at, credential), held);
            }
        }
    }
}

/// Prepares every provider of the file. One whose key cannot be had is switched off, so that the others still serve; one
/// whose key is to stand in a file waits for it;
/// one that worked before with the same words goes on with the key that it has.
pub(super) fn prepare(config: &Config, sources: &Sources, now_ms: i64, before: &[Prepared]) -> Vec<Prepared> {
    config.providers.iter().filter_map(|described| one(described, sources, now_ms, before)).collect()
}

fn one(described: &ProviderConfig, sources: &Sources, now_ms: i64, before: &[Prepared]) -> Option<Prepared> {
    let same = before.iter().find(|known| known.config == *described);
    let mut keys = Vec::new();
    for (at, credential) in described.credentials.iter().enumerate().filter(|_| described.enabled) {
        if credential.is_renewed() {
            keys.push(Some(renewed(described, at, credential, sources, now_ms, before)));
            continue;
        }
        let then = same.and_then(|same| same.keys.get(at).cloned().flatten());
        keys.push(match config::resolve_secret(&credential.secret, &sources.env, &*sources.vault) {
            Ok(secret) => {
                let is_same = |held: &Arc<Held>| held.issued().is_some_and(|issued| issued.secret == secret);
                Some(then.filter(is_same).unwrap_or_else(|| Arc::new(Held::fixed(secret))))
            }
            // Taken away, or not meant for this place: what was held before is not sent any more either.
            Err(error @ (SecretError::NotStored(_) | SecretError::OtherPlace { .. })) => {
                tracing::error!(provider = %described.name, key = at + 1, "left out: {error}");
                None
            }
            Err(error) if then.is_some() => {
                tracing::warn!(provider = %described.name, key = at + 1, "the key stays the one from before: {error}");
                then
            }
            // A file may come later, or be readable again: it is looked at as a key is that changes by itself.
            Err(_) if matches!(credential.secret, SecretSource::File(_)) => {
                Some(renewed(described, at, credential, sources, now_ms, before))
            }
            Err(error) => {
                tracing::error!(provider = %described.name, key = at + 1, "left out: {error}");
                None
            }
        });
    }
    if let Some(same) = same.filter(|same| are_same(&same.keys, &keys)) {
        return Some(same.clone());
    }
    let mut effective = described.clone();
    let held = described.credentials.iter().zip(&keys).enumerate();
    let ready: Vec<Key> =
        held.filter_map(|(at, (credential, held))| key(described, at, credential, held.as_ref())).collect();
    if described.enabled && !keys.is_empty() && ready.is_empty() {
        tracing::error!(provider = %described.name, "switched off: none of its keys could be read");
        effective.enabled = false;
    }
    match Provider::new(&effective, &ready) {
        Ok(mut provider) => {
            provider.passage = (!effective.is_at_its_vendor()).then(|| Arc::clone(&sources.passage));
            if let Some(then) = before.iter().find(|known| known.provider.line == provider.line) {
                provider.inherit(&then.provider);
            }
            Some(Prepared { config: described.clone(), keys, provider: Arc::new(provider) })
        }
        Err(e) => {
            tracing::error!("left out: {e}");
            None
        }
    }
}

/// A key that changes by itself: the one that is held already, where it comes from the same source.
fn renewed(
    described: &ProviderConfig,
    at: usize,
    credential: &CredentialConfig,
    sources: &Sources,
    now_ms: i64,
    before: &[Prepared],
) -> Arc<Held> {
    let source = KeySource::new(&described.name, at, credential);
    let known = before.iter().find(|known| known.config.name == described.name).and_then(|known| {
        let mut held = known.config.credentials.iter().zip(&known.keys).enumerate();
        held.find_map(|(at, (credential, held))| {
            held.as_ref().filter(|_| KeySource::new(&known.config.name, at, credential) == source).map(Arc::clone)
        })
    });
    let held = known.unwrap_or_else(|| Arc::new(Held::awaited()));
    if matches!(credential.secret, SecretSource::Grant(_)) {
        // Asked in the background: a token server may be slow. What failed before may be put right.
        held.hurry();
        return held;
    }
    match config::resolve_key(&credential.secret, &sources.env, &*sources.vault, now_ms) {
        Ok(fetched) => {
            let (is_first, number) = (!held.is_there(), held.number());
            if held.issued().is_none_or(|issued| issued.secret != fetched.secret) {
                held.put(Issued { secret: fetched.secret, expires_ms: fetched.expires_ms });
            }
            if !is_first && held.number() != number {
                tracing::info!(provider = %described.name, key = at + 1, "the key was renewed");
            }
        }
        Err(error) if held.is_there() => {
            tracing::warn!(provider = %described.name, key = at + 1, "the key stays the one from before: {error}");
        }
        Err(error) => {
            tracing::error!(provider = %described.name, key = at + 1, "not there yet, and tried again: {error}");
        }
    }
    held
}

fn are_same(one: &[Option<Arc<Held>>], other: &[Option<Arc<Held>>]) -> bool {
    let same = |(one, other): (&Option<Arc<Held>>, &Option<Arc<Held>>)| match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn key(described: &ProviderConfig, at: usize, credential: &CredentialConfig, held: Option<&Arc<Held>>) -> Option<Key> {
    let source = KeySource::new(&described.name, at, credential);
    Some(source.key(credential.weight, Arc::clone(held?)))
}

pub(super) fn shared(prepared: &[Prepared]) -> Vec<Arc<Provider>> {
    prepared.iter().map(|prepared| Arc::clone(&prepared.provider)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::parse;
    use crate::upstreams::passage::Passage;

    fn config(text: &str) -> Config {
        parse(text, "t").unwrap()
    }

    fn from(env: super::super::Env) -> Sources {
        Sources { env, vault: Arc::new(config::NoVault), passage: Passage::new(0, Clock::fixed(0)) }
    }

    const TEXT: &str = "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"${KEY}\"\n\
                        [[providers]]\nname = \"b\"\nbase_url = \"http://h\"\n";

    fn kept(before: &[Prepared], after: &[Prepared]) -> Vec<bool> {
        let is_kept = |now: &Prepared| before.iter().any(|then| Arc::ptr_eq(&then.provider, &now.provider));
        after.iter().map(is_kept).collect()
    }

    #[test]
    fn only_what_changed_is_made_anew() {
        let before = prepare(&config(TEXT), &from(|_| Some("k1".into())), 0, &[]);
        assert_eq!(kept(&before, &prepare(&config(TEXT), &from(|_| Some("k1".into())), 0, &before)), [true, true]);
        assert_eq!(kept(&before, &prepare(&config(TEXT), &from(|_| Some("k2".into())), 0, &before)), [false, true]);
        let moved = TEXT.replacen("http://h", "http://other", 1);
        assert_eq!(kept(&before, &prepare(&config(&moved), &from(|_| Some("k1".into())), 0, &before)), [false, true]);
    }

    #[test]
    fn what_models_refuse_is_known_as_long_as_the_provider_is_the_same() {
        let before = prepare(&config(TEXT), &from(|_| Some("k1".into())), 0, &[]);
        let is_known = |after: &[Prepared]| Arc::ptr_eq(&after[0].provider.findings, &before[0].provider.findings);
        assert!(is_known(&prepare(&config(TEXT), &from(|_| Some("k2".into())), 0, &before)));
        let moved = TEXT.replacen("http://h", "http://other", 1);
        assert!(!is_known(&prepare(&config(&moved), &from(|_| Some("k1".into())), 0, &before)));
    }

    #[test]
    fn a_key_that_cannot_be_fetched_switches_off_what_is_new_and_leaves_what_works() {
        let without = prepare(&config(TEXT), &from(|_| None), 0, &[]);
        assert_eq!(without.iter().map(|p| p.provider.enabled).collect::<Vec<_>>(), [false, true]);
        let with = prepare(&config(TEXT), &from(|_| Some("k".into())), 0, &without);
        assert_eq!(kept(&without, &with), [false, true]);
        assert!(with[0].provider.enabled);
        assert_eq!(kept(&with, &prepare(&config(TEXT), &from(|_| None), 0, &with)), [true, true]);
        // One of two keys is gone, the other is new: the one from before is not lost.
        let two = TEXT.replace("api_key = \"${KEY}\"", "api_keys = [\"${KEY}\", \"${OTHER}\"]");
        let both = prepare(&config(&two), &from(|_| Some("k".into())), 0, &[]);
        let half = prepare(&config(&two), &from(|name| (name == "OTHER").then(|| "new".to_owned())), 0, &both);
        let shown: Vec<_> =
            half[0].keys.iter().flatten().map(|held| held.issued().unwrap().secret.expose().to_owned()).collect();
        assert_eq!((shown, kept(&both, &half)), (vec!["k".to_owned(), "new".to_owned()], vec![false, true]));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let text = format!(
            "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = {{ file = \"{}\" }}\n",
            file.display()
        );
        let first = prepare(&config(&text), &from(|_| None), 0, &[]);
        assert_eq!((first[0].provider.enabled, first[0].provider.has_key(0)), (true, false));
        assert!(first[0].keys[0].as_ref().unwrap().is_renewed(), "it is fetched as soon as it is there");
        std::fs::write(&file, "k1").unwrap();
        let second = prepare(&config(&text), &from(|_| None), 0, &first);
        assert_eq!((second[0].provider.enabled, second[0].provider.has_key(0)), (true, true));
    }

    #[test]
    fn a_key_that_renews_itself_is_held_on_to_and_switches_nobody_off() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let grant = "oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"${S}\" }";
        let text = format!(
            "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_keys = [{{ command = \"cat '{}'\" }}, {{ {grant} }}]\n",
            file.path().display()
        );
        let first = prepare(&config(&text), &from(|_| None), 0, &[]);
        assert!(first[0].provider.enabled, "it is fetched as soon as it is there");
        let has_keys = |prepared: &[Prepared]| [0, 1].map(|at| prepared[0].provider.has_key(at));
        assert_eq!(has_keys(&first), [false, false]);
        std::fs::write(file.path(), "{\"token\":\"k1\"}").unwrap();
        let second = prepare(&config(&text), &from(|_| None), 0, &first);
        assert_eq!((kept(&first, &second), has_keys(&second)), (vec![true], [true, false]));
        let key = |prepared: &[Prepared]| {
            let held = prepared[0].keys[0].as_ref().unwrap();
            (held.issued().unwrap().secret.expose().to_owned(), held.number())
        };
        let digest = |prepared: &[Prepared]| prepared[0].provider.credentials()[0].digest.clone();
        std::fs::write(file.path(), "k2").unwrap();
        // Another URL: another provider with the same key, and nothing of it depends on the key itself.
        let moved = prepare(&config(&text.replace("//h\"", "//g\"")), &from(|_| None), 0, &second);
        assert_eq!(
            (kept(&second, &moved), key(&moved), digest(&moved)),
            (vec![false], ("k2".into(), 2), digest(&first))
        );
        // It fails for a while: the key stays. Another command: another key.
        std::fs::write(file.path(), "").unwrap();
        assert_eq!(key(&prepare(&config(&text), &from(|_| None), 0, &moved)), ("k2".into(), 2));
        let other = prepare(&config(&text.replace("cat ", "echo k3; cat ")), &from(|_| None), 0, &moved);
        assert_eq!((key(&other), digest(&other) == digest(&first)), (("k3".into(), 1), false));
    }
}
