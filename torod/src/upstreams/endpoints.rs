//! From providers and aliases to the table of names that requests are routed by.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokenrouter::catalog::Catalogue;
use tokenrouter::pick::breaker::Trip;
use tokenrouter::pick::course;
use tokenrouter::pick::endpoint::{Endpoint, Trips};
use tokenrouter::pick::name;
use tokenrouter::pick::registry::{Identity, Registry};
use tokenrouter::pick::session::Sessions;
use tokenrouter::pick::table::{self, Parts, Table};
use tokenrouter_shared::Lossy;

use super::auto::state::State;
use super::catalogue;
use super::provider::Provider;
use crate::clock::Clock;
use crate::config::{Config, Routing};

/// How requests are routed, beside the names.
#[derive(Debug)]
pub struct Rules {
    /// How much is tried for one request.
    pub course: course::Rules,
    /// Whether unreachable providers are asked for a sign of life, and how often.
    pub probe: Option<Duration>,
}

impl Rules {
    /// The rules that the file sets.
    pub fn new(routing: &Routing) -> Self {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let trip = |failures: u32, recovery: Duration| Trip { failures, recovery_ms: ms(recovery) };
        let breaker = &routing.breaker;
        let course = course::Rules {
            trips: Trips {
                endpoint: trip(breaker.failures, breaker.recovery),
                connection: trip(breaker.connection_failures, breaker.connection_recovery),
                credential: trip(1, breaker.credential_recovery),
            },
            attempts: usize::try_from(routing.attempts).unwrap_or(usize::MAX),
            max_wait_ms: ms(routing.max_wait),
            retry_percent: routing.retry_percent,
        };
        Self { course, probe: routing.probe.then_some(routing.probe_interval) }
    }
}

/// What is known of endpoints and conversations, which outlives every table.
#[derive(Debug)]
pub struct Known {
    registry: Mutex<Registry>,
    sessions: Mutex<(u64, Arc<Sessions>)>,
    /// What is known of models without asking anybody.
    base: ArcSwap<Catalogue>,
    /// What is remembered of choices for virtual models.
    auto: Arc<State>,
    clock: Clock,
    seed: u64,
}

impl Known {
    /// Nothing yet. `seed` is random: nobody outside shall know which names share what is known of them.
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            registry: Mutex::default(),
            sessions: Mutex::new((0, Arc::new(Sessions::new(0)))),
            base: ArcSwap::from_pointee(Catalogue::embedded().clone()),
            auto: Arc::default(),
            clock,
            seed,
        }
    }

    /// What is known of models without asking anybody.
    pub fn base(&self) -> Arc<Catalogue> {
        self.base.load_full()
    }

    /// What is remembered of choices for virtual models.
    pub fn auto(&self) -> Arc<State> {
        Arc::clone(&self.auto)
    }

    /// Puts another in its place, for the tables that are made from now on.
    pub fn set_base(&self, base: Catalogue) {
        self.base.store(Arc::new(base));
    }

    /// The homes of conversations; forgotten where the time for which they are kept has changed.
    pub fn sessions(&self, routing: &Routing) -> Arc<Sessions> {
        let life_ms = u64::try_from(routing.session_ttl.as_millis()).unwrap_or(u64::MAX);
        let mut held = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != life_ms {
            *held = (life_ms, Arc::new(Sessions::new(life_ms)));
        }
        Arc::clone(&held.1)
    }

    /// The table of all names. What an earlier table knew of the same endpoints is in it.
    pub fn table(&self, config: &Config, providers: &[Arc<Provider>], catalogue: &Catalogue) -> Table {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |name: &str| providers.iter().position(|p| *p.name == *name);
        let aliases = config.aliases().into_iter().map(|alias| table::Alias {
            name: alias.name,
            order: alias.order.map(Into::into),
            targets: alias
                .targets
                .into_iter()
                .filter_map(|t| Some(table::Target { provider: place(&t.provider)?, model: t.model, weight: t.weight }))
                .collect(),
        });
        let parts = Parts {
            providers: providers.iter().map(|p| member(p)).collect(),
            aliases: aliases.collect(),
            default: config.default_provider.as_deref(),
            order: config.routing.order.as_slice().into(),
            seed: self.seed,
        };
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let table = Table::new(parts, |at, credential, model| match providers.get(at) {
            Some(provider) => {
                let endpoint = endpoint(&mut registry, provider, at, credential, model);
                // Of what nobody listed only groups are known here.
                let priced = Some(model).filter(|model| !model.starts_with('\n'));
                let priced = priced.and_then(|model| catalogue::find(catalogue, provider, model).price);
                let tariff = priced.map(|priced| Arc::new(priced.tariff()));
                Endpoint { price_nanos: tariff.as_ref().and_then(|t| t.comparable_nanos(now_ms)), tariff, ..endpoint }
            }
            None => Endpoint::new(at, credential, model, ""),
        });
        registry.sweep();
        table
    }
}

fn endpoint(registry: &mut Registry, provider: &Provider, at: usize, credential: usize, model: &str) -> Endpoint {
    let key = provider.credentials().get(credential);
    let identity = Identity { line: &provider.line, key: key.map_or("", |key| &key.digest), model };
    Endpoint {
        priority: provider.priority,
        weight: key.map_or(1, |key| key.weight),
        ..registry.endpoint(at, credential, identity)
    }
}

/// What of a provider's models is known by name.
fn member(provider: &Provider) -> table::Member {
    let declared: Vec<String> = provider.declared.iter().map(|model| model.id.clone()).collect();
    let listed = provider.listed.load();
    let mut listed: Option<Vec<String>> =
        listed.as_ref().map(|list| list.iter().map(|model| model.id.clone()).collect());
    if let Some(listed) = &mut listed {
        listed.extend(declared.iter().cloned());
    } else if !declared.is_empty() && provider.list_route().is_none() {
        listed = Some(declared.clone());
    }
    let named = name::Provider { name: provider.name.to_string(), enabled: provider.enabled, listed };
    table::Member { provider: named, declared, credentials: provider.credentials().len() }
}

/// Whether a loss is refused: whoever says so has the last word.
pub fn lossy(token: Option<Lossy>, alias: Option<Lossy>, usual: Lossy) -> Lossy {
    match (token, alias) {
        (None, None) => usual,
        (Some(Lossy::Reject), _) | (_, Some(Lossy::Reject)) => Lossy::Reject,
        _ => Lossy::Warn,
    }
}
