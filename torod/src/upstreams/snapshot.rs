//! What requests see of the configuration and of the providers: one consistent world, swapped as a whole.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokenrouter::pick::name::{Names, Provider as Named};

use tokenrouter_shared::Lossy;

use super::provider::Provider;
use crate::config::{Config, Limits};

/// One consistent world.
#[derive(Debug)]
pub struct Snapshot {
    /// Every provider, in the order of the file.
    pub providers: Vec<Arc<Provider>>,
    /// Their names and models.
    pub names: Names,
    /// Whether programs on this machine need no key.
    pub allow_loopback: bool,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// What becomes of requests that lose something on the way to another protocol.
    pub lossy: Lossy,
    /// The most of everything at once.
    pub limits: Limits,
    default: Option<String>,
}

/// The current [`Snapshot`].
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Snapshot>,
}

impl Live {
    /// Begins with what `config` says; nothing is known of the providers' models yet but what it declares.
    pub fn new(config: &Config, providers: Vec<Arc<Provider>>) -> Self {
        let snapshot = Snapshot {
            names: names(&providers, config.default_provider.as_deref()),
            providers,
            allow_loopback: config.allow_localhost_no_auth,
            max_body_bytes: usize::try_from(config.limits.request_body_bytes).unwrap_or(usize::MAX),
            lossy: config.lossy,
            limits: config.limits.clone(),
            default: config.default_provider.clone(),
        };
        Self { current: ArcSwap::from_pointee(snapshot) }
    }

    /// The world as it is now; a request takes it once.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Makes newly learned model lists visible to requests.
    pub fn publish_lists(&self) {
        self.replace(|_| {});
    }

    /// Adds a provider that was found, unless one of its name is there.
    pub fn add(&self, provider: &Arc<Provider>) {
        self.replace(|providers| {
            if !providers.iter().any(|p| p.name == provider.name) {
                providers.push(Arc::clone(provider));
            }
        });
    }

    fn replace(&self, change: impl Fn(&mut Vec<Arc<Provider>>)) {
        self.current.rcu(|now| {
            let mut providers = now.providers.clone();
            change(&mut providers);
            Arc::new(Snapshot {
                names: names(&providers, now.default.as_deref()),
                providers,
                allow_loopback: now.allow_loopback,
                lossy: now.lossy,
                max_body_bytes: now.max_body_bytes,
                limits: now.limits.clone(),
                default: now.default.clone(),
            })
        });
    }
}

fn names(providers: &[Arc<Provider>], default: Option<&str>) -> Names {
    let named = providers.iter().map(|p| {
        let mut listed = p.listed.load_full().map(|list| list.as_ref().clone());
        if let Some(listed) = &mut listed {
            listed.extend(p.declared.iter().map(|(id, _)| id.clone()));
        } else if !p.declared.is_empty() && p.list_route().is_none() {
            listed = Some(p.declared.iter().map(|(id, _)| id.clone()).collect());
        }
        Named { name: p.name.to_string(), enabled: p.enabled, listed }
    });
    Names::new(named.collect(), default)
}
