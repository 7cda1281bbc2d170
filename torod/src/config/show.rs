//! The effective configuration as the file would say it: defaults included, secrets as references.

use std::fmt::Write;
use std::path::PathBuf;

use tokenrouter::pick::order::Criterion;
use tokenrouter_shared::alert::AlertKind;

use super::model::format_dollars;
use super::show_preset;
use super::tokens::NEVER;
use super::units::{format_duration, format_size};
use super::{Alerts, AliasConfig, Auto, Config, Listen, ProviderConfig, Routing, SecretSource, Server, Telemetry, Tls};

/// `config` as TOML. Keys that stand in the file are masked.
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    _ = write_all(&mut text, config);
    text
}

/// One provider alone, in the same form.
pub fn show_provider(provider: &ProviderConfig) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    _ = write_provider(&mut text, provider);
    text.trim_start().to_owned()
}

fn write_all(text: &mut String, config: &Config) -> std::fmt::Result {
    writeln!(text, "listen_addr = \"{}\"", config.listen_addr)?;
    if let Some(name) = &config.default_provider {
        writeln!(text, "default_provider = {}", quoted(name))?;
    }
    if let Some(name) = &config.active_model_profile {
        writeln!(text, "active_model_profile = {}", quoted(name))?;
    }
    writeln!(text, "allow_localhost_no_auth = {}", config.allow_localhost_no_auth)?;
    writeln!(text, "auto_detect_local_servers = {}", config.auto_detect_local_servers)?;
    writeln!(text, "auto_enable_public_free_models = {}", config.auto_enable_public_free_models)?;
    writeln!(text, "lossy = \"{}\"", config.lossy)?;
    for preset in config.presets.own() {
        show_preset::write(text, preset)?;
    }
    for provider in &config.providers {
        write_provider(text, provider)?;
    }
    for alias in &config.model_aliases {
        write_alias(text, alias)?;
    }
    write_routing(text, &config.routing)?;
    write_auto(text, &config.auto)?;
    let limits = &config.limits;
    writeln!(text, "\n[limits]\nconcurrent = {}", limits.concurrent)?;
    writeln!(text, "concurrent_streams = {}", limits.concurrent_streams)?;
    writeln!(text, "concurrent_non_streams = {}", limits.concurrent_non_streams)?;
    writeln!(text, "concurrent_per_provider = {}", limits.concurrent_per_provider)?;
    writeln!(text, "connections = {}", limits.connections)?;
    writeln!(text, "connections_per_address = {}", limits.connections_per_address)?;
    writeln!(text, "queue = {}\nqueue_wait = \"{}\"", limits.queue, format_duration(limits.queue_wait))?;
    writeln!(text, "requests_per_second = {}\nburst = {}", limits.requests_per_second, limits.burst)?;
    writeln!(text, "reserved_output = {}", limits.reserved_output)?;
    writeln!(text, "request_body = \"{}\"", format_size(limits.request_body_bytes))?;
    let denied: Vec<_> = config.egress.deny.iter().map(|net| format!("\"{net}\"")).collect();
    writeln!(text, "\n[egress]\nallow_private = {}\ndeny = [{}]", config.egress.allow_private, denied.join(", "))?;
    writeln!(text, "\n[shutdown]\ngrace = \"{}\"", format_duration(config.shutdown.grace))?;
    let log = &config.log;
    writeln!(text, "\n[log]\nlevel = \"{}\"\nformat = \"{}\"", log.level.as_str(), log.format.as_str())?;
    writeln!(text, "requests = {}\nkeep_lines = {}", log.requests, log.keep_lines)?;
    let after = config.tokens.remove_ended_after.map_or_else(|| NEVER.to_owned(), format_duration);
    writeln!(text, "\n[tokens]\nremove_ended_after = \"{after}\"")?;
    let usage = &config.usage;
    writeln!(text, "\n[usage]\nretention_days = {}", usage.retention_days)?;
    writeln!(text, "hourly_retention_days = {}", usage.hourly_retention_days)?;
    writeln!(text, "daily_retention_days = {}\nqueue = {}", usage.daily_retention_days, usage.queue)?;
    let responses = &config.responses;
    writeln!(text, "\n[responses]\nretention_days = {}", responses.retention_days)?;
    writeln!(text, "size = \"{}\"", format_size(responses.size_bytes))?;
    let kept = &config.conversations;
    writeln!(text, "\n[conversations]\nenabled = {}\nmax_items = {}", kept.enabled, kept.max_items)?;
    writeln!(text, "max_age_days = {}\nsize = \"{}\"", kept.max_age_days, format_size(kept.size_bytes))?;
    writeln!(text, "exchange = \"{}\"\nloopback = {}", format_size(kept.exchange_bytes as u64), kept.loopback)?;
    writeln!(text, "redact = {}", texts(kept.redact.iter().cloned()))?;
    writeln!(text, "\n[prices]\nunknown = {{ {} }}", config.prices.unknown.shown())?;
    write_alerts(text, &config.alerts)?;
    write_server(text, &config.server)?;
    write_tls(text, &config.tls)?;
    let admin = &config.admin;
    writeln!(text, "\n[admin]\nhosts = {}", texts(admin.hosts.iter().cloned()))?;
    let public_url = admin.public_url.as_ref().map_or("", |url| &url.origin);
    writeln!(text, "public_url = {}", quoted(public_url))?;
    writeln!(text, "session_idle = \"{}\"", format_duration(admin.session_idle))?;
    writeln!(text, "session_lifetime = \"{}\"", format_duration(admin.session_lifetime))?;
    write_telemetry(text, &config.telemetry)
}

fn write_server(text: &mut String, server: &Server) -> std::fmt::Result {
    let places = |list: &[Listen]| texts(list.iter().map(ToString::to_string));
    writeln!(text, "\n[server]\nlisten = {}\nadmin_listen = {}", places(&server.listen), places(&server.admin_listen))?;
    writeln!(text, "socket_mode = \"{:04o}\"", server.socket_mode)?;
    writeln!(text, "trusted_proxies = {}", texts(server.proxies().into_iter()))?;
    writeln!(text, "proxy_protocol = {}", server.proxy_protocol)
}

fn write_tls(text: &mut String, tls: &Tls) -> std::fmt::Result {
    let path =
        |path: &Option<PathBuf>| quoted(&path.as_ref().map(|path| path.display().to_string()).unwrap_or_default());
    writeln!(text, "\n[tls]\nmode = \"{}\"\nhosts = {}", tls.mode.as_str(), texts(tls.hosts.iter().cloned()))?;
    writeln!(text, "cert_file = {}\nkey_file = {}", path(&tls.cert_file), path(&tls.key_file))?;
    writeln!(text, "http_addr = \"{}\"", tls.http_addr.map(|addr| addr.to_string()).unwrap_or_default())?;
    writeln!(text, "email = {}", quoted(tls.email.as_deref().unwrap_or_default()))?;
    writeln!(text, "acme_directory = {}\nacme_root = {}", quoted(tls.directory_shown()), path(&tls.acme_root))?;
    writeln!(text, "acme_challenge = \"{}\"", tls.acme_challenge.as_str())
}

fn write_telemetry(text: &mut String, telemetry: &Telemetry) -> std::fmt::Result {
    writeln!(text, "\n[telemetry]\nprometheus = {}", telemetry.prometheus)?;
    let addr = telemetry.metrics_addr.map(|addr| addr.to_string()).unwrap_or_default();
    let secret = |source: &SecretSource| source.reference().replace(char::is_control, " ");
    if let Some(token) = &telemetry.metrics_token {
        writeln!(text, "# metrics_token from {}", secret(token))?;
        // Read again without it, the address could be one that needs it.
        writeln!(text, "# metrics_addr = \"{addr}\"")?;
    } else {
        writeln!(text, "metrics_addr = \"{addr}\"")?;
    }
    writeln!(text, "token_budgets = {}", telemetry.token_budgets)?;
    writeln!(text, "otlp_endpoint = {}", quoted(telemetry.otlp_endpoint.as_deref().unwrap_or_default()))?;
    for (name, value) in &telemetry.otlp_headers {
        writeln!(text, "# sends the collector the header {name} from {}", secret(value))?;
    }
    writeln!(text, "trace_permille = {}\nforward_trace = {}", telemetry.trace_permille, telemetry.forward_trace)
}

fn write_alerts(text: &mut String, alerts: &Alerts) -> std::fmt::Result {
    let kinds = |kinds: &[AlertKind]| texts(kinds.iter().map(|kind| kind.as_str().to_owned()));
    writeln!(text, "\n[alerts]\nenabled = {}\nkinds = {}", alerts.enabled, kinds(&alerts.kinds))?;
    writeln!(text, "quota_left = {}", alerts.quota_left)?;
    writeln!(text, "balance_left = {}", format_dollars(alerts.balance_left_nanos))?;
    writeln!(text, "budget_used = {:?}", alerts.budget_used)?;
    writeln!(text, "provider_down_after = \"{}\"", format_duration(alerts.provider_down_after))?;
    writeln!(text, "quiet = \"{}\"", format_duration(alerts.quiet))?;
    for webhook in &alerts.webhooks {
        let signed = webhook.secret.as_ref().map_or_else(
            || "not signed".to_owned(),
            |secret| format!("signed with {}", secret.reference().replace(char::is_control, " ")),
        );
        let timeout = format_duration(webhook.timeout);
        writeln!(text, "# webhook at {}, {signed}, within {timeout}: {}", webhook.origin(), kinds(&webhook.kinds))?;
    }
    Ok(())
}

fn texts(list: impl Iterator<Item = String>) -> String {
    format!("[{}]", list.map(|text| quoted(&text)).collect::<Vec<_>>().join(", "))
}

fn write_auto(text: &mut String, auto: &Auto) -> std::fmt::Result {
    let list = |patterns: &[String]| patterns.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
    let model = |name: &Option<String>| quoted(name.as_deref().unwrap_or_default());
    writeln!(text, "\n[auto]\nrouter = \"{}\"", auto.router.as_str())?;
    writeln!(text, "router_model = {}", model(&auto.router_model))?;
    writeln!(text, "router_timeout = \"{}\"", format_duration(auto.router_timeout))?;
    writeln!(text, "min_confidence = {:?}", f64::from(auto.min_confidence_permille) / 1_000.0)?;
    writeln!(text, "max_attempts = {}", auto.max_attempts)?;
    writeln!(text, "allow = [{}]\ndeny = [{}]", list(&auto.allow), list(&auto.deny))?;
    writeln!(text, "max_price = {}\ndefault = {}", format_dollars(auto.max_price_nanos), model(&auto.default))
}

fn write_provider(text: &mut String, provider: &ProviderConfig) -> std::fmt::Result {
    writeln!(text, "\n[[providers]]\nname = {}", quoted(&provider.name))?;
    if let Some(kind) = &provider.provider_type {
        writeln!(text, "provider_type = {}", quoted(kind))?;
    }
    writeln!(text, "enabled = {}\npriority = {}", provider.enabled, provider.priority)?;
    let urls: Vec<String> = provider
        .protocols
        .iter()
        .map(|(protocol, url)| {
            let shown = if url.is_plain() { url.join(*protocol, "") } else { url.to_string() };
            format!("{protocol} = {}", quoted(&shown))
        })
        .collect();
    writeln!(text, "protocols = {{ {} }}", urls.join(", "))?;
    for credential in &provider.credentials {
        writeln!(text, "# key from {}", credential.secret.reference().replace(char::is_control, " "))?;
    }
    let timeouts = &provider.timeouts;
    writeln!(
        text,
        "timeouts = {{ connect = \"{}\", first_byte = \"{}\", idle = \"{}\" }}",
        format_duration(timeouts.connect),
        format_duration(timeouts.first_byte),
        format_duration(timeouts.idle)
    )?;
    writeln!(
        text,
        "max_idle_connections = {}\nstream_usage = {}",
        provider.max_idle_connections, provider.stream_usage
    )?;
    writeln!(
        text,
        "concurrent = {}\nrequests_per_minute = {}\ntokens_per_minute = {}",
        provider.concurrent, provider.requests_per_minute, provider.tokens_per_minute
    )?;
    for (name, _) in &provider.headers {
        writeln!(text, "# adds the header {name}")?;
    }
    for model in &provider.models {
        writeln!(text, "[[providers.models]]\nid = {}", quoted(&model.id))?;
        if let Some(context) = model.context {
            writeln!(text, "context = {context}")?;
        }
        if let Some(tokens) = model.max_output {
            writeln!(text, "max_output = {tokens}")?;
        }
        for (name, yes) in model.abilities() {
            if let Some(yes) = yes {
                writeln!(text, "{name} = {yes}")?;
            }
        }
        if let Some(price) = &model.price {
            writeln!(text, "price = {{ {} }}", price.shown())?;
        }
    }
    Ok(())
}

fn write_alias(text: &mut String, alias: &AliasConfig) -> std::fmt::Result {
    writeln!(text, "\n[[model_aliases]]\nname = {}", quoted(&alias.name))?;
    if let Some(lossy) = alias.lossy {
        writeln!(text, "lossy = \"{lossy}\"")?;
    }
    if let Some(order) = &alias.order {
        writeln!(text, "order = {}", listed(order))?;
    }
    for target in &alias.targets {
        writeln!(text, "[[model_aliases.targets]]")?;
        for (key, value) in [("profile", &target.profile), ("provider", &target.provider)] {
            if let Some(value) = value {
                writeln!(text, "{key} = {}", quoted(value))?;
            }
        }
        writeln!(text, "model = {}", quoted(&target.model))?;
        if let Some(weight) = target.weight {
            writeln!(text, "weight = {weight}")?;
        }
    }
    Ok(())
}

fn write_routing(text: &mut String, routing: &Routing) -> std::fmt::Result {
    let time = format_duration;
    writeln!(text, "\n[routing]\norder = {}\nattempts = {}", listed(&routing.order), routing.attempts)?;
    writeln!(text, "max_wait = \"{}\"\nretry_percent = {}", time(routing.max_wait), routing.retry_percent)?;
    writeln!(text, "session_ttl = \"{}\"\nprobe = {}", time(routing.session_ttl), routing.probe)?;
    writeln!(text, "probe_interval = \"{}\"", time(routing.probe_interval))?;
    let breaker = &routing.breaker;
    writeln!(
        text,
        "breaker = {{ failures = {}, recovery = \"{}\", connection_failures = {}, connection_recovery = \"{}\", credential_recovery = \"{}\" }}",
        breaker.failures,
        time(breaker.recovery),
        breaker.connection_failures,
        time(breaker.connection_recovery),
        time(breaker.credential_recovery)
    )
}

fn listed(order: &[Criterion]) -> String {
    let names: Vec<_> = order.iter().map(|criterion| format!("\"{}\"", criterion.as_str())).collect();
    format!("[{}]", names.join(", "))
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn shows_what_reads_the_same_and_no_secret() {
        let text = r#"
            default_provider = "a"
            active_model_profile = "p"
            [[providers]]
            name = "a"
            base_url = "https://a.example/v1"
            api_key = "sk-very-secret"
            headers = { "x-team" = "also private" }
            [[providers.models]]
            id = "m"
            context = 1000
            price = { input = 2.5, output = 10.0 }
            [[model_aliases]]
            name = "chat \"x\""
            lossy = "reject"
            order = ["quota", "weighted"]
            targets = [{ profile = "p", provider = "a", model = "m", weight = 3 }, { model = "other" }]
            [[model_aliases]]
            name = "other"
            targets = [{ provider = "a", model = "m" }]
            [routing]
            order = ["round_robin"]
            breaker = { failures = 7, recovery = "90s" }
        "#;
        let config = parse(text, "t").unwrap();
        let shown = show(&config);
        assert!(!shown.contains("sk-very") && !shown.contains("also private"), "{shown}");
        let again = parse(&shown, "t").unwrap();
        assert_eq!(again.limits, config.limits);
        assert_eq!((&again.model_aliases, &again.routing), (&config.model_aliases, &config.routing));
        assert_eq!(again.active_model_profile.as_deref(), Some("p"));
        assert_eq!(again.providers[0].protocols, config.providers[0].protocols);
        assert_eq!(again.providers[0].models, config.providers[0].models);
        assert_eq!(parse(&show(&Config::default()), "t"), Ok(Config::default()));
    }
}
