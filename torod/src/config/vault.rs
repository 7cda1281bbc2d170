//! Secrets that stand in no file: the configuration names them, and the store of the data folder has them.

use std::fmt;

use http::Uri;
use tokenrouter::catalog::BaseUrl;
use tokenrouter_shared::Secret;

use super::resolve::SecretError;
use super::{Config, ProviderConfig, SecretSource};

/// A secret of the store, as the file names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSecret {
    /// What it is called, such as `provider/openai`.
    pub name: String,
    /// Where it would be sent: `https://host[:port]` each. It is had only if it may be sent to all of them.
    pub origins: Vec<String>,
}

/// Has the secrets that are stored.
pub trait Vault: fmt::Debug + Send + Sync {
    /// The secret `wanted`. Blocks.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may not be sent where it would be.
    fn fetch(&self, wanted: &StoredSecret) -> Result<Secret, SecretError>;
}

/// A vault without any secret.
#[derive(Debug)]
pub struct NoVault;

impl Vault for NoVault {
    fn fetch(&self, wanted: &StoredSecret) -> Result<Secret, SecretError> {
        Err(SecretError::NotStored(wanted.name.clone()))
    }
}

/// What a secret may be called.
pub const SECRET_NAME_RULE: &str = "use 1 to 128 letters, digits, `.`, `_`, `-` and `/`, such as provider/openai";

/// Whether a secret may be called so.
pub fn is_secret_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    (1..=128).contains(&name.len()) && name.bytes().all(valid) && name.split('/').all(is_part)
}

impl Config {
    /// Every secret of the store that the file uses.
    fn stored(&self) -> impl Iterator<Item = &StoredSecret> {
        let credentials = self.providers.iter().flat_map(|provider| &provider.credentials);
        let used = credentials.filter_map(|credential| match &credential.secret {
            SecretSource::Grant(grant) => grant.client_secret.as_ref(),
            source => Some(source),
        });
        let used = used.chain(self.alerts.webhooks.iter().filter_map(|webhook| webhook.secret.as_ref()));
        let used = used.chain(self.telemetry.otlp_headers.iter().map(|(_, source)| source));
        used.filter_map(|source| match source {
            SecretSource::Stored(stored) => Some(stored),
            _ => None,
        })
    }

    /// Whether the file uses the secret `name`.
    pub fn uses_secret(&self, name: &str) -> bool {
        self.stored().any(|stored| stored.name == name)
    }

    /// Where the secret `name` would be sent: where the file uses it, else to the provider that its name speaks of.
    pub fn places_of_secret(&self, name: &str) -> Vec<String> {
        let used = self.stored().filter(|stored| stored.name == name);
        let origins: Vec<String> = used.flat_map(|stored| &stored.origins).cloned().collect();
        let id = name.strip_prefix("provider/").filter(|_| origins.is_empty());
        let Some(id) = id else { return sorted(origins) };
        if let Some(provider) = self.providers.iter().find(|provider| provider.name.eq_ignore_ascii_case(id)) {
            return provider.origins();
        }
        let preset = self.presets.find(id).and_then(|preset| ProviderConfig::public(&preset, &self.egress));
        preset.map(|provider| provider.origins()).unwrap_or_default()
    }
}

/// Where requests to `base` go.
pub(super) fn origin(base: &BaseUrl) -> String {
    format!("{}://{}", base.scheme().as_str(), base.authority())
}

/// Where requests to `url` go; none where it is no URL with a host.
pub fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let usual = match uri.scheme_str()? {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let port = uri.port_u16().filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", uri.scheme_str()?))
}

/// Sorted, each once.
pub(super) fn sorted(mut origins: Vec<String>) -> Vec<String> {
    origins.sort_unstable();
    origins.dedup();
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            ("https://API.example.com/v1", Some("https://api.example.com")),
            ("https://api.example.com:443", Some("https://api.example.com")),
            ("http://127.0.0.1:8080/x?y", Some("http://127.0.0.1:8080")),
            ("https://[::1]:1/", Some("https://[::1]:1")),
            ("ftp://h", None),
            ("/path", None),
            ("h", None),
        ] {
            assert_eq!(origin_of(url).as_deref(), expected, "{url}");
            if let Ok(base) = BaseUrl::parse(url.split('?').next().unwrap()) {
                assert_eq!(Some(origin(&base)), origin_of(url));
            }
        }
    }

    #[test]
    fn names_are_plain() {
        for name in ["a", "provider/openai", "a/b/c.d_e-f"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "a/../b", "a b", "ä", &"x".repeat(129)] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
