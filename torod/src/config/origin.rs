//! Where each value came from: the environment's variable, the file's line, or neither, which is the default.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::{Environment, Paths, file};

/// The origins of all keys that somebody set, by paths such as `limits.request_body` and `providers.groq.api_key`.
pub fn origins(paths: &Paths) -> BTreeMap<String, String> {
    let text = file::read_text(&paths.config_file).unwrap_or_default();
    let name = paths.config_file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    all(&text, &name, &paths.environment)
}

fn all(text: &str, name: &str, environment: &Environment) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (table, _) = DeTable::parse_recoverable(text);
    walk(text, name, "", table.get_ref(), &mut found);
    for setting in environment.settings() {
        // What the variable says as a whole, the file says no part of.
        let inside = format!("{}.", setting.key);
        found.retain(|key, _| !key.starts_with(&inside));
        found.insert(setting.key, setting.variable);
    }
    found
}

fn walk(text: &str, file: &str, before: &str, table: &DeTable<'_>, found: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = if before.is_empty() { key.get_ref().to_string() } else { format!("{before}.{}", key.get_ref()) };
        match value.get_ref() {
            DeValue::Table(inner) => walk(text, file, &path, inner, found),
            DeValue::Array(list) if path == "providers" => {
                for one in list {
                    let DeValue::Table(inner) = one.get_ref() else { continue };
                    if let Some(DeValue::String(name)) = inner.get("name").map(toml::Spanned::get_ref) {
                        walk(text, file, &format!("{path}.{}", super::environment::provider_name(name)), inner, found);
                    }
                }
            }
            _ => {
                let line = text.get(..key.span().start).unwrap_or("").matches('\n').count() + 1;
                found.insert(path, format!("{file}:{line}"));
            }
        }
    }
}

/// `shown`, which is TOML as `show` writes it, with the origin behind each value that somebody set.
pub fn annotated(shown: &str, origins: &BTreeMap<String, String>) -> String {
    let (mut section, mut text) = (String::new(), String::new());
    for line in shown.lines() {
        text += line;
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']).replace('"', "");
        } else if let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with('#')) {
            if section == "providers" && key == "name" {
                let name = value.trim_matches(['"', '\'']);
                section = format!("providers.{}", super::environment::provider_name(name));
            }
            let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            text += &told(origins, &path);
        } else if line.starts_with("# key from ") {
            // A key itself is not shown, but where it is from is.
            text += &told(origins, &format!("{section}.api_key"));
        }
        text.push('\n');
    }
    text
}

/// Where the value at `path` is from, and whatever is inside of it.
fn told(origins: &BTreeMap<String, String>, path: &str) -> String {
    let inside = format!("{path}.");
    let mut named: Vec<&str> = Vec::new();
    for (key, origin) in origins {
        if (key == path || key.starts_with(&inside)) && !named.contains(&origin.as_str()) {
            named.push(origin);
        }
    }
    if named.is_empty() { String::new() } else { format!("  # {}", named.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{examine_with, show};

    const FILE: &str = "lossy = 'reject'\n\n[limits]\nconcurrent = 5\nburst = 9\n[routing.breaker]\nfailures = 2\n\
                        [[providers]]\nname = 'Work'\nbase_url = 'http://127.0.0.1:9'\n";

    #[test]
    fn every_value_that_was_set_says_where() {
        let variables = [
            ("TOROD_LIMITS__BURST", "8"),
            ("TOROD_PROVIDERS__WORK__PRIORITY", "4"),
            ("TOROD_ROUTING__BREAKER__RECOVERY", "9s"),
        ];
        let environment = Environment::of(variables.iter().map(|(name, value)| (name.into(), value.into())));
        let config = examine_with(FILE, "torod.toml", &environment).config;
        let text = annotated(&show(&config), &all(FILE, "torod.toml", &environment));
        for line in [
            "lossy = \"reject\"  # torod.toml:1",
            "concurrent = 5  # torod.toml:4",
            "burst = 8  # TOROD_LIMITS__BURST",
            "priority = 4  # TOROD_PROVIDERS__WORK__PRIORITY",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        let breaker = text.lines().find(|line| line.starts_with("breaker = ")).unwrap();
        assert!(breaker.contains("torod.toml:7") && breaker.contains("TOROD_ROUTING__BREAKER__RECOVERY"), "{breaker}");
        let default = text.lines().find(|line| line.starts_with("listen_addr")).unwrap();
        assert!(!default.contains('#'), "{default}");
        assert_eq!(examine_with(&text, "shown", &Environment::default()).config.limits, config.limits);
    }

    #[test]
    fn a_variable_for_a_table_covers_what_the_file_says_inside_it() {
        let environment = Environment::of([("TOROD_ROUTING__BREAKER".into(), "{ failures = 3 }".into())].into_iter());
        let found = all(FILE, "f", &environment);
        assert_eq!(found.get("routing.breaker").map(String::as_str), Some("TOROD_ROUTING__BREAKER"));
        assert!(!found.contains_key("routing.breaker.failures"));
    }
}
