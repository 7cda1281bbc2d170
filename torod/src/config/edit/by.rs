//! Who edits the file: its owner, who may write anything into it, or somebody by the admin API, who may not have this
//! machine run, read or give away what the owner did not mean to.

use super::EditError;
use crate::config::{Config, CredentialConfig, ProviderConfig, SecretSource};

/// Who edits the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Whoever can write the file anyway.
    Owner,
    /// A request to the admin API.
    Api,
}

impl By {
    /// Why he may not turn `before` into `after`, if he may not.
    pub(super) fn objection(self, before: &Config, after: &Config) -> Option<EditError> {
        match self {
            Self::Owner => None,
            Self::Api => after.providers.iter().find_map(|provider| {
                let known = before.providers.iter().find(|known| known.name == provider.name);
                objection(known, provider)
            }),
        }
    }
}

fn objection(known: Option<&ProviderConfig>, provider: &ProviderConfig) -> Option<EditError> {
    let refused = |why: String| Some(EditError::NotByApi { provider: provider.name.clone(), why });
    let is_kept = |key: &CredentialConfig| {
        known.is_some_and(|known| known.credentials.iter().any(|then| same_source(&then.secret, &key.secret)))
    };
    let elsewhere = known.and_then(|known| {
        let before = known.origins();
        provider.origins().into_iter().find(|origin| !before.contains(origin))
    });
    for key in &provider.credentials {
        if !is_kept(key) {
            if let Some(what) = of_this_machine(provider, &key.secret) {
                return refused(format!("its key would come from {what}"));
            }
        } else if let Some(origin) = elsewhere.as_ref().filter(|_| !is_bound(&key.secret)) {
            return refused(format!("a key of the file would be sent to {origin}"));
        }
    }
    // What goes with every call may be a key as well.
    let is_extra_kept = known.is_some_and(|known| provider.headers.iter().any(|field| known.headers.contains(field)));
    match elsewhere.filter(|_| is_extra_kept) {
        Some(origin) => refused(format!("its `headers` would be sent to {origin}")),
        None => None,
    }
}

/// The same whatever it is bound to.
fn same_source(one: &SecretSource, other: &SecretSource) -> bool {
    match (one, other) {
        (SecretSource::Stored(one), SecretSource::Stored(other)) => one.name == other.name,
        _ => one == other,
    }
}

/// Whether it guards itself: it is given out for the places alone that it was given for.
const fn is_bound(source: &SecretSource) -> bool {
    matches!(source, SecretSource::Stored(_))
}

/// What of this machine a key would be taken from: a program that would be run, a file or a variable that would be read.
fn of_this_machine(provider: &ProviderConfig, source: &SecretSource) -> Option<&'static str> {
    match source {
        SecretSource::Command(_) => Some("a command"),
        SecretSource::File(_) => Some("a file"),
        // The well-known variable of a well-known provider, at its own address.
        SecretSource::Env(name) => {
            let preset = provider.preset.as_ref().filter(|preset| preset.env.iter().any(|known| known == name));
            let usual = preset.and_then(|preset| ProviderConfig::public(preset, &provider.egress));
            let is_usual = usual.is_some_and(|usual| usual.origins() == provider.origins());
            (!is_usual).then_some("a variable of the environment")
        }
        SecretSource::Grant(grant) => grant.client_secret.as_ref().and_then(|secret| of_this_machine(provider, secret)),
        SecretSource::Literal(_) | SecretSource::Stored(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn said(before: &str, after: &str) -> Option<String> {
        let config = |inside: &str| parse(&format!("[[providers]]\nname = \"a\"\n{inside}\n"), "t").unwrap();
        assert!(By::Owner.objection(&config(before), &config(after)).is_none());
        By::Api.objection(&config(before), &config(after)).map(|error| error.to_string())
    }

    const HERE: &str = "base_url = \"https://a.example/v1\"\n";

    #[test]
    fn the_api_runs_and_reads_nothing_that_the_file_did_not_name() {
        let with = |key: &str| format!("{HERE}api_key = {key}");
        let none = with("{ value = \"sk-a\" }");
        for (key, what) in [
            ("{ command = \"id > /tmp/owned\" }", "a command"),
            ("{ command = [\"id\"] }", "a command"),
            ("{ file = \"/etc/shadow\" }", "a file"),
            ("\"${AWS_SECRET_ACCESS_KEY}\"", "a variable"),
            ("{ env = \"AWS_SECRET_ACCESS_KEY\" }", "a variable"),
            (
                "{ oauth = { token_url = \"https://a.example/t\", client_id = \"c\", client_secret = { command = \"id\" } } }",
                "a command",
            ),
        ] {
            let why = said(&none, &with(key)).unwrap();
            assert!(why.contains(what) && why.contains("torod.toml"), "{key}: {why}");
            // What stands there already stays.
            assert_eq!(said(&with(key), &format!("{}\npriority = 3", with(key))), None, "{key}");
        }
        let changed = said(&with("{ command = \"pass show a\" }"), &with("{ command = \"pass show b\" }"));
        assert!(changed.unwrap().contains("a command"));
        for key in ["\"sk-new\"", "{ secret = \"provider/a\" }"] {
            assert_eq!(said(&none, &with(key)), None, "{key}");
        }
        let groq = |more: &str| format!("provider_type = \"groq\"\napi_key = \"${{GROQ_API_KEY}}\"\n{more}");
        assert_eq!(said(HERE, &groq("")), None);
        assert!(said(HERE, &groq("base_url = \"https://evil.example\"")).is_some());
    }

    #[test]
    fn the_api_sends_no_key_of_the_file_elsewhere() {
        let at = |url: &str, key: &str| format!("base_url = \"{url}\"\n{key}");
        for key in ["api_key = \"sk-a\"", "api_key = { command = \"pass show a\" }", "headers = { \"x-key\" = \"k\" }"]
        {
            let (here, there) = (at("https://a.example/v1", key), at("https://evil.example/v1", key));
            let why = said(&here, &there).unwrap();
            assert!(why.contains("https://evil.example"), "{why}");
            assert_eq!(said(&here, &at("https://a.example/v2", key)), None);
        }
        let stored = "api_key = { secret = \"provider/a\" }";
        assert_eq!(said(&at("https://a.example", stored), &at("https://b.example", stored)), None);
        assert_eq!(
            said(&at("https://a.example", "api_key = \"k\""), &at("https://b.example", "api_key = \"l\"")),
            None
        );
    }
}
