//! Lays the environment over the file: one table to read, in which every value still knows where it came from.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::environment::{Environment, Read, provider_name};
use super::report::Report;
use super::{Config, Examined, Section, syntax};

/// Reads a file's text with the environment over it, and keeps all that was found.
pub fn examine_with(text: &str, name: &str, environment: &Environment) -> Examined {
    if environment.is_empty() {
        return super::examine(text, name);
    }
    let mut read = environment.read();
    let mut findings = std::mem::take(&mut read.findings);
    // The environment's lines stand behind the file's: one place tells of both where something is.
    let all = format!("{text}\n{}", read.text);
    let report = Report::layered(name, &all, text.len(), &read.settings);
    let config = read_both(text, &read, &report);
    let mut examined = Examined::new(config, report);
    findings.append(&mut examined.findings);
    examined.findings = findings;
    examined
}

fn read_both(text: &str, read: &Read, report: &Report<'_>) -> Config {
    // Blanks in front put every value where it stands in both.
    let padded = format!("{}\n{}", " ".repeat(text.len()), read.text);
    let (mut table, errors) = DeTable::parse_recoverable(text);
    syntax::explain(text, &errors, report);
    if !errors.is_empty() {
        return Config::default();
    }
    // Each line was made by us, of a name and a value.
    if let Ok(over) = DeTable::parse(&padded) {
        merge(table.get_mut(), over.into_inner());
    }
    let span = table.span();
    Config::read(Section::new(report, String::new(), String::new(), table.get_ref(), span))
}

type Key<'t> = Spanned<Cow<'t, str>>;

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Table(_))
}

fn merge<'t>(into: &mut DeTable<'t>, from: DeTable<'t>) {
    for (key, value) in from {
        let name = key.get_ref().clone();
        let is_named = &*name == "providers" && is_table(&value);
        let is_laid_over = is_table(&value) && into.get(&*name).is_some_and(is_table);
        if !(is_named || is_laid_over) {
            into.insert(key, value);
            continue;
        }
        let DeValue::Table(table) = value.into_inner() else { continue };
        if is_named {
            providers(into, key, table);
        } else if let Some(DeValue::Table(before)) = into.get_mut(&*name).map(Spanned::get_mut) {
            merge(before, table);
        }
    }
}

/// Lays settings of providers over those of the same names; a name that is new is a new provider.
fn providers<'t>(into: &mut DeTable<'t>, key: Key<'t>, named: DeTable<'t>) {
    if !into.contains_key("providers") {
        let list = Spanned::new(key.span(), DeValue::Array(DeArray::new()));
        into.insert(key, list);
    }
    // Whatever else stands there is told of as what it is.
    let Some(DeValue::Array(list)) = into.get_mut("providers").map(Spanned::get_mut) else { return };
    for (name, settings) in named {
        let span = settings.span();
        let DeValue::Table(mut settings) = settings.into_inner() else { continue };
        if let Some(table) = list.iter_mut().find_map(|one| named_table(one, name.get_ref())) {
            merge(table, settings);
            continue;
        }
        let text = |text: &str| Spanned::new(name.span(), Cow::Owned(text.to_owned()));
        let value = || Spanned::new(name.span(), DeValue::String(Cow::Owned(name.get_ref().clone().into_owned())));
        let describes = ["provider_type", "base_url", "protocols"];
        if !describes.iter().any(|key| settings.contains_key(*key)) {
            settings.insert(text("provider_type"), value());
        }
        settings.insert(text("name"), value());
        list.push(Spanned::new(span, DeValue::Table(settings)));
    }
}

/// The table of the provider that variables call `name`.
fn named_table<'a, 't>(one: &'a mut Spanned<DeValue<'t>>, name: &str) -> Option<&'a mut DeTable<'t>> {
    let DeValue::Table(table) = one.get_mut() else { return None };
    let is_meant = match table.get("name").map(Spanned::get_ref) {
        Some(DeValue::String(known)) => provider_name(known) == name,
        _ => false,
    };
    is_meant.then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Finding, SecretSource};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn read(text: &str, variables: &[(&str, &str)]) -> (Config, Vec<String>) {
        let examined = examine_with(text, "torod.toml", &environment(variables));
        (examined.config, examined.findings.iter().map(Finding::to_string).collect())
    }

    fn right(text: &str, variables: &[(&str, &str)]) -> Config {
        let (config, findings) = read(text, variables);
        assert_eq!(findings, [""; 0]);
        config
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_defaults() {
        let text = "lossy = 'reject'\n[limits]\nconcurrent = 5\nrequest_body = '1MiB'\n[log]\nlevel = 'warn'\n";
        let config = right(
            text,
            &[
                ("TOROD_LISTEN_ADDR", "0.0.0.0:9000"),
                ("TOROD_LIMITS__REQUEST_BODY", "64MiB"),
                ("TOROD_ALLOW_LOCALHOST_NO_AUTH", "false"),
                ("TOROD_ROUTING__BREAKER__FAILURES", "7"),
                ("TOROD_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.0/16"),
                ("TOROD_ALERTS__BUDGET_USED", "40,90"),
                ("TOROD_PRICES__UNKNOWN__INPUT", "2.5"),
                ("TOROD_SHUTDOWN__GRACE", ""),
            ],
        );
        assert_eq!(config.listen_addr.to_string(), "0.0.0.0:9000");
        assert_eq!((config.limits.concurrent, config.limits.request_body_bytes), (5, 64 << 20));
        assert!(!config.allow_localhost_no_auth && config.lossy.to_string() == "reject");
        assert_eq!(config.routing.breaker.failures, 7);
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert_eq!(config.alerts.budget_used, [40, 90]);
        assert_eq!(config.shutdown, Config::default().shutdown);
    }

    #[test]
    fn a_secret_is_read_from_where_it_is_and_stands_nowhere() {
        let variables = [
            ("TOROD_PROVIDERS__GROQ__API_KEY", "sk-hunter2"),
            ("TOROD_PROVIDERS__MY_WORK__API_KEY_FILE", "/run/secrets/work"),
            ("TOROD_PROVIDERS__MY_WORK__PRIORITY", "3"),
            ("TOROD_TELEMETRY__METRICS_TOKEN_FILE", "/run/secrets/scrape"),
        ];
        let text = "[[providers]]\nname = 'My-Work'\nbase_url = 'http://127.0.0.1:9'\napi_key = '${OTHER}'\n";
        let config = right(text, &variables);
        let secret = |at: usize| config.providers[at].credentials[0].secret.clone();
        assert_eq!(secret(0), SecretSource::File("/run/secrets/work".into()));
        assert_eq!((config.providers[0].name.as_str(), config.providers[0].priority), ("My-Work", 3));
        assert_eq!(secret(1), SecretSource::Env("TOROD_PROVIDERS__GROQ__API_KEY".to_owned()));
        assert_eq!(config.providers[1].provider_type.as_deref(), Some("groq"));
        assert_eq!(config.telemetry.metrics_token, Some(SecretSource::File("/run/secrets/scrape".into())));
        assert!(!format!("{:?}", environment(&variables)).contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_is_told_by_the_variables_name() {
        let (_, told) = read("zone = 1\n", &[("TOROD_LIMITS__REQUEST_BODY", "much"), ("TOROD_LOG__LEVEL", "inf")]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("torod.toml:1:1: unknown key `zone`"), "{told:?}");
        assert!(told[1].starts_with("TOROD_LIMITS__REQUEST_BODY: `much` is not a size"), "{told:?}");
        assert_eq!(told[2], "TOROD_LOG__LEVEL: `inf` is no `level`: did you mean \"info\"?");
        let (_, told) = read("", &[("TOROD_LIMITS__CONCURRENT", "ten")]);
        assert!(told[0].starts_with("TOROD_LIMITS__CONCURRENT: `concurrent` must be a whole number"), "{told:?}");
    }

    #[test]
    fn an_unknown_name_is_a_warning_with_the_closest_one() {
        for (name, advice) in [
            ("TOROD_LIMITS__REQUEST_BODI", "did you mean `TOROD_LIMITS__REQUEST_BODY`?"),
            ("TOROD_LIMITS_REQUEST_BODY", "did you mean `TOROD_LIMITS__REQUEST_BODY`?"),
            ("TOROD_LISTEN_ADDRESS", "did you mean `TOROD_LISTEN_ADDR`?"),
        ] {
            let (_, told) = read("", &[(name, "1")]);
            assert_eq!(told, [format!("{name}: warning: no setting has this name: {advice}")]);
        }
        // Kubernetes says these for a service of this name.
        let links = ["TOROD_SERVICE_HOST", "TOROD_SERVICE_PORT_HTTP", "TOROD_PORT", "TOROD_PORT_8080_TCP_ADDR"];
        assert!(environment(&links.map(|name| (name, "tcp://10.0.0.1:8080"))).is_empty());
        assert!(environment(&[("TOROD_CONFIG", "x"), ("TOROD_DATA_DIR", "y"), ("OTHER", "z")]).is_empty());
    }

    #[test]
    fn two_variables_for_one_key_are_refused() {
        let both = [("TOROD_ROUTING__BREAKER", "{ failures = 2 }"), ("TOROD_ROUTING__BREAKER__FAILURES", "3")];
        let (_, told) = read("", &both);
        assert!(told.len() == 1 && told[0].contains("set one of the two"), "{told:?}");
        let key = "TOROD_PROVIDERS__GROQ__API_KEY";
        let (_, told) = read("", &[(key, "x"), ("TOROD_PROVIDERS__GROQ__API_KEY_FILE", "y")]);
        assert!(told.len() == 1 && told[0].contains(key), "{told:?}");
    }

    #[test]
    fn tables_and_lists_are_written_as_toml() {
        let aliases = "[{ name = 'chat', targets = [{ provider = 'ollama', model = 'm' }] }]";
        let config = right("", &[("TOROD_MODEL_ALIASES", aliases), ("TOROD_ROUTING__BREAKER", "{ failures = 2 }")]);
        assert_eq!((config.model_aliases.len(), config.routing.breaker.failures), (1, 2));
    }

    #[test]
    fn no_value_makes_it_more_than_one_setting() {
        let values = ["1\nlossy = 'reject'", "\"", "]", "}", "'''", "\u{0}", "\\", "[1", "{ a = 1", "[\n1\n]\nx = 1"];
        for value in values {
            for name in ["TOROD_ADMIN__PUBLIC_URL", "TOROD_LIMITS__CONCURRENT", "TOROD_SERVER__TRUSTED_PROXIES"] {
                let (config, told) = read("lossy = 'warn'\n", &[(name, value)]);
                let is_told = !told.is_empty() && told.iter().all(|line| line.starts_with(name));
                assert!(is_told, "{name} {value:?} {told:?}");
                assert_eq!(config.lossy.to_string(), "warn");
            }
        }
    }
}
