//! `[[providers]]`: who is called, where, with which keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter::Protocol;
use tokenrouter::call::Timeouts;
use tokenrouter::catalog::{BaseUrl, BaseUrlError, ModelList, Preset, Presets};
use tokenrouter_shared::Secret;

use super::account::{self, Account};
use super::credential::{self, CredentialConfig};
use super::egress::Egress;
use super::field::Field;
use super::header;
use super::model::ModelConfig;
use super::section::{Section, shorten};
use super::vault;

/// What to do where nothing known has a similar name.
const UNKNOWN: &str = "docs/providers.md has all that are; for any other leave it out and set `base_url`, or describe it \
                       under `[presets.NAME]`";

/// One provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Unique without regard to case; letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Id of a preset.
    pub provider_type: Option<String>,
    /// That preset.
    pub preset: Option<Arc<Preset>>,
    /// Whether it is called at all.
    pub enabled: bool,
    /// Smaller is tried first.
    pub priority: i32,
    /// What it speaks natively and where, the preferred protocol first. Not empty after a reading without errors.
    pub protocols: Vec<(Protocol, BaseUrl)>,
    /// Where it lists its models; a URL is whole.
    pub model_list: ModelList,
    /// Its keys; empty for servers that need none.
    pub credentials: Vec<CredentialConfig>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Idle connections that are kept open.
    pub max_idle_connections: usize,
    /// Requests in flight to it; 0: as `limits.concurrent_per_provider` says.
    pub concurrent: usize,
    /// Requests a minute to it; 0: as many as come.
    pub requests_per_minute: u32,
    /// LLM tokens a minute to it; 0: as many as come.
    pub tokens_per_minute: u64,
    /// Whether upstream is asked to report usage at the end of a stream.
    pub stream_usage: bool,
    /// Models with what is known about them.
    pub models: Vec<ModelConfig>,
    /// Static headers sent with every call. Their values may be secret: `Debug` leaves them out.
    pub headers: Vec<(String, Secret)>,
    /// Where it may be connected to.
    pub egress: Egress,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            provider_type: None,
            preset: None,
            enabled: true,
            priority: 0,
            protocols: Vec::new(),
            model_list: ModelList::Usual,
            credentials: Vec::new(),
            timeouts: Timeouts::default(),
            max_idle_connections: 64,
            concurrent: 0,
            requests_per_minute: 0,
            tokens_per_minute: 0,
            stream_usage: true,
            models: Vec::new(),
            headers: Vec::new(),
            egress: Egress::default(),
        }
    }
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("ProviderConfig")
            .field("name", &self.name)
            .field("provider_type", &self.provider_type)
            .field("preset", &self.preset)
            .field("enabled", &self.enabled)
            .field("priority", &self.priority)
            .field("protocols", &self.protocols)
            .field("model_list", &self.model_list)
            .field("credentials", &self.credentials)
            .field("timeouts", &self.timeouts)
            .field("max_idle_connections", &self.max_idle_connections)
            .field("concurrent", &self.concurrent)
            .field("requests_per_minute", &self.requests_per_minute)
            .field("tokens_per_minute", &self.tokens_per_minute)
            .field("stream_usage", &self.stream_usage)
            .field("models", &self.models)
            .field("headers", &headers)
            .field("egress", &self.egress)
            .finish()
    }
}

impl ProviderConfig {
    /// Reads one `[[providers]]` table. `taken` holds the names of those before it.
    pub(super) fn read(mut section: Section<'_>, taken: &[String], presets: &Presets) -> Self {
        let egress = section.report.egress();
        let mut provider = Self { name: read_name(&mut section, taken), egress, ..Self::default() };
        let preset = read_preset(&mut section, presets);
        let preset = preset.as_deref();
        provider.provider_type = preset.map(|preset| preset.id.clone());
        provider.preset = preset.and_then(|preset| presets.find(&preset.id));
        let account = account::read(&mut section, preset);
        section.set_bool("enabled", &mut provider.enabled);
        section.set_integer("priority", -1_000_000..1_000_001, &mut provider.priority);
        let is_moved = section.has("base_url") || section.has("protocols");
        provider.protocols = read_protocols(&mut section, preset, &account, &provider.name);
        for (_, url) in provider.protocols.iter().filter(|_| !is_moved) {
            if let Err(denial) = provider.egress.check_host(url.host()) {
                let advice = denial.advice("leave this provider out");
                section.report.error(section.span.clone(), &section.path_of("provider_type"), denial.why, advice);
                break;
            }
        }
        provider.model_list = match preset.map(|preset| &preset.models_url) {
            Some(ModelList::Unlisted) => ModelList::Unlisted,
            // Traffic must not pass by the URL that was set.
            Some(ModelList::At(_)) if !is_moved => {
                let url = preset.and_then(|preset| preset.list_url(&|name| account.get(name)).ok());
                url.flatten().map_or(ModelList::Usual, ModelList::At)
            }
            _ => ModelList::Usual,
        };
        provider.credentials = credential::read_all(&mut section, preset);
        provider.bind();
        if let Some(timeouts) = section.section("timeouts") {
            provider.timeouts = read_timeouts(timeouts);
        }
        section.set_integer("max_idle_connections", 0..100_001, &mut provider.max_idle_connections);
        section.set_integer("concurrent", 0..1_000_001, &mut provider.concurrent);
        section.set_integer("requests_per_minute", 0..1_000_001, &mut provider.requests_per_minute);
        section.set_integer("tokens_per_minute", 0..1_000_000_000_001, &mut provider.tokens_per_minute);
        section.set_bool("stream_usage", &mut provider.stream_usage);
        provider.models = ModelConfig::read_all(&mut section);
        if let Some(headers) = section.section("headers") {
            provider.headers = header::read_all(&headers);
        }
        section.finish();
        provider
    }
}

impl ProviderConfig {
    /// Where its keys are sent.
    pub fn origins(&self) -> Vec<String> {
        let mut origins: Vec<String> = self.protocols.iter().map(|(_, url)| vault::origin(url)).collect();
        if let ModelList::At(url) = &self.model_list {
            origins.extend(vault::origin_of(url));
        }
        vault::sorted(origins)
    }

    /// Has its stored keys for these places alone.
    fn bind(&mut self) {
        let origins = self.origins();
        self.credentials.iter_mut().for_each(|credential| credential.secret.bind(&origins));
    }
}

fn read_timeouts(mut section: Section<'_>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    for (key, target) in
        [("connect", &mut timeouts.connect), ("first_byte", &mut timeouts.first_byte), ("idle", &mut timeouts.idle)]
    {
        let range = Duration::from_millis(1)..=Duration::from_hours(168);
        if let Some(value) = section.take(key).and_then(|field| field.duration(range)) {
            *target = value;
        }
    }
    section.finish();
    timeouts
}

/// What a name may be.
pub const NAME_RULE: &str = "use 1 to 64 letters, digits, `.`, `_` and `-`";

/// Whether a provider may be called so.
pub fn is_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(valid)
}

/// Ends of paths that people copy with a base URL.
const TAILS: [&str; 6] = ["/chat/completions", "/completions", "/responses", "/messages", "/models", "/chat"];

/// A URL without the path of an operation, which torod adds itself, and that path.
pub fn without_operation(url: &str) -> Option<(&str, &'static str)> {
    let url = url.trim_end_matches('/');
    TAILS.into_iter().find_map(|tail| Some((url.strip_suffix(tail)?, tail)))
}

fn read_name(section: &mut Section<'_>, taken: &[String]) -> String {
    let Some(field) = section.take("name") else {
        section.report.error(
            section.span.clone(),
            &section.path_of("name"),
            "this provider has no `name`".to_owned(),
            "add `name = \"openai\"`".to_owned(),
        );
        return String::new();
    };
    let Some(name) = field.string() else { return String::new() };
    if !is_name(name) {
        field.refuse(format!("`{}` is no provider name", shorten(name)), NAME_RULE);
    } else if let Some(other) = taken.iter().find(|other| other.eq_ignore_ascii_case(name)) {
        field.refuse(format!("there is already a provider `{other}`"), "give each provider its own name");
    }
    name.to_owned()
}

fn read_preset(section: &mut Section<'_>, presets: &Presets) -> Option<Arc<Preset>> {
    let field = section.take("provider_type")?;
    let id = field.string()?;
    let preset = presets.find(id);
    if preset.is_none() {
        let id = shorten(id);
        match (Preset::gone(&id), presets.closest(&id)) {
            (Some(gone), _) => field.refuse(format!("provider_type `{id}` cannot be called"), gone.why.clone()),
            (None, Some(known)) => {
                field.refuse(format!("unknown provider_type `{id}`"), format!("did you mean \"{known}\"?"));
            }
            (None, None) => field.refuse(format!("unknown provider_type `{id}`"), UNKNOWN),
        }
    }
    preset
}

/// `protocols` wins; `base_url` moves the preset's first server; else the preset's own URLs. What the preset says of a
/// protocol's paths holds at every URL.
fn read_protocols(
    section: &mut Section<'_>,
    preset: Option<&Preset>,
    account: &Account,
    name: &str,
) -> Vec<(Protocol, BaseUrl)> {
    let base_url = section.take("base_url");
    let protocols = section.take("protocols");
    if let (Some(base_url), Some(_)) = (&base_url, &protocols) {
        base_url.refuse("`base_url` and `protocols` are both given", "keep one; `protocols` can name every URL");
    }
    if let Some(field) = protocols {
        let Some(mut table) = field.section() else { return Vec::new() };
        let mut spoken: Vec<_> = Protocol::ALL
            .into_iter()
            .filter_map(|protocol| table.take(protocol.as_str()).map(|url| (protocol, url)))
            .collect();
        spoken.sort_by_key(|(_, url)| url.span.start);
        let is_empty = table.entries().is_empty();
        table.finish();
        if is_empty {
            field.refuse("`protocols` names no known protocol", field.example());
        }
        return spoken
            .into_iter()
            .filter_map(|(protocol, url)| Some((protocol, like(preset, protocol, read_url(&url)?))))
            .collect();
    }
    if let Some(field) = base_url {
        let Some(url) = read_url(&field) else { return Vec::new() };
        let first = preset.and_then(|preset| preset.endpoints.first());
        let moved = preset.map_or(&[][..], |preset| &preset.endpoints);
        // Protocols that the preset has at another server stay away: traffic must not pass by the URL that was set.
        let mut spoken: Vec<_> = moved
            .iter()
            .filter(|endpoint| first.is_some_and(|first| first.base_url == endpoint.base_url))
            .map(|endpoint| (endpoint.protocol, like(preset, endpoint.protocol, url.clone())))
            .collect();
        if spoken.is_empty() {
            spoken.push((Protocol::OpenAi, url));
        }
        return spoken;
    }
    if preset.is_none() && !section.has("provider_type") {
        let advice = match Preset::find(name) {
            Some(preset) => format!("add `provider_type = \"{}\"`", preset.id),
            None => {
                "add `base_url = \"https://llm.example.com/v1\"`, or `provider_type` for a well-known one".to_owned()
            }
        };
        let message = format!("provider `{}` has no URL", shorten(name));
        section.report.error(section.span.clone(), &section.path_of("base_url"), message, advice);
    }
    preset.map_or_else(Vec::new, |preset| account::urls(section, preset, account))
}

/// `url` with what the preset says of the protocol's paths.
fn like(preset: Option<&Preset>, protocol: Protocol, url: BaseUrl) -> BaseUrl {
    let endpoint = preset.and_then(|preset| preset.endpoint(protocol));
    endpoint.and_then(|endpoint| endpoint.at(url.clone()).ok()).unwrap_or(url)
}

fn read_url(field: &Field<'_>) -> Option<BaseUrl> {
    let text = field.string()?;
    let error = match BaseUrl::parse(text) {
        Ok(url) => {
            // A server may well be at /models or /chat.
            let operation = without_operation(text).filter(|(_, tail)| tail.matches('/').count() > 1 || tail.len() > 8);
            if let Some((bare, tail)) = operation {
                let message = format!("the URL ends in {tail}, which torod adds itself");
                field.doubt(message, format!("write \"{bare}\""));
            }
            if let Err(denial) = field.report.egress().check_host(url.host()) {
                let advice = denial.advice("use another URL");
                field.refuse(denial.why, advice);
            }
            return Some(url);
        }
        Err(error) => error,
    };
    let advice = match error {
        BaseUrlError::UserInfo | BaseUrlError::Query => {
            field.hide();
            "give the key as `api_key`".to_owned()
        }
        BaseUrlError::Path | BaseUrlError::Host if text.contains('{') => "fill in the part in braces".to_owned(),
        _ => "write it like \"https://llm.example.com/v1\"".to_owned(),
    };
    field.refuse(error.to_string(), advice);
    None
}

impl ProviderConfig {
    /// A model server of this machine, found at `url`, as if the file described it.
    pub fn local(preset: &Arc<Preset>, url: &str, egress: &Egress) -> Option<Self> {
        let base = BaseUrl::parse(url).ok()?;
        Some(Self {
            name: preset.id.clone(),
            provider_type: Some(preset.id.clone()),
            preset: Some(Arc::clone(preset)),
            protocols: preset.endpoints.iter().map(|e| (e.protocol, base.clone())).collect(),
            egress: egress.clone(),
            ..Self::default()
        })
    }

    /// A provider that serves without a key, as if the file described it. None if its preset needs to be told anything.
    pub fn public(preset: &Arc<Preset>, egress: &Egress) -> Option<Self> {
        let urls = preset.endpoints.iter().map(|e| Some((e.protocol, e.url(&|_| None).ok()?)));
        let list = match &preset.models_url {
            ModelList::At(_) => ModelList::At(preset.list_url(&|_| None).ok()??),
            other => other.clone(),
        };
        Some(Self {
            name: preset.id.clone(),
            provider_type: Some(preset.id.clone()),
            preset: Some(Arc::clone(preset)),
            protocols: urls.collect::<Option<_>>()?,
            model_list: list,
            egress: egress.clone(),
            ..Self::default()
        })
    }
}
