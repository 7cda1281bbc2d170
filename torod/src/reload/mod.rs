//! The configuration in force, and the one door by which another comes in: at once for new requests, never for those
//! under way, and only as a whole. A file with an error changes nothing.

mod changes;
mod file;
mod providers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

pub use self::changes::Changes;
use self::providers::Prepared;
use crate::clock::Clock;
use crate::config::edit::EditError;
use crate::config::{self, Config, ConfigError, ConfigFile};
use crate::lifecycle::Lifecycle;
use crate::memory::Memory;
use crate::upstreams::discovery;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Live;

/// Asks the environment.
pub type Env = fn(&str) -> Option<String>;

/// What a configuration acts upon.
pub struct Parts {
    /// What requests see.
    pub live: Arc<Live>,
    /// The answers that are kept.
    pub memory: Arc<Memory>,
    /// Whether each request gets a line in the log.
    pub log_requests: Arc<AtomicBool>,
    /// The time.
    pub clock: Clock,
    /// What ends when the daemon does.
    pub lifecycle: Lifecycle,
    /// The environment, for secrets.
    pub env: Env,
    /// Where we listen ourselves.
    pub own_addr: SocketAddr,
}

/// The configuration in force.
pub struct Reload {
    parts: Parts,
    file: Option<ConfigFile>,
    /// Held while something changes, so that changes come one after the other.
    state: tokio::sync::Mutex<State>,
    status: ArcSwap<Status>,
}

struct State {
    prepared: Vec<Prepared>,
    /// What the file held when it was last read.
    text: Option<String>,
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
        let prepared = providers::prepare(&config, parts.env, &[]);
        let config = Arc::new(config);
        parts.live.apply(&config, &providers::shared(&prepared));
        let loaded_ms = parts.clock.now_ms();
        let text = file.as_ref().and_then(|file| text_of(file, &config));
        Self {
            parts,
            file,
            state: tokio::sync::Mutex::new(State { prepared, text }),
            status: ArcSwap::from_pointee(Status { config, loaded_ms, error: None }),
        }
    }

    /// Begins to learn what the providers list, and to look for model servers of this machine.
    pub fn begin(&self) {
        self.parts.live.load().providers.iter().filter(|p| p.enabled).for_each(|provider| self.learn(provider));
        if self.status().config.auto_detect_local_servers {
            self.find_local();
        }
        if self.status().config.auto_enable_public_free_models {
            self.find_public();
        }
    }

    /// How the configuration stands.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Puts `config` in force.
    async fn apply(&self, state: &mut State, config: Config) -> Result<Changes, ReloadError> {
        let parts = &self.parts;
        let before = self.status().config.clone();
        let known = state.prepared.clone();
        let env = parts.env;
        // Secrets come from files and commands, which may take their time.
        let (config, prepared) = tokio::task::spawn_blocking(move || {
            let prepared = providers::prepare(&config, env, &known);
            (config, prepared)
        })
        .await
        .map_err(|_| ReloadError::Stopping)?;
        let changes = Changes::between(&before, &config, &state.prepared, &prepared);
        let config = Arc::new(config);
        parts.live.apply(&config, &providers::shared(&prepared));
        parts.memory.configure(config.responses.clone());
        parts.log_requests.store(config.log.requests, Ordering::Relaxed);
        let is_new = |now: &&Prepared| !state.prepared.iter().any(|then| Arc::ptr_eq(&then.provider, &now.provider));
        let fresh: Vec<_> = prepared.iter().filter(is_new).map(|p| Arc::clone(&p.provider)).collect();
        state.prepared = prepared;
        let status = Status { config: Arc::clone(&config), loaded_ms: parts.clock.now_ms(), error: None };
        self.status.store(Arc::new(status));
        fresh.iter().filter(|provider| provider.enabled).for_each(|provider| self.learn(provider));
        let is_other = before.presets != config.presets || !changes.providers.is_empty();
        if config.auto_detect_local_servers && (!before.auto_detect_local_servers || is_other) {
            self.find_local();
        }
        if config.auto_enable_public_free_models && (!before.auto_enable_public_free_models || is_other) {
            self.find_public();
        }
        changes.log();
        Ok(changes)
    }

    fn learn(&self, provider: &Arc<Provider>) {
        let Parts { live, clock, lifecycle, .. } = &self.parts;
        let follow = discovery::follow(Arc::clone(provider), Arc::clone(live), clock.clone(), lifecycle.clone());
        lifecycle.spawn_connection(follow);
    }

    fn find_public(&self) {
        let Parts { live, clock, lifecycle, .. } = &self.parts;
        lifecycle.spawn_connection(discovery::find_public(Arc::clone(live), clock.clone(), lifecycle.clone()));
    }

    fn find_local(&self) {
        let Parts { live, clock, lifecycle, own_addr, .. } = &self.parts;
        let find = discovery::find_local(*own_addr, Arc::clone(live), clock.clone(), lifecycle.clone());
        lifecycle.spawn_connection(find);
    }
}

/// What the file holds, if that still means `config`.
fn text_of(file: &ConfigFile, config: &Config) -> Option<String> {
    let (examined, text) = config::examine_text_of(&file.path).ok()?;
    let mut now = examined.config;
    file.overrides.apply(&mut now);
    (now == *config).then_some(text)
}
