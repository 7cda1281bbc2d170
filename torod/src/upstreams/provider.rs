//! One provider as the gateway calls it: its URLs, credential, connections, health and model list.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use http::{HeaderName, HeaderValue, Uri};
use tokenrouter::call::Client;
use tokenrouter::catalog::{AuthStyle, BaseUrl, Preset};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::{Surface, segment};
use tokenrouter_shared::secret::Secret;

use super::calibration::Calibration;
use super::health::Health;
use crate::config::ProviderConfig;
use crate::lifecycle::Gauge;

/// Everything that the hot path needs to call a provider, made once.
#[derive(Debug)]
pub struct Provider {
    /// Its name, as in `provider/model`.
    pub name: Arc<str>,
    /// The same as the value of a response header.
    pub name_header: HeaderValue,
    /// The preset that it follows; empty for none.
    pub kind: Box<str>,
    /// Whether it may be used.
    pub enabled: bool,
    /// Its connections.
    pub client: Client,
    /// How it has answered lately.
    pub health: Health,
    /// Whether it may be asked for the usage of a stream.
    pub asks_stream_usage: bool,
    /// The models that it lists; none while unknown.
    pub listed: ArcSwapOption<Vec<String>>,
    /// What the file declares of its models: id and context window.
    pub declared: Vec<(String, Option<u64>)>,
    /// Calls under way to it.
    pub in_flight: Arc<Gauge>,
    /// How far our estimates of its models' tokens are off.
    pub calibration: Calibration,
    /// It was asked to count tokens and said that there is nothing at the path: until then, in Unix milliseconds, it is
    /// not asked again.
    pub counts_from_ms: AtomicI64,
    /// How many calls went to it.
    pub calls: AtomicU64,
    endpoints: Vec<Endpoint>,
    extra: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug)]
struct Endpoint {
    protocol: Protocol,
    uris: Vec<(Surface, Uri)>,
    credential: Option<(HeaderName, HeaderValue)>,
}

/// Where and with which credential a call goes.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// The protocol that the URL speaks.
    pub protocol: Protocol,
    /// The whole URL; for Gemini what stands before the model.
    pub uri: &'a Uri,
    /// The credential's header; none where the provider wants no key.
    pub credential: Option<&'a (HeaderName, HeaderValue)>,
    /// Headers that the file adds to every call.
    pub extra: &'a [(HeaderName, HeaderValue)],
}

impl Route<'_> {
    /// The URL for `model`. Nothing in a model's name can leave its segment of the path.
    pub fn target(&self, surface: Surface, model: &str, stream: bool, list: bool) -> Option<Uri> {
        if !matches!(surface, Surface::Generate | Surface::CountGenerate) {
            return Some(self.uri.clone());
        }
        let mut url = format!("{}/{}", self.uri, segment(model));
        if surface == Surface::CountGenerate {
            url.push_str(":countTokens");
            return Uri::try_from(url).ok();
        }
        url.push_str(match (stream, list) {
            (false, _) => ":generateContent",
            (true, false) => ":streamGenerateContent?alt=sse",
            (true, true) => ":streamGenerateContent",
        });
        Uri::try_from(url).ok()
    }
}

/// The file describes a provider that cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("provider \"{name}\": {why}")]
pub struct Unusable {
    name: String,
    why: String,
}

const SURFACES: [Surface; 12] = [
    Surface::Chat,
    Surface::Completions,
    Surface::Embeddings,
    Surface::Responses,
    Surface::Compact,
    Surface::CountResponses,
    Surface::Messages,
    Surface::CountMessages,
    Surface::Generate,
    Surface::CountGenerate,
    Surface::CohereChat,
    Surface::Models,
];

impl Provider {
    /// Prepares the provider that `config` describes, with its first credential.
    pub fn new(config: &ProviderConfig, credential: Option<&Secret>) -> Result<Self, Unusable> {
        let fail = |why: &str| Unusable { name: config.name.clone(), why: why.to_owned() };
        let mut endpoints = Vec::new();
        for (protocol, base) in &config.protocols {
            let style = auth_style(config, *protocol);
            let credential = match credential {
                Some(secret) => Some(
                    header(style, secret).ok_or_else(|| fail("its key holds characters that no header can carry"))?,
                ),
                None => None,
            };
            let uris = uris(*protocol, base).map_err(|e| fail(&e))?;
            endpoints.push(Endpoint { protocol: *protocol, uris, credential });
        }
        let mut extra = Vec::new();
        for (name, value) in &config.headers {
            let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            extra.push(parsed.ok_or_else(|| fail(&format!("`headers.{name}` is not a header")))?);
        }
        Ok(Self {
            name: config.name.as_str().into(),
            name_header: HeaderValue::try_from(&config.name).map_err(|_| fail("its name cannot stand in a header"))?,
            kind: config.provider_type.as_deref().unwrap_or_default().into(),
            enabled: config.enabled,
            client: Client::new(config.timeouts, config.max_idle_connections),
            health: Health::default(),
            asks_stream_usage: config.stream_usage,
            listed: ArcSwapOption::empty(),
            declared: config.models.iter().map(|m| (m.id.clone(), m.context)).collect(),
            in_flight: Arc::default(),
            calibration: Calibration::default(),
            counts_from_ms: AtomicI64::new(0),
            calls: AtomicU64::new(0),
            endpoints,
            extra,
        })
    }

    /// Where a request for `surface` goes, if the provider speaks its protocol.
    pub fn route(&self, surface: Surface) -> Option<Route<'_>> {
        let wanted = surface.protocol();
        let endpoint = self.endpoint(wanted).or_else(|| match wanted {
            // Who serves Responses serves OpenAI's other paths beneath the same URL. The other way round that is not
            // so: most vendors copied Chat Completions alone.
            Protocol::OpenAi if !surface.is_conversation() => self.endpoint(Protocol::Responses),
            _ => None,
        })?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.at(endpoint, surface, wanted)
    }

    /// Where a conversation for `surface` goes that must be translated first.
    pub fn translated(&self, surface: Surface) -> Option<Route<'_>> {
        if !surface.is_conversation() {
            return None;
        }
        let others = Protocol::ALL.into_iter().filter(|to| *to != surface.protocol());
        let route = others.into_iter().find_map(|to| self.at(self.endpoint(to)?, Surface::conversation(to)?, to))?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        Some(route)
    }

    /// Where it counts tokens in `protocol`, as far as is known.
    pub fn count_route(&self, protocol: Protocol, now_ms: i64) -> Option<Route<'_>> {
        let surface = match protocol {
            Protocol::Anthropic => Surface::CountMessages,
            Protocol::Responses => Surface::CountResponses,
            Protocol::Gemini => Surface::CountGenerate,
            Protocol::OpenAi | Protocol::Cohere => return None,
        };
        if now_ms < self.counts_from_ms.load(Ordering::Relaxed) {
            return None;
        }
        self.at(self.endpoint(protocol)?, surface, protocol)
    }

    /// Where it speaks `protocol`, if it does.
    pub fn route_of(&self, protocol: Protocol) -> Option<Route<'_>> {
        self.at(self.endpoint(protocol)?, Surface::conversation(protocol)?, protocol)
    }

    /// Where its model list is: any protocol's list will do.
    pub fn list_route(&self) -> Option<Route<'_>> {
        let preferred = [Protocol::OpenAi, Protocol::Responses, Protocol::Anthropic];
        let endpoint = preferred.into_iter().find_map(|p| self.endpoint(p)).or_else(|| self.endpoints.first())?;
        self.at(endpoint, Surface::Models, endpoint.protocol)
    }

    fn endpoint(&self, protocol: Protocol) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.protocol == protocol)
    }

    fn at<'a>(&'a self, endpoint: &'a Endpoint, surface: Surface, protocol: Protocol) -> Option<Route<'a>> {
        let (_, uri) = endpoint.uris.iter().find(|(s, _)| *s == surface)?;
        Some(Route { protocol, uri, credential: endpoint.credential.as_ref(), extra: &self.extra })
    }

    /// Whether one of its URLs lies beneath `base`.
    pub fn serves(&self, base: &str) -> bool {
        self.endpoints.iter().flat_map(|e| &e.uris).any(|(_, uri)| uri.to_string().starts_with(base))
    }

    /// Whether both have a URL in common.
    pub fn shares_a_url(&self, other: &Self) -> bool {
        let mut uris = self.endpoints.iter().flat_map(|e| &e.uris);
        uris.any(|(_, uri)| other.endpoints.iter().flat_map(|e| &e.uris).any(|(_, theirs)| theirs == uri))
    }

    /// Its protocols, for reports.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.endpoints.iter().map(|e| e.protocol)
    }
}

fn uris(protocol: Protocol, base: &BaseUrl) -> Result<Vec<(Surface, Uri)>, String> {
    SURFACES
        .iter()
        .map(|surface| {
            let url = base.join(protocol, surface.tail());
            Uri::try_from(&url).map(|uri| (*surface, uri)).map_err(|e| format!("its URL {url} is not valid: {e}"))
        })
        .collect()
}

fn auth_style(config: &ProviderConfig, protocol: Protocol) -> AuthStyle {
    let preset = config.provider_type.as_deref().and_then(Preset::find);
    preset.and_then(|p| p.endpoint(protocol)).map_or_else(|| AuthStyle::usual(protocol), |e| e.auth)
}

fn header(style: AuthStyle, secret: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = match style {
        AuthStyle::Bearer => {
            (http::header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {}", secret.expose())))
        }
        AuthStyle::XApiKey => (HeaderName::from_static("x-api-key"), HeaderValue::try_from(secret.expose())),
        AuthStyle::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), HeaderValue::try_from(secret.expose())),
    };
    let mut value = value.ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
