//! What the parser says, word for word, and that reference and parser know the same keys.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use tokenrouter::pick::order::Criterion;

fn errors(text: &str) -> Vec<String> {
    match parse(text, "torod.toml") {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().filter(|f| f.is_error()).map(Finding::to_string).collect(),
    }
}

fn provider(lines: &str) -> ProviderConfig {
    let config = parse(&format!("[[providers]]\nname = \"a\"\n{lines}"), "torod.toml");
    config.unwrap().providers.remove(0)
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(errors("a = 1\nb = 2\n[limits]\nc = 3").len(), 3);
}

#[test]
fn parser_and_reference_know_the_same_keys() {
    let text = "
        [presets.p]
        protocols = { openai = { url = \"http://h/v1\" } }
        needs = {}
        [[providers]]
        name = \"a\"
        account = {}
        api_keys = [{ env = \"A\", oauth = {}, device = {} }]
        protocols = { openai = \"http://h/v1\" }
        timeouts = {}
        headers = {}
        [[providers.models]]
        id = \"m\"
        price = { input = 1.0, output = 1.0 }
        [[model_aliases]]
        name = \"b\"
        targets = [{ provider = \"a\", model = \"m\" }]
        [routing]
        breaker = {}
        [limits]
        [egress]
        [shutdown]
        [log]
        [tokens]
        [usage]
        [auto]
        [responses]
        [conversations]
        [prices]
        unknown = {}
        [alerts]
        webhooks = [{ url = \"http://h\" }]
        [server]
        [tls]
        [admin]
        [telemetry]
        otlp_headers = {}
    ";
    let report = Report::new("t", text);
    drop(read(text, &report));
    let asked = report.asked();
    let listed: BTreeSet<String> = reference::KEYS.iter().map(|key| key.path.to_owned()).collect();
    let missing: Vec<_> = asked.difference(&listed).filter(|k| !unavailable::KEYS.contains(&k.as_str())).collect();
    let invented: Vec<_> = listed.difference(&asked).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not in the reference: {missing:?}\nnot in the parser: {invented:?}"
    );
}

#[test]
fn the_packaged_file_is_the_default() {
    let packaged = include_str!("../../../packaging/torod.toml");
    assert_eq!(packaged, first_run(&Detected::default()), "write `torod config`'s first file to packaging/torod.toml");
}

#[test]
fn urls_come_from_the_preset_the_base_url_or_the_table() {
    for (lines, expected) in [
        (
            "provider_type = \"deepseek\"",
            "openai=https://api.deepseek.com/v1 anthropic=https://api.deepseek.com/anthropic",
        ),
        ("base_url = \"http://h\"", "openai=http://h"),
        ("provider_type = \"anthropic\"\nbase_url = \"http://h\"", "anthropic=http://h openai=http://h"),
        // The OpenAI-like endpoint of Gemini is elsewhere: calls must not pass by the proxy that was set.
        ("provider_type = \"gemini\"\nbase_url = \"http://h\"", "gemini=http://h"),
        (
            "provider_type = \"openai\"\nprotocols = { cohere = \"http://c\", openai = \"http://o/v1/\" }",
            "cohere=http://c openai=http://o/v1",
        ),
    ] {
        let urls: Vec<_> = provider(lines).protocols.iter().map(|(p, url)| format!("{p}={url}")).collect();
        assert_eq!(urls.join(" "), expected, "{lines}");
    }
}

#[test]
fn keys_come_in_every_form() {
    let lines = r#"base_url = "http://h"
        api_keys = ["${A}", "sk-1", { env = "B", weight = 2, name = "n" }, { file = "/f" }, { value = "${C}" },
            { command = "pass x" }, { command = ["pass", "x"] }]"#;
    let keys = provider(lines).credentials;
    let sources: Vec<_> = keys.iter().map(|key| key.secret.clone()).collect();
    assert_eq!(
        sources,
        [
            SecretSource::Env("A".into()),
            SecretSource::Literal("sk-1".into()),
            SecretSource::Env("B".into()),
            SecretSource::File("/f".into()),
            SecretSource::Env("C".into()),
            SecretSource::Command(SecretCommand::Shell("pass x".into())),
            SecretSource::Command(SecretCommand::Argv(vec!["pass".into(), "x".into()])),
        ]
    );
    assert_eq!((keys[2].weight, keys[2].name.as_deref(), keys[3].weight), (2, Some("n"), 1));
    assert!(!format!("{keys:?}").contains("sk-1"));
}

#[test]
fn every_key_is_read() {
    let text = r#"
        listen_addr = "[::1]:9"
        default_provider = "a"
        active_model_profile = "p"
        allow_localhost_no_auth = false
        auto_detect_local_servers = false
        auto_enable_public_free_models = true
        lossy = "reject"
        [[providers]]
        name = "a"
        base_url = "http://h"
        enabled = false
        priority = -3
        timeouts = { connect = "1s", first_byte = "2m", idle = "250ms" }
        max_idle_connections = 0
        concurrent = 1
        requests_per_minute = 2
        tokens_per_minute = 3
        stream_usage = false
        headers = { X-Team = "scarlet" }
        models = [{ id = "m", context = 9, price = { input = 1, output = 0.5, cache_read = 0.1, cache_write = 2, cache_write_1h = 3.0 } }]
        [[model_aliases]]
        name = "chat"
        lossy = "reject"
        order = ["priority", "latency"]
        [[model_aliases.targets]]
        profile = "p"
        provider = "a"
        model = "m"
        weight = 1000000
        [routing]
        order = ["quota", "weighted", "round_robin", "latency", "price", "priority", "affinity"]
        attempts = 16
        max_wait = "0s"
        retry_percent = 100
        session_ttl = "1s"
        probe = false
        probe_interval = "100ms"
        breaker = { failures = 9, recovery = "1s", connection_failures = 8, connection_recovery = "2s", credential_recovery = "3s" }
        [limits]
        concurrent = 1
        concurrent_streams = 2
        concurrent_non_streams = 4
        concurrent_per_provider = 3
        connections = 4
        connections_per_address = 5
        queue = 5
        queue_wait = "20ms"
        requests_per_second = 6
        burst = 7
        reserved_output = 8
        request_body = "1MB"
        [egress]
        allow_private = true
        deny = ["10.0.0.0/8"]
        [shutdown]
        grace = "0s"
        [log]
        level = "debug"
        format = "json"
        requests = false
        keep_lines = 12
        [tokens]
        remove_ended_after = "never"
        [usage]
        retention_days = 7
        hourly_retention_days = 8
        daily_retention_days = 9
        queue = 8
        [responses]
        retention_days = 2
        size = "5MiB"
        [conversations]
        enabled = true
        max_items = 9
        max_age_days = 8
        size = "3MiB"
        exchange = "4KiB"
        loopback = true
        redact = ["EMP-[0-9]{6}"]
        [prices]
        unknown = { input = 3 }
        [auto]
        router = "rules+model"
        router_model = "main/m"
        router_timeout = "3s"
        min_confidence = 0.25
        max_attempts = 3
        allow = ["main/*"]
        deny = ["*-old"]
        max_price = 30
        default = "main/m2"
        [server]
        trusted_proxies = ["10.0.0.0/8", "unix"]
        listen = ["[::1]:9", "http://10.0.0.1:9"]
        admin_listen = ["unix:/run/admin.sock"]
        socket_mode = "0600"
        proxy_protocol = true
        [admin]
        hosts = ["GW.example"]
        public_url = "https://gw.example"
        session_idle = "1h"
        session_lifetime = "2h"
    "#;
    let price = PriceConfig {
        input_nanos: Some(1_000_000_000),
        output_nanos: Some(500_000_000),
        cache_read_nanos: Some(100_000_000),
        cache_write_nanos: Some(2_000_000_000),
        cache_write_1h_nanos: Some(3_000_000_000),
    };
    let provider = ProviderConfig {
        name: "a".into(),
        enabled: false,
        priority: -3,
        protocols: vec![(tokenrouter::Protocol::OpenAi, "http://h".parse().unwrap())],
        timeouts: tokenrouter::call::Timeouts {
            connect: Duration::from_secs(1),
            first_byte: Duration::from_mins(2),
            idle: Duration::from_millis(250),
        },
        max_idle_connections: 0,
        concurrent: 1,
        requests_per_minute: 2,
        tokens_per_minute: 3,
        stream_usage: false,
        models: vec![ModelConfig { id: "m".into(), price: Some(price), context: Some(9), ..ModelConfig::default() }],
        headers: vec![("x-team".into(), "scarlet".into())],
        egress: Egress { allow_private: true, deny: vec!["10.0.0.0/8".parse().unwrap()] },
        ..ProviderConfig::default()
    };
    let expected = Config {
        listen_addr: "[::1]:9".parse().unwrap(),
        default_provider: Some("a".into()),
        active_model_profile: Some("p".into()),
        allow_localhost_no_auth: false,
        auto_detect_local_servers: false,
        auto_enable_public_free_models: true,
        lossy: Lossy::Reject,
        presets: Presets::default(),
        providers: vec![provider],
        model_aliases: vec![AliasConfig {
            name: "chat".into(),
            lossy: Some(Lossy::Reject),
            order: Some(vec![Criterion::Priority, Criterion::Latency]),
            targets: vec![TargetConfig {
                profile: Some("p".into()),
                provider: Some("a".into()),
                model: "m".into(),
                weight: Some(1_000_000),
            }],
        }],
        routing: Routing {
            order: [
                Criterion::Quota,
                Criterion::Weighted,
                Criterion::RoundRobin,
                Criterion::Latency,
                Criterion::Price,
                Criterion::Priority,
                Criterion::Affinity,
            ]
            .to_vec(),
            attempts: 16,
            max_wait: Duration::ZERO,
            retry_percent: 100,
            session_ttl: Duration::from_secs(1),
            probe: false,
            probe_interval: Duration::from_millis(100),
            breaker: Breaker {
                failures: 9,
                recovery: Duration::from_secs(1),
                connection_failures: 8,
                connection_recovery: Duration::from_secs(2),
                credential_recovery: Duration::from_secs(3),
            },
        },
        auto: Auto {
            router: Router::RulesAndModel,
            router_model: Some("main/m".to_owned()),
            router_timeout: Duration::from_secs(3),
            min_confidence_permille: 250,
            max_attempts: 3,
            allow: vec!["main/*".to_owned()],
            deny: vec!["*-old".to_owned()],
            max_price_nanos: 30_000_000_000,
            default: Some("main/m2".to_owned()),
        },
        limits: Limits {
            concurrent: 1,
            concurrent_streams: 2,
            concurrent_non_streams: 4,
            concurrent_per_provider: 3,
            connections: 4,
            connections_per_address: 5,
            queue: 5,
            queue_wait: Duration::from_millis(20),
            requests_per_second: 6,
            burst: 7,
            reserved_output: 8,
            request_body_bytes: 1_000_000,
        },
        egress: Egress { allow_private: true, deny: vec!["10.0.0.0/8".parse().unwrap()] },
        shutdown: Shutdown { grace: Duration::ZERO },
        log: Log { level: LogLevel::Debug, format: LogFormat::Json, requests: false, keep_lines: 12 },
        tokens: Tokens { remove_ended_after: None },
        usage: Usage { retention_days: 7, hourly_retention_days: 8, daily_retention_days: 9, queue: 8 },
        responses: Responses { retention_days: 2, size_bytes: 5 << 20 },
        conversations: conversations::example(),
        prices: Prices {
            unknown: PriceConfig {
                input_nanos: Some(3_000_000_000),
                output_nanos: Some(75_000_000_000),
                ..PriceConfig::default()
            },
        },
        alerts: Alerts::default(),
        server: Server {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            trusts_unix: true,
            proxy_protocol: true,
            listen: ["[::1]:9", "http://10.0.0.1:9"].map(|text| Listen::parse(text).unwrap()).to_vec(),
            admin_listen: vec![Listen::Unix("/run/admin.sock".into())],
            socket_mode: 0o600,
        },
        tls: Tls::default(),
        admin: Admin {
            hosts: vec!["gw.example".into()],
            public_url: PublicUrl::parse("https://gw.example"),
            session_idle: Duration::from_hours(1),
            session_lifetime: Duration::from_hours(2),
        },
        telemetry: Telemetry::default(),
    };
    let config = parse(text, "torod.toml").unwrap();
    assert_eq!(config, expected);
    assert!(!format!("{config:?}").contains("scarlet"), "header values may be secret");
}

#[test]
fn a_missing_secret_stops_only_an_enabled_provider() {
    let text = |enabled: bool| {
        format!(
            "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n\
             [[providers]]\nname = \"b\"\nbase_url = \"http://h\"\nenabled = {enabled}\n\
             api_keys = [\"${{SET}}\", {{ env = \"UNSET\" }}, {{ file = \"/does/not/exist\" }}, {{ command = \"exit 1\" }}]"
        )
    };
    let check = |enabled| {
        let found =
            examine(&text(enabled), "t").check_secrets(&|name| (name == "SET").then(|| "sk-1".to_owned()), &NoVault);
        found.iter().map(Finding::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        check(true),
        [
            "t:8:23: environment variable `UNSET` is not set: set it where torod starts, or set `enabled = false` for provider `b`",
            "t:8:42: cannot read `/does/not/exist`: entity not found: put the key there, or set `enabled = false` for provider `b`",
        ]
    );
    assert_eq!(
        check(false),
        [
            "t:8:23: warning: environment variable `UNSET` is not set: set it where torod starts before you enable provider `b`",
            "t:8:42: warning: cannot read `/does/not/exist`: entity not found: put the key there before you enable provider `b`",
        ]
    );
}
