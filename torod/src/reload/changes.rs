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
        for (key, differs) in [
            ("listen_addr", before.listen_addr != after.listen_addr),
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
            ("server.listen", before.server.listen != after.server.listen),
            ("server.admin_listen", before.server.admin_listen != after.server.admin_listen),
            ("server.socket_mode", before.server.socket_mode != after.server.socket_mode),
            ("server.proxy_protocol", before.server.proxy_protocol != after.server.proxy_protocol),
            ("tls", before.tls != after.tls),
        ] {
            if differs {
                changes.at_restart.push(key);
            }
        }
        changes
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
