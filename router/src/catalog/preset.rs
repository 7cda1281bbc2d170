//! One well-known provider: where it is, what it speaks, how it takes a key, and what its URL must be told first.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

use super::{AuthStyle, BaseUrl, BaseUrlError};
use crate::Protocol;
use crate::dialect::Quirk;
use crate::quota::Reader;

/// The longest value that may stand in a URL in the place of a placeholder, in bytes.
const LONGEST_VALUE: usize = 128;

/// A provider that needs no URL in the configuration.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::catalog::{AuthStyle, Preset};
///
/// let preset = Preset::find("anthropic").ok_or("no such preset")?;
/// assert_eq!((preset.env[0].as_str(), preset.needs_key()), ("ANTHROPIC_API_KEY", true));
/// assert_eq!(preset.endpoint(Protocol::Anthropic).map(|e| e.auth), Some(AuthStyle::XApiKey));
///
/// // Where a URL depends on the account, it must be told; no URL has a gap left in it.
/// let azure = Preset::find("azure").ok_or("no such preset")?;
/// let endpoint = azure.endpoint(Protocol::OpenAi).ok_or("no such protocol")?;
/// assert!(endpoint.url(&|_| None).is_err());
/// let url = endpoint.url(&|name| (name == "resource_name").then_some("work"))?;
/// assert_eq!(url.join(Protocol::OpenAi, "/models"), "https://work.openai.azure.com/openai/v1/models");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The value of `provider_type`.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Other ids by which it is found.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Protocols spoken natively, the preferred one first.
    #[serde(rename = "protocols", deserialize_with = "endpoints")]
    pub endpoints: Vec<PresetEndpoint>,
    /// Environment variables that hold a key, the usual one first. Empty where no key is needed.
    #[serde(default)]
    pub env: Vec<String>,
    /// Where its models are listed.
    #[serde(default)]
    pub models_url: ModelList,
    /// Models that are known without a list.
    #[serde(default)]
    pub models: Vec<String>,
    /// Where a person gets a key; empty where nobody gives any.
    #[serde(default)]
    pub key_page: String,
    /// The vendor's documentation.
    #[serde(default)]
    pub docs: String,
    /// Whether something can be had for nothing with a key.
    #[serde(default)]
    pub free_tier: bool,
    /// Whether it serves without any key.
    #[serde(default)]
    pub public: bool,
    /// In which words it tells its rate limits.
    #[serde(default)]
    pub rate_limit: RateLimit,
    /// Where it is asked what is left of its account.
    #[serde(default)]
    pub quota: Reader,
    /// The usual port of a server on this machine.
    #[serde(default)]
    pub local_port: Option<u16>,
    /// The placeholders in its URLs: what each is, and where to find it.
    #[serde(default)]
    pub needs: BTreeMap<String, String>,
    /// Which of its models serve without a key: names, or with `*` before them their ends; empty: every one.
    #[serde(default)]
    pub free_models: Vec<String>,
    /// What else a person must know.
    #[serde(default)]
    pub note: String,
}

/// One protocol of a preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetEndpoint {
    /// The protocol spoken there.
    pub protocol: Protocol,
    /// Base URL, perhaps with `{placeholders}`; [`Self::url`] fills them.
    pub base_url: String,
    /// How the key is sent.
    pub auth: AuthStyle,
    /// Whether its paths have a version segment.
    pub versioned: bool,
    /// What every URL ends with, such as `api-version=2024-10-21`; empty for nothing.
    pub query: String,
    /// How it differs from what the protocol's unknown provider is taken for.
    pub quirks: Vec<Quirk>,
    /// Quirks of the unknown provider that it does not have.
    pub lacks: Vec<Quirk>,
}

/// Where a provider lists its models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ModelList {
    /// At `/models` beneath its base URL.
    #[default]
    Usual,
    /// Nowhere.
    Unlisted,
    /// At this URL, which may have placeholders; asked in the provider's first protocol.
    At(String),
}

impl From<String> for ModelList {
    fn from(text: String) -> Self {
        if text == "none" { Self::Unlisted } else { Self::At(text) }
    }
}

/// The words in which a provider tells its rate limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateLimit {
    /// None that are known.
    #[default]
    None,
    /// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`.
    OpenAi,
    /// `anthropic-ratelimit-…`.
    Anthropic,
    /// As OpenAI's with the window at the end: `…-requests-day`, `…-tokens-minute`.
    Windowed,
    /// The structured `RateLimit` and `RateLimit-Policy`.
    Ietf,
}

impl RateLimit {
    /// Every family.
    pub const ALL: [Self; 5] = [Self::None, Self::OpenAi, Self::Anthropic, Self::Windowed, Self::Ietf];

    /// Its name in presets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Windowed => "windowed",
            Self::Ietf => "ietf",
        }
    }
}

/// Why a preset gives no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresetError {
    /// A placeholder has no value.
    Missing(String),
    /// A placeholder's value holds more than letters, digits, `.`, `_` and `-`, or is empty or too long.
    Value(String),
    /// What came out is no URL.
    Url(BaseUrlError),
}

impl fmt::Display for PresetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the URL needs `{name}`"),
            Self::Value(name) => write!(f, "`{name}` must be 1 to 128 letters, digits, `.`, `_` and `-`"),
            Self::Url(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PresetError {}

impl Preset {
    /// Whether calls need a key.
    pub const fn needs_key(&self) -> bool {
        self.local_port.is_none() && !self.public
    }

    /// The endpoint for `protocol`, if the provider speaks it.
    pub fn endpoint(&self, protocol: Protocol) -> Option<&PresetEndpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.protocol == protocol)
    }

    /// Whether `model` is one that serves without a key.
    pub fn is_free(&self, model: &str) -> bool {
        let fits = |pattern: &String| pattern.strip_prefix('*').map_or(pattern == model, |end| model.ends_with(end));
        self.public && (self.free_models.is_empty() || self.free_models.iter().any(fits))
    }

    /// Whether `text` names it: by id or alias, without regard to case, `_` as good as `-`.
    pub fn is_called(&self, text: &str) -> bool {
        let text = spelling(text);
        spelling(&self.id) == text || self.aliases.iter().any(|alias| spelling(alias) == text)
    }

    /// The URL of its model list, if that is not where the protocol has it.
    ///
    /// # Errors
    ///
    /// As [`PresetEndpoint::url`].
    pub fn list_url<'v>(&self, account: &dyn Fn(&str) -> Option<&'v str>) -> Result<Option<String>, PresetError> {
        let ModelList::At(template) = &self.models_url else { return Ok(None) };
        let url = fill(template, account)?;
        BaseUrl::parse(&url).map_err(PresetError::Url)?;
        Ok(Some(url))
    }
}

impl PresetEndpoint {
    /// An endpoint at `base_url` without anything special.
    pub fn new(protocol: Protocol, base_url: &str) -> Self {
        Self {
            protocol,
            base_url: base_url.to_owned(),
            auth: AuthStyle::usual(protocol),
            versioned: true,
            query: String::new(),
            quirks: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// Its base URL, with what `account` gives for each placeholder.
    ///
    /// # Errors
    ///
    /// Where a placeholder has no value, or one that could change more than its place in the URL.
    pub fn url<'v>(&self, account: &dyn Fn(&str) -> Option<&'v str>) -> Result<BaseUrl, PresetError> {
        let url = BaseUrl::parse(&fill(&self.base_url, account)?).map_err(PresetError::Url)?;
        self.at(url).map_err(PresetError::Url)
    }

    /// The same server at another URL: its paths are those of the preset.
    ///
    /// # Errors
    ///
    /// Where the preset's query cannot stand in a URL.
    pub fn at(&self, url: BaseUrl) -> Result<BaseUrl, BaseUrlError> {
        let url = if self.versioned { url } else { url.without_version() };
        url.with_query(&self.query)
    }

    /// The names of the placeholders in its URL.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        placeholders(&self.base_url)
    }
}

/// How ids are compared.
pub(super) fn spelling(id: &str) -> String {
    id.trim().to_ascii_lowercase().replace(['_', ' '], "-")
}

fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

fn fill<'v>(template: &str, account: &dyn Fn(&str) -> Option<&'v str>) -> Result<String, PresetError> {
    let mut url = template.to_owned();
    for name in placeholders(template) {
        let value = account(name).ok_or_else(|| PresetError::Missing(name.to_owned()))?;
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if value.is_empty() || value.len() > LONGEST_VALUE || !value.bytes().all(valid) {
            return Err(PresetError::Value(name.to_owned()));
        }
        url = url.replace(&format!("{{{name}}}"), value);
    }
    Ok(url)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Url(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    auth: Option<AuthStyle>,
    #[serde(default = "yes")]
    version: bool,
    #[serde(default)]
    query: String,
    #[serde(default)]
    quirks: Vec<Quirk>,
    #[serde(default)]
    lacks: Vec<Quirk>,
}

const fn yes() -> bool {
    true
}

/// The table of protocols in its own order: the first is the preferred one.
fn endpoints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PresetEndpoint>, D::Error> {
    struct Endpoints;

    impl<'de> Visitor<'de> for Endpoints {
        type Value = Vec<PresetEndpoint>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of protocols with their URLs")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some((name, written)) = map.next_entry::<String, Written>()? {
                let protocol: Protocol = name.parse().map_err(de::Error::custom)?;
                let plain = PresetEndpoint::new(protocol, "");
                found.push(match written {
                    Written::Url(base_url) => PresetEndpoint { base_url, ..plain },
                    Written::Table(table) => PresetEndpoint {
                        protocol,
                        base_url: table.url,
                        auth: table.auth.unwrap_or(plain.auth),
                        versioned: table.version,
                        query: table.query,
                        quirks: table.quirks,
                        lacks: table.lacks,
                    },
                });
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(Endpoints)
}
