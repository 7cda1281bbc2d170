//! The configuration in force, and the one door by which another comes in: at once for new requests, never for those
//! under way, and only as a whole. A file with an error changes nothing.

mod changes;
mod file;
mod providers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};

pub use self::changes::Changes;
use self::providers::Prepared;
use crate::config::edit::EditError;
use crate::config::{self, Config, ConfigError, ConfigFile, Vault};
use crate::conversations::Conversations;
use crate::memory::Memory;
use crate::store::DataSet;
use crate::store::data_set::Stamp;
use crate::tls::Keeper;
use crate::upstreams::catalogue;
use crate::upstreams::discovery::Discovery;
use crate::upstreams::key_source::World;
use crate::upstreams::local::Locals;
use crate::upstreams::passage::Passage;
use crate::upstreams::renewal::Renewals;

/// Asks the environment.
pub type Env = fn(&str) -> Option<String>;

/// Where secrets are fetched that the file only names.
struct Sources {
    env: Env,
    vault: Arc<dyn Vault>,
    /// Marks what goes to the providers.
    passage: Arc<Passage>,
}

impl Sources {
    fn of(parts: &Parts) -> Self {
        let World { env, vault, .. } = &parts.renewals.world;
        Self { env: *env, vault: Arc::clone(vault), passage: Arc::clone(&parts.discovery.live.passage) }
    }
}

/// What a configuration acts upon.
pub struct Parts {
    /// Learns what the providers list, and has what requests see.
    pub discovery: Discovery,
    /// The answers that are kept.
    pub memory: Arc<Memory>,
    /// The conversations that are kept.
    pub conversations: Arc<Conversations>,
    /// Whether each request gets a line in the log.
    pub log_requests: Arc<AtomicBool>,
    /// Newer prices than those that came with the program.
    pub data_set: DataSet,
    /// Keeps keys good that change by themselves.
    pub renewals: Renewals,
    /// Where we listen ourselves.
    pub own_addr: SocketAddr,
    /// Keeps the certificate, where TLS is on; another may take its place.
    pub tls: Arc<ArcSwapOption<Keeper>>,
}

/// The configuration in force.
pub struct Reload {
    parts: Parts,
    file: Option<ConfigFile>,
    /// Held while something changes, so that changes come one after the other.
    state: tokio::sync::Mutex<State>,
    status: ArcSwap<Status>,
    /// The one by which the gateway listens.
    listens_by: ArcSwap<Config>,
}

struct State {
    prepared: Vec<Prepared>,
    /// What the file held when it was last read.
    text: Option<String>,
    /// Which newer prices are in force.
    data_set: Option<Stamp>,
}

/// How the configuration stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// What is in force.
    pub config: Arc<Config>,
    /// When it came into force, in Unix milliseconds.
    pub loaded_ms: i64,
    /// Why the file as it is now is not in force.
    pub error: Option<String>,
    /// How often another configuration came into force since the start.
    pub reloads: u64,
    /// How often one was refused.
    pub refused: u64,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The daemon runs without a file.
    #[error("this daemon runs without a configuration file")]
    NoFile,
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The file was not changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// No alias has a target of that profile.
    #[error("no alias has the profile `{0}`")]
    NoProfile(String),
    /// The daemon ends.
    #[error("the daemon is stopping")]
    Stopping,
}

impl Reload {
    /// Prepares the providers of `config`, and makes them what `live` shows. Blocks: secrets are fetched.
    pub fn new(parts: Parts, config: Config, file: Option<ConfigFile>) -> Self {
        let World { clock, .. } = &parts.renewals.world;
        let prepared = providers::prepare(&config, &Sources::of(&parts), clock.now_ms(), &[]);
        let config = Arc::new(config);
        let shared = providers::shared(&prepared);
        parts.discovery.lists.sweep();
        parts.discovery.recall(&shared);
        let data_set = parts.data_set.stamp();
        if data_set.is_some() {
            parts.discovery.live.set_catalogue(catalogue::updated_or_embedded(&parts.data_set));
        }
        parts.discovery.live.apply(&config, &shared);
        let loaded_ms = parts.discovery.clock.now_ms();
        let text = file.as_ref().and_then(|file| text_of(file, &config));
        Self {
            parts,
            file,
            listens_by: ArcSwap::new(Arc::clone(&config)),
            state: tokio::sync::Mutex::new(State { prepared, text, data_set }),
            status: ArcSwap::from_pointee(Status { config, loaded_ms, error: None, reloads: 0, refused: 0 }),
        }
    }

    /// Begins to learn what the providers list, and to look for model servers of this machine.
    pub async fn begin(&self) {
        let Parts { discovery, own_addr, renewals, .. } = &self.parts;
        self.state.lock().await.prepared.iter().for_each(|prepared| prepared.renew(renewals));
        discovery.live.load().providers.iter().filter(|p| p.enabled).for_each(|p| discovery.follow(Arc::clone(p)));
        discovery.lifecycle.spawn("local servers", Locals::new(discovery.clone(), *own_addr, renewals.world.env).run());
        discovery.lifecycle.spawn("public providers", discovery.clone().watch_public());
    }

    /// How the configuration stands.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Keeps the certificate, where TLS is on.
    pub fn tls(&self) -> Option<Arc<Keeper>> {
        self.parts.tls.load_full()
    }

    /// The gateway listens as `config` says from now on; how it did before.
    pub fn listens_by(&self, config: Arc<Config>) -> Arc<Config> {
        self.listens_by.swap(config)
    }

    /// Puts `config` in force.
    async fn apply(&self, state: &mut State, config: Config) -> Result<Changes, ReloadError> {
        let parts = &self.parts;
        let before = self.status().config.clone();
        let known = state.prepared.clone();
        let (sources, now_ms) = (Sources::of(parts), parts.discovery.clock.now_ms());
        let discovery = parts.discovery.clone();
        // Secrets come from files and commands, which may take their time.
        let (config, prepared) = tokio::task::spawn_blocking(move || {
            let prepared = providers::prepare(&config, &sources, now_ms, &known);
            discovery.recall(&providers::shared(&prepared));
            (config, prepared)
        })
        .await
        .map_err(|_| ReloadError::Stopping)?;
        self.renew_catalogue(state).await?;
        let mut changes = Changes::between(&before, &config, &state.prepared, &prepared);
        changes.listen_already(&self.listens_by.load(), &config);
        let config = Arc::new(config);
        parts.discovery.live.apply(&config, &providers::shared(&prepared));
        if let Some(tls) = self.tls() {
            tls.look();
        }
        parts.memory.configure(config.responses.clone());
        parts.conversations.configure(config.conversations.clone());
        parts.log_requests.store(config.log.requests, Ordering::Relaxed);
        let is_new = |now: &&Prepared| !state.prepared.iter().any(|then| Arc::ptr_eq(&then.provider, &now.provider));
        let fresh: Vec<_> = prepared.iter().filter(is_new).map(|p| Arc::clone(&p.provider)).collect();
        state.prepared = prepared;
        state.prepared.iter().for_each(|prepared| prepared.renew(&parts.renewals));
        let loaded_ms = parts.discovery.clock.now_ms();
        self.status.rcu(|now| Status {
            config: Arc::clone(&config),
            loaded_ms,
            error: None,
            reloads: now.reloads + 1,
            refused: now.refused,
        });
        fresh.into_iter().filter(|provider| provider.enabled).for_each(|provider| parts.discovery.follow(provider));
        let is_other =
            before.presets != config.presets || before.egress != config.egress || !changes.providers.is_empty();
        if is_other || config.auto_detect_local_servers != before.auto_detect_local_servers {
            parts.discovery.live.local.hurry();
        }
        if is_other || config.auto_enable_public_free_models != before.auto_enable_public_free_models {
            parts.discovery.live.public.notify_one();
        }
        changes.log();
        Ok(changes)
    }

    /// Takes newer prices that were put into the data folder.
    async fn renew_catalogue(&self, state: &mut State) -> Result<(), ReloadError> {
        let stamp = self.parts.data_set.stamp();
        if stamp == state.data_set {
            return Ok(());
        }
        let file = self.parts.data_set.clone();
        let reading = tokio::task::spawn_blocking(move || catalogue::updated_or_embedded(&file));
        self.parts.discovery.live.set_catalogue(reading.await.map_err(|_| ReloadError::Stopping)?);
        state.data_set = stamp;
        Ok(())
    }
}

/// What the file holds, if that still means `config`.
fn text_of(file: &ConfigFile, config: &Config) -> Option<String> {
    let (examined, text) = config::examine_text_of(&file.path, &file.overrides.environment).ok()?;
    let mut now = examined.config;
    file.overrides.apply(&mut now);
    (now == *config).then_some(text)
}
