//! What another configuration changes, in words for the log and for whoever asked for it.

use std::sync::Arc;

use super::providers::Prepared;
use crate::config::{Config, Usage};

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Providers, a sentence each.
    pub providers: Vec<String>,
    /// Everything else that is in force now, a sentence each.
    pub settings: Vec<String>,
    /// Keys that take effect when torod starts again.
    pub at_restart: Vec<&'static str>,
}

impl Changes {
    pub(super) fn between(before: &Config, after: &Config, then: &[Prepared], now: &[Prepared]) -> Self {
        let mut changes = Self { providers: providers(then, now), ..Self::default() };
        if before.active_model_profile != after.active_model_profile {
            let name = |config: &Config| config.active_model_profile.clone().unwrap_or_else(|| "none".to_owned());
            changes.settings.push(format!("the active profile is {}, was {}", name(after), name(before)));
        }
        for (key, differs) in [
            ("model_aliases", before.model_aliases != after.model_aliases),
            ("routing", before.routing != after.routing),
            ("default_provider", before.default_provider != after.default_provider),
            ("allow_localhost_no_auth", before.allow_localhost_no_auth != after.allow_localhost_no_auth),
            ("auto_detect_local_servers", before.auto_detect_local_servers != after.auto_detect_local_servers),
            (
                "auto_enable_public_free_models",
                before.auto_enable_public_free_models != after.auto_enable_public_free_models,
            ),
            ("presets", before.presets != after.presets),
            ("egress", before.egress != after.egress),
            ("lossy", before.lossy != after.lossy),
            ("limits", before.limits != after.limits),
            ("responses", before.responses != after.responses),
            ("tokens", before.tokens != after.tokens),
            ("usage", Usage { queue: 0, ..before.usage.clone() } != Usage { queue: 0, ..after.usage.clone() }),
            ("shutdown.grace", before.shutdown != after.shutdown),
            (
                "server.trusted_proxies",
                before.server.trusted_proxies != after.server.trusted_proxies
                    || before.server.trusts_unix != after.server.trusts_unix,
            ),
            ("admin", before.admin != after.admin),
            ("log.requests", before.log.requests != after.log.requests),
        ] {
            if differs {
                changes.settings.push(format!("`{key}` changed"));
            }
        }
        changes.at_restart.extend(network(before, after));
        for (key, differs) in [
            ("limits.connections", before.limits.connections != after.limits.connections),
            (
                "limits.connections_per_address",
                before.limits.connections_per_address != after.limits.connections_per_address,
            ),
            ("log.level", before.log.level != after.log.level),
            ("log.format", before.log.format != after.log.format),
            ("usage.queue", before.usage.queue != after.usage.queue),
            ("log.keep_lines", before.log.keep_lines != after.log.keep_lines),
            ("telemetry", before.telemetry != after.telemetry),
        ] {
            if differs {
                changes.at_restart.push(key);
            }
        }
        changes
    }

    /// What the gateway does since it listens by `listening` needs no start.
    pub(super) fn listen_already(&mut self, listening: &Config, after: &Config) {
        let missing: Vec<_> = network(listening, after).collect();
        self.at_restart.retain(|key| !NETWORK.contains(key) || missing.contains(key));
    }

    /// Whether anything did.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty() && self.settings.is_empty() && self.at_restart.is_empty()
    }

    /// Every sentence about what is in force now.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().chain(&self.settings).map(String::as_str)
    }

    pub(super) fn log(&self) {
        if self.is_empty() {
            tracing::info!("configuration read: nothing changed");
        }
        for sentence in self.sentences() {
            tracing::info!("configuration: {sentence}");
        }
        for key in &self.at_restart {
            tracing::warn!("configuration: `{key}` changed: it takes effect when torod starts again");
        }
    }
}

/// Where and how the gateway listens.
const NETWORK: [&str; 6] =
    ["listen_addr", "server.listen", "server.admin_listen", "server.socket_mode", "server.proxy_protocol", "tls"];

/// What of that differs.
fn network(before: &Config, after: &Config) -> impl Iterator<Item = &'static str> {
    let (was, is) = (&before.server, &after.server);
    let differs = [
        before.listen_addr != after.listen_addr,
        was.listen != is.listen,
        was.admin_listen != is.admin_listen,
        was.socket_mode != is.socket_mode,
        was.proxy_protocol != is.proxy_protocol,
        before.tls != after.tls,
    ];
    NETWORK.into_iter().zip(differs).filter_map(|(key, differs)| differs.then_some(key))
}

fn providers(then: &[Prepared], now: &[Prepared]) -> Vec<String> {
    let mut sentences = Vec::new();
    for new in now {
        let name = &new.config.name;
        match then.iter().find(|old| old.config.name == *name) {
            None => sentences.push(format!("provider {name} is new")),
            Some(old) if Arc::ptr_eq(&old.provider, &new.provider) => {}
            Some(old) if old.config == new.config => sentences.push(format!("provider {name} has another key")),
            Some(_) => sentences.push(format!("provider {name} changed")),
        }
    }
    for old in then {
        if !now.iter().any(|new| new.config.name == old.config.name) {
            sentences.push(format!("provider {} is gone", old.config.name));
        }
    }
    let names = |list: &[Prepared]| list.iter().map(|p| p.config.name.clone()).collect::<Vec<_>>();
    if sentences.is_empty() && names(then) != names(now) {
        sentences.push("providers stand in another order".to_owned());
    }
    sentences
}
