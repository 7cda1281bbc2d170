//! The effective configuration as JSON: durations in `_ms`, sizes in `_bytes`, prices in nano-dollars, no secret.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, ModelList, Preset, PresetEndpoint};
use tokenrouter::dialect::Quirk;
use tokenrouter::pick::order::Criterion;
use tokenrouter_shared::Lossy;
use tokenrouter_shared::alert::AlertKind;
use tokenrouter_shared::provider::{KeySummary, ProtocolUrl, ProviderSummary};
use tokenrouter_shared::routing::{AliasView, RoutingView, TargetView};

use super::{
    Alerts, Alias, AliasConfig, Auto, Config, Conversations, CredentialConfig, Listen, ModelConfig, PriceConfig,
    ProviderConfig, Routing, SecretSource, Server, Target, Telemetry, Webhook,
};

/// `config` as JSON. Secrets appear as their references, static headers by name.
pub fn view(config: &Config) -> Value {
    let limits = &config.limits;
    json!({
        "listen_addr": config.listen_addr.to_string(),
        "default_provider": config.default_provider,
        "active_model_profile": config.active_model_profile,
        "allow_localhost_no_auth": config.allow_localhost_no_auth,
        "auto_detect_local_servers": config.auto_detect_local_servers,
        "auto_enable_public_free_models": config.auto_enable_public_free_models,
        "lossy": config.lossy.as_str(),
        "presets": config.presets.own().iter().map(|p| (p.id.clone(), view_preset(p))).collect::<Map<String, Value>>(),
        "providers": config.providers.iter().map(view_provider).collect::<Vec<_>>(),
        "model_aliases": config.model_aliases.iter().map(view_alias).collect::<Vec<_>>(),
        "routing": view_routing(&config.routing),
        "auto": view_auto(&config.auto),
        "limits": {
            "concurrent": limits.concurrent,
            "concurrent_streams": limits.concurrent_streams,
            "concurrent_non_streams": limits.concurrent_non_streams,
            "concurrent_per_provider": limits.concurrent_per_provider,
            "connections": limits.connections,
            "connections_per_address": limits.connections_per_address,
            "queue": limits.queue,
            "queue_wait_ms": ms(limits.queue_wait),
            "requests_per_second": limits.requests_per_second,
            "burst": limits.burst,
            "reserved_output": limits.reserved_output,
            "request_body_bytes": limits.request_body_bytes,
        },
        "egress": {
            "allow_private": config.egress.allow_private,
            "deny": config.egress.deny.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "shutdown": { "grace_ms": ms(config.shutdown.grace) },
        "log": {
            "level": config.log.level.as_str(),
            "format": config.log.format.as_str(),
            "requests": config.log.requests,
            "keep_lines": config.log.keep_lines,
        },
        "tokens": { "remove_ended_after_ms": config.tokens.remove_ended_after.map(ms) },
        "usage": {
            "retention_days": config.usage.retention_days,
            "hourly_retention_days": config.usage.hourly_retention_days,
            "daily_retention_days": config.usage.daily_retention_days,
            "queue": config.usage.queue,
        },
        "responses": {
            "retention_days": config.responses.retention_days,
            "size_bytes": config.responses.size_bytes,
        },
        "conversations": view_conversations(&config.conversations),
        "prices": {
            "unknown_per_million": view_price(&config.prices.unknown),
        },
        "alerts": view_alerts(&config.alerts),
        "server": view_server(&config.server),
        "tls": {
            "mode": config.tls.mode.as_str(),
            "hosts": config.tls.hosts,
            "cert_file": config.tls.cert_file,
            "key_file": config.tls.key_file,
            "http_addr": config.tls.http_addr.map(|addr| addr.to_string()),
            "email": config.tls.email,
            "acme_directory": config.tls.acme_directory,
            "acme_root": config.tls.acme_root,
            "acme_challenge": config.tls.acme_challenge.as_str(),
        },
        "admin": {
            "hosts": config.admin.hosts,
            "public_url": config.admin.public_url.as_ref().map(|url| &url.origin),
            "session_idle_ms": ms(config.admin.session_idle),
            "session_lifetime_ms": ms(config.admin.session_lifetime),
        },
        "telemetry": view_telemetry(&config.telemetry),
    })
}

fn view_server(server: &Server) -> Value {
    let places = |list: &[Listen]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "listen": places(&server.listen),
        "admin_listen": places(&server.admin_listen),
        "socket_mode": format!("{:04o}", server.socket_mode),
        "trusted_proxies": server.proxies(),
        "proxy_protocol": server.proxy_protocol,
    })
}

fn view_telemetry(telemetry: &Telemetry) -> Value {
    let headers = telemetry.otlp_headers.iter().map(|(name, source)| (name.clone(), json!(source.reference())));
    json!({
        "prometheus": telemetry.prometheus,
        "metrics_addr": telemetry.metrics_addr.map(|addr| addr.to_string()),
        "metrics_token": telemetry.metrics_token.as_ref().map(SecretSource::reference),
        "token_budgets": telemetry.token_budgets,
        "otlp_endpoint": telemetry.otlp_endpoint,
        "otlp_headers": headers.collect::<Map<String, Value>>(),
        "trace_permille": telemetry.trace_permille,
        "forward_trace": telemetry.forward_trace,
    })
}

fn view_alerts(alerts: &Alerts) -> Value {
    let kinds = |kinds: &[AlertKind]| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let webhook = |webhook: &Webhook| {
        json!({
            "origin": webhook.origin(),
            "secret": webhook.secret.as_ref().map(SecretSource::reference),
            "kinds": kinds(&webhook.kinds),
            "timeout_ms": ms(webhook.timeout),
        })
    };
    json!({
        "enabled": alerts.enabled,
        "kinds": kinds(&alerts.kinds),
        "quota_left_percent": alerts.quota_left,
        "balance_left_nanos": alerts.balance_left_nanos,
        "budget_used_percent": alerts.budget_used,
        "provider_down_after_ms": ms(alerts.provider_down_after),
        "quiet_ms": ms(alerts.quiet),
        "webhooks": alerts.webhooks.iter().map(webhook).collect::<Vec<_>>(),
    })
}

fn view_conversations(conversations: &Conversations) -> Value {
    let Conversations { enabled, max_items, max_age_days, size_bytes, exchange_bytes, loopback, redact } =
        conversations;
    json!({
        "enabled": enabled,
        "max_items": max_items,
        "max_age_days": max_age_days,
        "size_bytes": size_bytes,
        "exchange_bytes": exchange_bytes,
        "loopback": loopback,
        "redact": redact,
    })
}

fn view_auto(auto: &Auto) -> Value {
    json!({
        "router": auto.router.as_str(),
        "router_model": auto.router_model,
        "router_timeout_ms": ms(auto.router_timeout),
        "min_confidence_permille": auto.min_confidence_permille,
        "max_attempts": auto.max_attempts,
        "allow": auto.allow,
        "deny": auto.deny,
        "max_price_nanos": auto.max_price_nanos,
        "default": auto.default,
    })
}

impl Config {
    /// What names mean, as the admin API and `torod profile` tell it.
    pub fn routing_view(&self) -> RoutingView {
        RoutingView {
            version: None,
            active_model_profile: self.active_model_profile.clone(),
            profiles: self.profiles().into_iter().map(str::to_owned).collect(),
            order: names(&self.routing.order).into_iter().map(str::to_owned).collect(),
            aliases: self.aliases().into_iter().map(alias_view).collect(),
        }
    }
}

/// What an alias means, as it is told.
pub fn alias_view(alias: Alias) -> AliasView {
    let target = |target: Target| TargetView { provider: target.provider, model: target.model, weight: target.weight };
    AliasView { name: alias.name, profile: alias.profile, targets: alias.targets.into_iter().map(target).collect() }
}

fn view_alias(alias: &AliasConfig) -> Value {
    let targets: Vec<Value> = alias
        .targets
        .iter()
        .map(|target| {
            json!({
                "profile": target.profile,
                "provider": target.provider,
                "model": target.model,
                "weight": target.weight,
            })
        })
        .collect();
    json!({
        "name": alias.name,
        "lossy": alias.lossy.map(Lossy::as_str),
        "order": alias.order.as_deref().map(names),
        "targets": targets,
    })
}

fn view_routing(routing: &Routing) -> Value {
    let breaker = &routing.breaker;
    json!({
        "order": names(&routing.order),
        "attempts": routing.attempts,
        "max_wait_ms": ms(routing.max_wait),
        "retry_percent": routing.retry_percent,
        "session_ttl_ms": ms(routing.session_ttl),
        "probe": routing.probe,
        "probe_interval_ms": ms(routing.probe_interval),
        "breaker": {
            "failures": breaker.failures,
            "recovery_ms": ms(breaker.recovery),
            "connection_failures": breaker.connection_failures,
            "connection_recovery_ms": ms(breaker.connection_recovery),
            "credential_recovery_ms": ms(breaker.credential_recovery),
        },
    })
}

fn names(order: &[Criterion]) -> Vec<&'static str> {
    order.iter().map(|criterion| criterion.as_str()).collect()
}

/// A preset.
pub fn view_preset(preset: &Preset) -> Value {
    let endpoint = |endpoint: &PresetEndpoint| {
        let names = |quirks: &[Quirk]| quirks.iter().map(|quirk| quirk.name()).collect::<Vec<_>>();
        let shown = json!({
            "url": endpoint.base_url,
            "auth": endpoint.auth.as_str(),
            "version": endpoint.versioned,
            "query": endpoint.query,
            "quirks": names(&endpoint.quirks),
            "lacks": names(&endpoint.lacks),
        });
        (endpoint.protocol.to_string(), shown)
    };
    json!({
        "name": preset.name,
        "aliases": preset.aliases,
        "protocols": preset.endpoints.iter().map(endpoint).collect::<Map<_, _>>(),
        "env": preset.env,
        "models_url": match &preset.models_url {
            ModelList::Usual => Value::Null,
            ModelList::Unlisted => json!("none"),
            ModelList::At(url) => json!(url),
        },
        "models": preset.models,
        "key_page": preset.key_page,
        "docs": preset.docs,
        "free_tier": preset.free_tier,
        "public": preset.public,
        "free_models": preset.free_models,
        "rate_limit": preset.rate_limit.as_str(),
        "quota": preset.quota.as_str(),
        "local_port": preset.local_port,
        "needs": preset.needs,
        "note": preset.note,
    })
}

/// A provider as it is listed; how it stands a running gateway alone can tell.
pub fn summary(provider: &ProviderConfig) -> ProviderSummary {
    let url = |(protocol, url): &(Protocol, BaseUrl)| ProtocolUrl {
        protocol: protocol.as_str().to_owned(),
        url: url.to_string(),
    };
    let key =
        |key: &CredentialConfig| KeySummary { name: key.name.clone(), source: key.secret.reference(), standing: None };
    ProviderSummary {
        name: provider.name.clone(),
        preset: provider.provider_type.clone(),
        enabled: provider.enabled,
        priority: provider.priority,
        protocols: provider.protocols.iter().map(url).collect(),
        keys: provider.credentials.iter().map(key).collect(),
        state: (!provider.enabled).then(|| "disabled".to_owned()),
        models: None,
    }
}

/// One provider of [`view`].
pub fn view_provider(provider: &ProviderConfig) -> Value {
    let protocols: Map<String, Value> =
        provider.protocols.iter().map(|(protocol, url)| (protocol.to_string(), json!(url.to_string()))).collect();
    let credentials: Vec<Value> = provider.credentials.iter().map(view_credential).collect();
    json!({
        "name": provider.name,
        "provider_type": provider.provider_type,
        "enabled": provider.enabled,
        "priority": provider.priority,
        "protocols": protocols,
        "credentials": credentials,
        "timeouts": {
            "connect_ms": ms(provider.timeouts.connect),
            "first_byte_ms": ms(provider.timeouts.first_byte),
            "idle_ms": ms(provider.timeouts.idle),
        },
        "max_idle_connections": provider.max_idle_connections,
        "concurrent": provider.concurrent,
        "requests_per_minute": provider.requests_per_minute,
        "tokens_per_minute": provider.tokens_per_minute,
        "stream_usage": provider.stream_usage,
        "models": provider.models.iter().map(view_model).collect::<Vec<_>>(),
        "headers": provider.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

fn view_credential(key: &CredentialConfig) -> Value {
    let mut view = json!({ "name": key.name, "secret": key.secret.reference(), "weight": key.weight });
    if let (Some(fields), Some(refresh)) = (view.as_object_mut(), key.refresh) {
        fields.insert("refresh_ms".to_owned(), json!(ms(refresh)));
    }
    if let (Some(fields), SecretSource::Grant(grant)) = (view.as_object_mut(), &key.secret) {
        let shown = json!({
            "device_url": grant.device_url,
            "token_url": grant.token_url,
            "client_id": grant.client_id,
            "client_secret": grant.client_secret.as_ref().map(SecretSource::reference),
            "scope": grant.scope,
            "audience": grant.audience,
            "auth": grant.auth.as_str(),
        });
        fields.insert(grant.key().to_owned(), shown);
    }
    view
}

fn view_model(model: &ModelConfig) -> Value {
    let price = model.price.as_ref().map(view_price);
    let mut view = json!({
        "id": model.id,
        "context": model.context,
        "max_output": model.max_output,
        "price_per_million": price,
    });
    if let Some(view) = view.as_object_mut() {
        view.extend(model.abilities().map(|(name, yes)| (name.to_owned(), yes.into())));
    }
    view
}

fn view_price(price: &PriceConfig) -> Value {
    json!({
        "input_nanos": price.input_nanos,
        "output_nanos": price.output_nanos,
        "cache_read_nanos": price.cache_read_nanos,
        "cache_write_nanos": price.cache_write_nanos,
        "cache_write_1h_nanos": price.cache_write_1h_nanos,
    })
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
