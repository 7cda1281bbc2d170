//! Learns which models the providers list: each in the background by itself, again and again, and sooner when a name was
//! missing. What was learnt is kept on disk, so that a start waits for nobody.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokenrouter::pick::mix;
use tokenrouter_shared::hex;

use super::fetch::{self, Fetched};
use super::provider::{Origin, Provider};
use super::snapshot::Live;
use crate::clock::Clock;
use crate::config::ProviderConfig;
use crate::lifecycle::Lifecycle;
use crate::store::Lists;
use crate::store::lists::Seen;

/// Until the next look, when it worked: at providers far away, and at servers of this machine, where it costs nothing.
const REFRESH: (Duration, Duration) = (Duration::from_mins(15), Duration::from_secs(30));
/// Until the next look, when it did not; doubled each time, up to a minute.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// Until those that serve without a key and did not answer are asked again; doubled each time.
const PUBLIC: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(15));
/// From so many models on, a list is put into the table of names on a thread of its own.
const MANY: usize = 1_000;

/// Learns what there is.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// What requests see.
    pub live: Arc<Live>,
    /// What was learnt before.
    pub lists: Arc<Lists>,
    /// The time.
    pub clock: Clock,
    /// What ends when the daemon does.
    pub lifecycle: Lifecycle,
}

impl Discovery {
    /// Gives `providers` the lists that they had when they were last seen. Blocks: it reads files.
    pub fn recall(&self, providers: &[Arc<Provider>]) {
        recall(&self.lists, providers);
    }

    /// Begins to keep `provider`'s list current, until it serves no longer or the daemon stops.
    pub fn follow(&self, provider: Arc<Provider>) {
        if !provider.has_list() {
            return;
        }
        let me = self.clone();
        self.lifecycle.spawn_connection(async move {
            tokio::select! {
                () = me.keep_current(&provider) => {}
                () = me.live.left(&provider) => {}
                () = me.lifecycle.soft_stop() => {}
            }
        });
    }

    async fn keep_current(&self, provider: &Arc<Provider>) {
        let mut retry = RETRY.0;
        loop {
            provider.listed.looks.begin(self.clock.uptime_ms());
            let (wait, is_news) = match fetch::list(provider, &self.clock).await {
                Ok(fetched) => {
                    provider.health.answered(self.clock.now_ms());
                    retry = RETRY.0;
                    let is_news = self.learnt(provider, fetched).await;
                    let usual = if provider.origin == Origin::Local { REFRESH.1 } else { REFRESH.0 };
                    (spread(usual, &provider.line, self.clock.now_ms()), is_news)
                }
                Err(why) => {
                    tracing::debug!(provider = &*provider.name, why, "no model list");
                    let wait = retry;
                    retry = (retry * 2).min(RETRY.1);
                    (wait, false)
                }
            };
            provider.listed.looks.end();
            // Only now: who waits for the look waits for no disk.
            if is_news && provider.origin == Origin::Described {
                self.keep(provider).await;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = provider.listed.looks.wanted() => {}
            }
        }
    }

    /// Makes what came visible to requests. Says whether it is anything new.
    async fn learnt(&self, provider: &Provider, fetched: Fetched) -> bool {
        let Fetched::List { models, etag } = fetched else { return false };
        let count = models.len();
        tracing::debug!(provider = &*provider.name, models = count, "model list read");
        if !provider.listed.store(models, etag) {
            return false;
        }
        if count < MANY {
            self.live.publish_lists();
        } else {
            let live = Arc::clone(&self.live);
            drop(tokio::task::spawn_blocking(move || live.publish_lists()).await);
        }
        true
    }

    /// Puts a provider's list where a later start finds it.
    async fn keep(&self, provider: &Arc<Provider>) {
        let (me, provider) = (self.clone(), Arc::clone(provider));
        let kept = tokio::task::spawn_blocking(move || {
            let models = provider.listed.load().as_ref().map(|models| models.to_vec()).unwrap_or_default();
            let etag = provider.listed.etag().and_then(|etag| etag.to_str().ok().map(str::to_owned));
            let seen = Seen::new(me.clock.now_ms(), etag, models);
            if let Err(e) = me.lists.write(&identity(&provider), &seen) {
                tracing::warn!("the model list of \"{}\" is not kept: {e}", provider.name);
            }
        });
        drop(kept.await);
    }

    /// Looks for those that serve without a key, as long as that is wanted; who does not answer is asked again later.
    pub async fn watch_public(self) {
        let again = async {
            let mut wait = PUBLIC.0;
            loop {
                if self.live.load().config.auto_enable_public_free_models {
                    self.look_for_public().await;
                }
                tokio::select! {
                    () = tokio::time::sleep(wait) => wait = (wait * 2).min(PUBLIC.1),
                    () = self.live.public.notified() => wait = PUBLIC.0,
                }
            }
        };
        tokio::select! {
            () = again => {}
            () = self.lifecycle.soft_stop() => {}
        }
    }

    /// Asks each for its models and adds who answers, unless the file describes it.
    async fn look_for_public(&self) {
        let config = Arc::clone(&self.live.load().config);
        let looks = config.presets.all().filter(|preset| preset.public).map(|preset| async {
            let provider = match Provider::new(&ProviderConfig::public(preset, &config.egress)?, &[]) {
                Ok(provider) => Arc::new(provider.found(Origin::Public)),
                Err(e) => {
                    tracing::warn!("{e}");
                    return None;
                }
            };
            if self.live.load().providers.iter().any(|known| known.shares_a_url(&provider)) {
                return None;
            }
            match fetch::list(&provider, &self.clock).await {
                Ok(Fetched::List { models, etag }) => {
                    provider.listed.store(models, etag);
                    Some(provider)
                }
                Ok(Fetched::Same) => None,
                Err(why) => {
                    tracing::debug!(provider = &*provider.name, why, "serves nothing without a key");
                    None
                }
            }
        });
        for provider in join_all(looks).await.into_iter().flatten() {
            if self.live.add(&provider) {
                tracing::info!(provider = &*provider.name, "serves without a key: used from now on");
                self.follow(provider);
            }
        }
    }
}

/// Gives `providers` what `lists` has of them. Blocks: it reads files.
pub fn recall(lists: &Lists, providers: &[Arc<Provider>]) {
    for provider in providers.iter().filter(|p| p.enabled && p.has_list() && p.listed.load().is_none()) {
        let Some(seen) = lists.read(&identity(provider)) else { continue };
        tracing::debug!(provider = &*provider.name, models = seen.models.len(), "model list from before");
        provider.listed.store(seen.models, seen.etag.and_then(|etag| HeaderValue::try_from(etag).ok()));
    }
}

/// What a provider's list is kept under: where it is asked for and with which keys, so that no account is shown what
/// another one may use. No way leads back to a key.
fn identity(provider: &Provider) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        // With its length: no two lists of parts are the same bytes.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    };
    add(provider.line.as_bytes());
    for credential in 0..provider.credentials().len().max(1) {
        let Some(route) = provider.list_route_with(credential) else { continue };
        add(route.uri.to_string().as_bytes());
        for (name, value) in route.extra {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
        // Where a key comes from and not the key itself, which may be renewed.
        add(provider.credentials().get(credential).map_or("", |key| &key.digest).as_bytes());
    }
    hex::of(hash.finalize().iter().take(16))
}

/// `usual` give or take a tenth, so that many providers and many gateways do not ask all at once.
fn spread(usual: Duration, line: &str, now_ms: i64) -> Duration {
    let seed = line.bytes().fold(now_ms.cast_unsigned(), |seed, byte| mix(seed ^ u64::from(byte)));
    let thousandth = u32::try_from(mix(seed) % 201).unwrap_or(100);
    usual * (900 + thousandth) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::upstreams::provider::Key;

    fn one(text: &str, key: &str) -> String {
        let config = parse(text, "t").unwrap();
        let key = Key::fixed("1", 1, key.into());
        identity(&Provider::new(&config.providers[0], &[key]).unwrap())
    }

    #[test]
    fn another_account_or_place_has_another_list() {
        let text = "[[providers]]\nname = \"a\"\nbase_url = \"http://h/v1\"\n";
        let usual = one(text, "k1");
        assert_eq!((usual.len(), &one(text, "k1")), (32, &usual));
        assert!(!usual.contains("k1"));
        for (text, key) in [
            (text.to_owned(), "k2"),
            (text.replace("//h", "//g"), "k1"),
            (text.replace("//h", "//h/sub"), "k1"),
            (text.replace("\"a\"", "\"b\""), "k1"),
            (format!("{text}headers = {{ x-project = \"p\" }}\n"), "k1"),
        ] {
            assert_ne!(one(&text, key), usual, "{text} {key}");
        }
    }

    #[test]
    fn looks_are_spread_around_the_usual_time() {
        let usual = Duration::from_secs(1_000);
        let looks: Vec<_> = (0..100).map(|n| spread(usual, "a", n)).collect();
        assert!(looks.iter().all(|wait| (900..=1_100).contains(&wait.as_secs())), "{looks:?}");
        assert!(looks.iter().any(|wait| wait.as_secs() < 950) && looks.iter().any(|wait| wait.as_secs() > 1_050));
        assert_ne!(spread(usual, "a", 1), spread(usual, "b", 1));
    }
}
