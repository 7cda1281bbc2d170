//! `oauth` and `device` of a key: the token server that gives it, and as whom it is asked.

use tokenrouter_shared::Secret;
use toml::de::DeValue;

use super::credential::{self, SecretSource};
use super::egress::Egress;
use super::field::Field;
use super::vault;

/// How a key is fetched from a token server (RFC 6749), as a client that the operator has registered there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantConfig {
    /// Where a device asks for a code for a person (RFC 8628); none: the client signs in as itself.
    pub device_url: Option<String>,
    /// Where tokens are given.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// The client's password, where it has one.
    pub client_secret: Option<SecretSource>,
    /// What the token shall be good for, in the server's words.
    pub scope: Option<String>,
    /// For whom the token shall be good; a parameter that many servers know and no RFC has.
    pub audience: Option<String>,
    /// How the client's password is sent.
    pub auth: ClientAuth,
    /// Where it may be connected to.
    pub egress: Egress,
}

/// How a client proves who it is (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the form.
    Post,
}

impl ClientAuth {
    /// Its name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Post => "post",
        }
    }
}

impl GrantConfig {
    /// Whether a person must sign in.
    pub const fn is_device(&self) -> bool {
        self.device_url.is_some()
    }

    /// The name of its table in the file.
    pub const fn key(&self) -> &'static str {
        if self.is_device() { "device" } else { "oauth" }
    }

    /// What tells it from others: everything but the client's password.
    pub fn identity(&self) -> String {
        let device = self.device_url.as_deref().unwrap_or_default();
        let parts = [self.key(), device, &self.token_url, &self.client_id];
        let more = [self.scope.as_deref().unwrap_or_default(), self.audience.as_deref().unwrap_or_default()];
        // Lengths keep two lists of parts from being the same text.
        parts.iter().chain(&more).fold(String::new(), |text, part| text + &format!("{}:{part}\n", part.len()))
    }
}

/// Reads the table of `oauth`, or with `is_device` of `device`.
pub(super) fn read(field: &Field<'_>, is_device: bool) -> Option<SecretSource> {
    hide(field);
    let mut section = field.section()?;
    let device_url = if is_device { Some(section.take("device_url")) } else { None };
    let token_url = section.take("token_url");
    let client_id = section.take("client_id");
    let client_secret = section.take("client_secret");
    let scope = section.take("scope").and_then(|scope| text(&scope));
    let audience = section.take("audience").and_then(|audience| text(&audience));
    let mut auth = ClientAuth::default();
    section.set_choice("auth", &[("basic", ClientAuth::Basic), ("post", ClientAuth::Post)], &mut auth);
    section.finish();
    let missing = |name: &str, example: &str| field.refuse(format!("`{name}` is missing"), format!("add `{example}`"));
    if token_url.is_none() {
        missing("token_url", "token_url = \"https://login.example.com/oauth/token\"");
    }
    if matches!(device_url, Some(None)) {
        missing("device_url", "device_url = \"https://login.example.com/oauth/device/code\"");
    }
    if client_id.is_none() {
        missing("client_id", "client_id = \"gateway\"");
    }
    if client_secret.is_none() && !is_device {
        missing("client_secret", "client_secret = \"${CLIENT_SECRET}\"");
    }
    // Each is looked at before the first that is wrong ends it.
    let client_secret = client_secret.map(|secret| credential::read_source(&secret, "CLIENT_SECRET"));
    let device_url = device_url.map(|url| url.and_then(|url| server_url(&url)));
    let token_url = token_url.and_then(|url| server_url(&url));
    let client_id = client_id.and_then(|id| text(&id));
    let given = |secret: Option<Option<SecretSource>>| match secret {
        Some(secret) => secret.map(Some),
        None => is_device.then_some(None),
    };
    let device_url = match device_url {
        Some(url) => Some(url?),
        None => None,
    };
    let mut client_secret = given(client_secret)?;
    let (token_url, client_id) = (token_url?, client_id?);
    let origins = [Some(&token_url), device_url.as_ref()].into_iter().flatten().filter_map(|url| vault::origin_of(url));
    let origins = vault::sorted(origins.collect());
    if let Some(secret) = &mut client_secret {
        secret.bind(&origins);
    }
    let egress = field.report.egress();
    let grant = GrantConfig { device_url, token_url, client_id, client_secret, scope, audience, auth, egress };
    Some(SecretSource::Grant(Box::new(grant)))
}

fn text(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        field.refuse("this is empty or holds control characters", field.example());
        return None;
    }
    Some(text.to_owned())
}

/// A URL that a secret may be sent to: by TLS, or without leaving this machine.
fn server_url(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    let fault = match text.parse::<http::Uri>() {
        Err(_) => Some("this is no URL"),
        Ok(_) if text.contains('#') => Some("the URL must not hold a fragment (`#…`)"),
        Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            field.hide();
            Some("the URL must not hold a user name or password")
        }
        Ok(uri) => match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(host)) if !host.is_empty() => None,
            (Some("http"), Some(host)) if is_here(host) => None,
            (Some("http"), Some(_)) => Some("without TLS others could read what is sent there"),
            _ => Some("this is no URL"),
        },
    };
    if let Some(fault) = fault {
        field.refuse(fault, "write one that starts with https://");
        return None;
    }
    let host = text.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    if let Err(denial) = field.report.egress().check_host(&host) {
        let advice = denial.advice("use another URL");
        field.refuse(denial.why, advice);
        return None;
    }
    Some(text.to_owned())
}

/// Whether `host` is this machine for sure.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The client's password, if it stands in the file itself.
pub(super) fn literal(grant: &GrantConfig) -> Option<&Secret> {
    match &grant.client_secret {
        Some(SecretSource::Literal(secret)) => Some(secret),
        _ => None,
    }
}

/// Keeps what may be a secret out of quoted lines; of a table each value is looked at by itself.
pub(super) fn hide(field: &Field<'_>) {
    if !matches!(field.value, DeValue::Table(_)) {
        field.hide();
    }
}
