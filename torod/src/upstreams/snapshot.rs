//! What requests see of the configuration and of the providers: one consistent world, swapped as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokenrouter::catalog::{Catalogue, Tariff};
use tokenrouter::chat::Target;
use tokenrouter::dialect::Dialect;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::session::Sessions;
use tokenrouter::pick::table::Table;
use tokenrouter::price::Price;
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::Lossy;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::auto::state::State;
use super::catalogue;
use super::endpoints::{Known, Rules};
use super::looks::{Look, Looks};
use super::passage::Passage;
use super::provider::{Origin, Provider};
use super::told::Told;
use crate::clock::Clock;
use crate::config::{Alias, Config, Limits};

/// So soon after a look for model servers of this machine, which costs little, nobody has it looked again.
const LOCAL_AGAIN_MS: u64 = 2_000;

/// One consistent world.
#[derive(Debug)]
pub struct Snapshot {
    /// Every provider, in the order of the file.
    pub providers: Vec<Arc<Provider>>,
    /// Every name that clients may use, with the endpoints it stands for.
    pub table: Table,
    /// What is known of models and prices.
    pub catalogue: Catalogue,
    /// What is reckoned where no price is known.
    pub unknown_price: Price,
    /// How endpoints are tried.
    pub rules: Rules,
    /// Where conversations are at home.
    pub sessions: Arc<Sessions>,
    /// Whether programs on this machine need no key.
    pub allow_loopback: bool,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// What becomes of requests that lose something on the way to another protocol.
    pub lossy: Lossy,
    /// The most of everything at once.
    pub limits: Limits,
    /// What every alias means in the active profile.
    pub aliases: Vec<Alias>,
    /// The configuration that all this was made of.
    pub config: Arc<Config>,
    /// What clients are told of all that.
    pub told: Told,
    /// What is remembered of choices for virtual models.
    pub auto: Arc<State>,
    /// Those of `providers` that were found and not described.
    found: Vec<Arc<Provider>>,
}

impl Snapshot {
    fn new(known: &Known, config: &Arc<Config>, described: Vec<Arc<Provider>>, found: Vec<Arc<Provider>>) -> Self {
        let mut providers = described;
        providers.extend(found.iter().cloned());
        let aliases = config.aliases();
        let catalogue = catalogue::layered(&known.base(), &providers);
        Self {
            table: known.table(config, &providers, &catalogue),
            catalogue,
            unknown_price: catalogue::price(&config.prices.unknown).unwrap_or_else(Price::free),
            rules: Rules::new(&config.routing),
            sessions: known.sessions(&config.routing),
            providers,
            allow_loopback: config.allow_localhost_no_auth,
            max_body_bytes: usize::try_from(config.limits.request_body_bytes).unwrap_or(usize::MAX),
            lossy: config.lossy,
            limits: config.limits.clone(),
            aliases,
            config: Arc::clone(config),
            told: Told::default(),
            auto: known.auto(),
            found,
        }
    }

    /// The price of `model` at an endpoint of `provider`; of one that nobody listed too, where it is known all the same.
    pub fn tariff(&self, endpoint: &Endpoint, provider: &Provider, model: &str) -> Option<Arc<Tariff>> {
        if endpoint.tariff.is_some() || !endpoint.model.is_empty() {
            return endpoint.tariff.clone();
        }
        catalogue::find(&self.catalogue, provider, model).price.map(|priced| Arc::new(priced.tariff()))
    }

    /// `model` of `provider` as a translation sees it, with what the catalogue knows of it in all its layers.
    pub fn target(&self, provider: &Provider, protocol: Protocol, model: &str) -> Target {
        let named = Dialect::by_name(provider.preset.as_deref(), protocol, model);
        let known = catalogue::find(&self.catalogue, provider, model);
        Target::speaking(named.informed(protocol, &known), protocol, model)
    }

    fn is_found(&self, provider: &Arc<Provider>) -> bool {
        self.found.iter().any(|found| Arc::ptr_eq(found, provider))
    }

    fn described(&self) -> Vec<Arc<Provider>> {
        self.providers.iter().filter(|provider| !self.is_found(provider)).cloned().collect()
    }
}

/// Whether a provider that nobody described is still to be used.
fn is_wanted(config: &Config, found: &Provider) -> bool {
    // Under another policy it is looked for anew: its connections were made under the one before.
    let is_allowed = found.egress == config.egress;
    match found.origin {
        Origin::Described => true,
        Origin::Local => is_allowed && config.auto_detect_local_servers,
        Origin::Public => is_allowed && config.auto_enable_public_free_models,
    }
}

/// The current [`Snapshot`].
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
    known: Known,
    swapped: Notify,
    /// Looks for model servers of this machine.
    pub local: Looks,
    /// Somebody wants it looked for providers that serve without a key.
    pub public: Notify,
    /// Marks what goes out.
    pub passage: Arc<Passage>,
}

impl Live {
    /// Begins with what `config` says; nothing is known of the providers' models yet but what it declares.
    /// `seed` is a random number.
    pub fn new(config: &Config, providers: Vec<Arc<Provider>>, seed: u64, clock: Clock) -> Self {
        let passage = Passage::new(seed, clock.clone());
        let known = Known::new(seed, clock);
        let snapshot = Snapshot::new(&known, &Arc::new(config.clone()), providers, Vec::new());
        Self {
            current: ArcSwap::from_pointee(snapshot),
            known,
            swapped: Notify::new(),
            local: Looks::new(LOCAL_AGAIN_MS),
            public: Notify::new(),
            passage,
        }
    }

    /// Puts another configuration with its providers in force, at once and as a whole. Providers that were found
    /// stay, unless they are not wanted any more or the file describes them now.
    pub fn apply(&self, config: &Arc<Config>, providers: &[Arc<Provider>]) {
        self.current.rcu(|now| {
            let stays = |found: &&Arc<Provider>| {
                is_wanted(config, found) && !providers.iter().any(|p| p.name == found.name || p.shares_a_url(found))
            };
            let found = now.found.iter().filter(stays).cloned().collect();
            Arc::new(Snapshot::new(&self.known, config, providers.to_vec(), found))
        });
        self.swapped.notify_waiters();
    }

    /// Resolves when `provider` serves no longer.
    pub async fn left(&self, provider: &Arc<Provider>) {
        loop {
            // Made before the look: from here on no swap is missed.
            let swapped = self.swapped.notified();
            if !self.load().providers.iter().any(|p| Arc::ptr_eq(p, provider)) {
                return;
            }
            swapped.await;
        }
    }

    /// The world as it is now; a request takes it once.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Resolves when another world than that of this moment is in force.
    pub fn swapped(&self) -> Notified<'_> {
        self.swapped.notified()
    }

    /// Makes newly learned model lists visible to requests.
    pub fn publish_lists(&self) {
        self.current.rcu(|now| Arc::new(Snapshot::new(&self.known, &now.config, now.described(), now.found.clone())));
        self.swapped.notify_waiters();
    }

    /// Puts another catalogue beneath what providers list and the file declares.
    pub fn set_catalogue(&self, base: Catalogue) {
        self.known.set_base(base);
        self.publish_lists();
    }

    /// What is known of models without the providers' lists and the file.
    pub fn base_catalogue(&self) -> Arc<Catalogue> {
        self.known.base()
    }

    /// Has it looked for model servers of this machine, where that is wanted at all.
    pub fn want_local(&self, now_ms: u64) -> Option<Look> {
        self.load().config.auto_detect_local_servers.then(|| self.local.want(now_ms)).flatten()
    }

    /// Takes a provider away that was found. Calls under way to it go on.
    pub fn remove(&self, provider: &Arc<Provider>) {
        self.current.rcu(|now| {
            let found = now.found.iter().filter(|found| !Arc::ptr_eq(found, provider)).cloned().collect();
            Arc::new(Snapshot::new(&self.known, &now.config, now.described(), found))
        });
        self.swapped.notify_waiters();
    }

    /// Adds a provider that was found, unless one of its name is there or none is wanted. Says whether it did.
    pub fn add(&self, provider: &Arc<Provider>) -> bool {
        let mut is_added = false;
        self.current.rcu(|now| {
            is_added = is_wanted(&now.config, provider) && !now.providers.iter().any(|p| p.name == provider.name);
            let found = now.found.iter().chain(is_added.then_some(provider)).cloned().collect();
            Arc::new(Snapshot::new(&self.known, &now.config, now.described(), found))
        });
        self.swapped.notify_waiters();
        is_added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Egress, ProviderConfig, parse};
    use tokenrouter::catalog::Presets;

    fn config(text: &str) -> Arc<Config> {
        Arc::new(parse(text, "t").unwrap())
    }

    fn described(config: &Config) -> Vec<Arc<Provider>> {
        config.providers.iter().map(|p| Arc::new(Provider::new(p, &[]).unwrap())).collect()
    }

    fn local(url: &str) -> Arc<Provider> {
        let config =
            ProviderConfig::local(&Presets::default().find("ollama").unwrap(), url, &Egress::default()).unwrap();
        Arc::new(Provider::new(&config, &[]).unwrap().found(Origin::Local))
    }

    fn names(live: &Live) -> Vec<String> {
        live.load().providers.iter().map(|p| p.name.to_string()).collect()
    }

    const ONE: &str = "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n";

    #[test]
    fn what_was_found_stays_until_the_file_says_otherwise() {
        let first = config(ONE);
        let live = Live::new(&first, described(&first), 7, Clock::fixed(0));
        let found = local("http://127.0.0.1:11434");
        assert!(live.add(&found) && !live.add(&found));
        live.publish_lists();
        live.apply(&first, &described(&first));
        assert_eq!(names(&live), ["a", "ollama"]);
        assert!(Arc::ptr_eq(&live.load().providers[1], &found));
        // The file describes a server at the same URL now.
        let other = config("[[providers]]\nname = \"mine\"\nbase_url = \"http://127.0.0.1:11434/v1\"\n");
        live.apply(&other, &described(&other));
        assert_eq!(names(&live), ["mine"]);
        live.apply(&first, &described(&first));
        assert!(live.add(&found));
        let without = config(&format!("auto_detect_local_servers = false\n{ONE}"));
        live.apply(&without, &described(&without));
        assert_eq!(names(&live), ["a"]);
        assert!(!live.add(&found), "nobody wants it");
    }

    #[tokio::test]
    async fn who_follows_a_provider_learns_that_it_left() {
        let first = config(ONE);
        let providers = described(&first);
        let live = Arc::new(Live::new(&first, providers.clone(), 7, Clock::fixed(0)));
        let (waiting, provider) = (Arc::clone(&live), Arc::clone(&providers[0]));
        let left = tokio::runtime::Handle::current().spawn(async move { waiting.left(&provider).await });
        live.apply(&first, &providers);
        live.publish_lists();
        tokio::task::yield_now().await;
        assert!(!left.is_finished(), "it serves still");
        live.apply(&first, &described(&first));
        tokio::time::timeout(std::time::Duration::from_secs(20), left).await.unwrap().unwrap();
    }
}
