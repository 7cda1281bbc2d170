//! The settings that are no lists of tables, each with what holds, its default and what it does.

use tokenrouter_shared::settings::{Setting, SettingValue};
use toml::Value;

use super::reference::{KEYS, Key};
use super::{Config, show};

/// Keys that take effect when torod starts again.
pub const AT_RESTART: [&str; 15] = [
    "listen_addr",
    "log.level",
    "log.format",
    "log.keep_lines",
    "usage.queue",
    "telemetry.prometheus",
    "telemetry.metrics_addr",
    "telemetry.trace_permille",
    "telemetry.forward_trace",
    "server.proxy_protocol",
    "tls.mode",
    "tls.hosts",
    "tls.http_addr",
    "tls.email",
    "tls.acme_challenge",
];

/// Keys that only whoever owns the file decides: they are secrets, say where secrets go, or name places of this machine.
const OF_THE_FILE: [&str; 10] = [
    "telemetry.metrics_token",
    "telemetry.otlp_endpoint",
    "telemetry.otlp_headers",
    "server.listen",
    "server.admin_listen",
    "server.socket_mode",
    "tls.cert_file",
    "tls.key_file",
    "tls.acme_directory",
    "tls.acme_root",
];

/// Every such setting of `config`, in the order of the file.
pub fn settings(config: &Config) -> Vec<Setting> {
    // As the file would say it: the same words in, the same words out.
    let (now, usual) = (read(config), read(&Config::default()));
    let one = |key: &Key| Setting {
        key: key.path.to_owned(),
        kind: key.kind.to_owned(),
        value: at(&now, key.path),
        default: at(&usual, key.path),
        meaning: key.meaning.to_owned(),
        example: key.example.to_owned(),
        at_restart: AT_RESTART.contains(&key.path),
    };
    KEYS.iter().filter(|key| is_setting(key.path)).map(one).collect()
}

/// Whether `path` is the key of such a setting.
pub fn is_setting(path: &str) -> bool {
    let is_listed = |prefix: &str| path.split(['.', '[']).next() == Some(prefix);
    let is_table = KEYS.iter().any(|other| other.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    let is_known = KEYS.iter().any(|key| key.path == path && key.kind != "table" && key.kind != "array of tables");
    is_known
        && !is_table
        && !path.contains('[')
        && !OF_THE_FILE.contains(&path)
        && !["presets", "providers", "model_aliases"].into_iter().any(is_listed)
}

fn read(config: &Config) -> toml::Table {
    show(config).parse().unwrap_or_default()
}

fn at(table: &toml::Table, path: &str) -> Option<SettingValue> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (table.get(first)?, rest) {
        (Value::Table(inner), Some(rest)) => at(inner, rest),
        (Value::Boolean(value), None) => Some(SettingValue::Switch(*value)),
        (Value::Integer(value), None) => Some(SettingValue::Number(*value)),
        (Value::Float(value), None) => Some(SettingValue::Decimal(*value)),
        (Value::String(text), None) => Some(SettingValue::Text(text.clone())),
        (Value::Array(list), None) => {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>();
            let numbers = || list.iter().map(Value::as_integer).collect::<Option<_>>().map(SettingValue::Numbers);
            texts.map(SettingValue::Texts).or_else(numbers)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn every_setting_has_a_value_unless_nothing_holds_by_default() {
        let without = ["default_provider", "active_model_profile"];
        for setting in settings(&Config::default()) {
            let is_empty = without.contains(&setting.key.as_str()) || setting.key.starts_with("prices.unknown.cache_");
            assert_eq!(setting.value.is_none(), is_empty, "{}", setting.key);
            assert_eq!(setting.value, setting.default, "{}", setting.key);
        }
    }

    #[test]
    fn values_are_in_the_words_of_the_file() {
        let text = "lossy = 'reject'\n[routing]\nattempts = 7\nbreaker = { recovery = '90s' }\n[server]\ntrusted_proxies = ['10.0.0.0/8']\n";
        let all = settings(&parse(text, "t").unwrap());
        let value = |key: &str| all.iter().find(|one| one.key == key).unwrap().value.clone();
        assert_eq!(value("lossy"), Some(SettingValue::Text("reject".into())));
        assert_eq!(value("routing.attempts"), Some(SettingValue::Number(7)));
        assert_eq!(value("routing.breaker.recovery"), Some(SettingValue::Text("90s".into())));
        assert_eq!(value("server.trusted_proxies"), Some(SettingValue::Texts(vec!["10.0.0.0/8".into()])));
        assert_eq!(value("prices.unknown.input"), Some(SettingValue::Decimal(15.0)));
        for listed in ["providers[].name", "model_aliases", "presets.<id>.env", "routing", "routing.breaker", "nothing"]
        {
            assert!(!is_setting(listed), "{listed}");
        }
    }
}
