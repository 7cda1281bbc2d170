//! One provider as the gateway calls it: its URLs, credential, connections, health and model list.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokenrouter::call::Client;
use tokenrouter::catalog::{self, AuthStyle, Preset};
use tokenrouter::chat::Target;
use tokenrouter::dialect::Dialect;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::{Surface, segment};

use super::calibration::Calibration;
pub use super::credential::{Credential, Key, Signature};
use super::findings::Findings;
use super::health::Health;
use super::model_list::ModelList;
use super::pace::ProviderPace;
use super::passage::Passage;
use super::place::Place;
use super::quota::Quotas;
use crate::config::{Egress, ModelConfig, ProviderConfig};
use crate::lifecycle::Gauge;

/// Everything that the hot path needs to call a provider, made once.
#[derive(Debug)]
pub struct Provider {
    /// Its name, as in `provider/model`.
    pub name: Arc<str>,
    /// The same as the value of a response header.
    pub name_header: HeaderValue,
    /// The preset that it follows.
    pub preset: Option<Arc<Preset>>,
    /// Whose word it is that it is used.
    pub origin: Origin,
    /// Whether it may be used.
    pub enabled: bool,
    /// Its connections.
    pub client: Client,
    /// Where these may go.
    pub egress: Egress,
    /// How it has answered lately.
    pub health: Health,
    /// Whether it may be asked for the usage of a stream.
    pub asks_stream_usage: bool,
    /// The models that it lists; none while unknown.
    pub listed: ModelList,
    /// What the file declares of its models.
    pub declared: Vec<ModelConfig>,
    /// Smaller is tried first.
    pub priority: i32,
    /// Its name with its URLs: where one of these changes, nothing is known of its connections any more.
    pub line: String,
    /// Calls under way to it.
    pub in_flight: Arc<Gauge>,
    /// How many at most; 0: as many as to others.
    pub concurrent: usize,
    /// How much it is sent a minute.
    pub pace: ProviderPace,
    /// How far our estimates of its models' tokens are off.
    pub calibration: Calibration,
    /// What its models were found not to take.
    pub findings: Arc<Findings>,
    /// It was asked to count tokens and said that there is nothing at the path: until then, in Unix milliseconds, it is
    /// not asked again.
    pub counts_from_ms: AtomicI64,
    /// What is known of the quotas of its keys.
    pub quotas: Quotas,
    /// How many calls went to it.
    pub calls: AtomicU64,
    /// Marks what is sent to it; none where it surely leads nowhere but to its vendor.
    pub passage: Option<Arc<Passage>>,
    list: Listing,
    places: Vec<Place>,
    credentials: Vec<Credential>,
    extra: Vec<(HeaderName, HeaderValue)>,
}

/// Whose word it is that a provider is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file describes it.
    Described,
    /// It was found on this machine.
    Local,
    /// It serves without a key.
    Public,
}

/// Where a provider lists its models.
#[derive(Debug)]
enum Listing {
    Usual,
    Unlisted,
    At(Uri),
}

/// Where and with which credential a call goes.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// The protocol that the URL speaks.
    pub protocol: Protocol,
    /// The whole URL; for Gemini what stands before the model.
    pub uri: &'a Uri,
    /// How the call is signed; none where the provider wants no key.
    pub signature: Option<Signature<'a>>,
    /// Headers that the file adds to every call.
    pub extra: &'a [(HeaderName, HeaderValue)],
    /// Marks the call.
    pub passage: Option<&'a Passage>,
}

impl Route<'_> {
    /// Puts what the file adds to every call, the key, and the mark of this gateway into a request's headers.
    pub fn sign(&self, to: &mut HeaderMap) {
        if let Some(passage) = self.passage {
            passage.put(to);
        }
        for (name, value) in self.extra {
            to.insert(name, value.clone());
        }
        if let Some(signature) = &self.signature {
            signature.sign(to);
        }
    }

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

impl Provider {
    /// Prepares the provider that `config` describes, with its keys.
    pub fn new(config: &ProviderConfig, keys: &[Key]) -> Result<Self, Unusable> {
        let fail = |why: &str| Unusable { name: config.name.clone(), why: why.to_owned() };
        let mut places = Vec::new();
        let mut line = config.name.clone();
        for (protocol, base) in &config.protocols {
            places.push(Place::new(*protocol, base).map_err(|e| fail(&e))?);
            line.push('\n');
            line.push_str(&base.join(*protocol, ""));
        }
        let mut credentials = Vec::new();
        for key in keys {
            let styles = config.protocols.iter().map(|(protocol, _)| (*protocol, auth_style(config, *protocol)));
            let credential = Credential::new(key, styles);
            credentials.push(credential.ok_or_else(|| fail("its key holds characters that no header can carry"))?);
        }
        let mut extra = Vec::new();
        for (name, value) in &config.headers {
            let value = HeaderValue::try_from(value.expose()).ok().map(|mut value| {
                // It may be a key.
                value.set_sensitive(true);
                value
            });
            let parsed = HeaderName::try_from(name).ok().zip(value);
            extra.push(parsed.ok_or_else(|| fail(&format!("`headers.{name}` is not a header")))?);
        }
        let list = match &config.model_list {
            catalog::ModelList::Usual => Listing::Usual,
            catalog::ModelList::Unlisted => Listing::Unlisted,
            catalog::ModelList::At(url) => {
                Listing::At(Uri::try_from(url).map_err(|_| fail("its `models_url` is not valid"))?)
            }
        };
        let known = config.preset.as_ref().filter(|_| matches!(list, Listing::Unlisted));
        Ok(Self {
            name: config.name.as_str().into(),
            name_header: HeaderValue::try_from(&config.name).map_err(|_| fail("its name cannot stand in a header"))?,
            preset: config.preset.clone(),
            origin: Origin::Described,
            enabled: config.enabled,
            egress: config.egress.clone(),
            client: Client::guarded(config.timeouts, config.max_idle_connections, config.egress.guard()),
            health: Health::default(),
            asks_stream_usage: config.stream_usage,
            listed: ModelList::declared(known.map_or(&[], |preset| &preset.models)),
            declared: config.models.clone(),
            priority: config.priority,
            line,
            in_flight: Arc::default(),
            concurrent: config.concurrent,
            pace: ProviderPace::new(config.requests_per_minute, config.tokens_per_minute),
            calibration: Calibration::default(),
            findings: Arc::default(),
            counts_from_ms: AtomicI64::new(0),
            quotas: Quotas::new(
                config.preset.as_ref().map(|preset| preset.quota).unwrap_or_default(),
                credentials.len(),
            ),
            calls: AtomicU64::new(0),
            passage: None,
            list,
            places,
            credentials,
            extra,
        })
    }

    /// The same as one that nobody described.
    #[must_use]
    pub fn found(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// One of its models as a translation sees it.
    pub fn target(&self, protocol: Protocol, model: &str) -> Target {
        Target::at(self.preset.as_deref(), protocol, model)
    }

    /// How one of its models differs from others of the protocol.
    pub fn dialect(&self, protocol: Protocol, model: &str) -> Dialect {
        Dialect::at(self.preset.as_deref(), protocol, model)
    }

    /// Whether it lists its models at all.
    pub const fn has_list(&self) -> bool {
        !matches!(self.list, Listing::Unlisted)
    }

    /// Whether a model that it lists may be used: without a key not every one serves.
    pub fn offers(&self, model: &str) -> bool {
        self.origin != Origin::Public || self.preset.as_ref().is_none_or(|preset| preset.is_free(model))
    }

    /// Takes over what was learnt of `before`, the same provider with other settings.
    pub fn inherit(&mut self, before: &Self) {
        // What is under way there counts among its calls.
        self.in_flight = Arc::clone(&before.in_flight);
        self.pace.inherit(&before.pace);
        self.findings = Arc::clone(&before.findings);
        if self.has_list() {
            self.listed.inherit(&before.listed);
        }
        self.health.inherit(&before.health);
        let digests: Vec<&str> = before.credentials.iter().map(|key| key.digest.as_str()).collect();
        self.quotas.inherit(&before.quotas, |at| match self.credentials.get(at) {
            Some(key) => digests.iter().position(|then| *then == key.digest),
            None => digests.is_empty().then_some(0),
        });
        self.calls.store(before.calls.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether there is a key for its credential at `credential`, or it wants none.
    pub fn has_key(&self, credential: usize) -> bool {
        self.credentials.get(credential).is_none_or(|credential| credential.held.is_ready())
    }

    /// Why there is no key for its credential at `credential`.
    pub fn why_no_key(&self, credential: usize) -> String {
        let state = self.credentials.get(credential).map(|credential| credential.held.state()).unwrap_or_default();
        format!("no key: {}", state.problem.as_deref().unwrap_or("it is being fetched"))
    }

    /// Its credentials; none where it wants no key.
    pub fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// Whether a request for `surface` can be served at all, as it is or translated.
    pub fn serves_surface(&self, surface: Surface) -> bool {
        self.native(surface).is_some()
            || (surface.is_conversation() && self.places.iter().any(|p| Surface::conversation(p.protocol).is_some()))
    }

    fn native(&self, surface: Surface) -> Option<&Place> {
        let wanted = surface.protocol();
        self.place(wanted).or_else(|| match wanted {
            // Who serves Responses serves OpenAI's other paths beneath the same URL. The other way round that is not
            // so: most vendors copied Chat Completions alone.
            Protocol::OpenAi if !surface.is_conversation() => self.place(Protocol::Responses),
            _ => None,
        })
    }

    /// Where a request for `surface` goes with the credential at `credential`, if the provider speaks its protocol.
    pub fn route(&self, surface: Surface, credential: usize) -> Option<Route<'_>> {
        let place = self.native(surface)?;
        self.at(place, surface, surface.protocol(), credential)
    }

    /// Where a conversation for `surface` goes that must be translated first.
    pub fn translated(&self, surface: Surface, credential: usize) -> Option<Route<'_>> {
        if !surface.is_conversation() {
            return None;
        }
        let others = Protocol::ALL.into_iter().filter(|to| *to != surface.protocol());
        others.into_iter().find_map(|to| self.at(self.place(to)?, Surface::conversation(to)?, to, credential))
    }

    /// Where it counts tokens in `protocol`, as far as is known.
    pub fn count_route(&self, protocol: Protocol, credential: usize, now_ms: i64) -> Option<Route<'_>> {
        let surface = match protocol {
            Protocol::Anthropic => Surface::CountMessages,
            Protocol::Responses => Surface::CountResponses,
            Protocol::Gemini => Surface::CountGenerate,
            Protocol::OpenAi | Protocol::Cohere => return None,
        };
        if now_ms < self.counts_from_ms.load(Ordering::Relaxed) {
            return None;
        }
        self.at(self.place(protocol)?, surface, protocol, credential)
    }

    /// Whether it speaks `protocol`.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.place(protocol).is_some()
    }

    /// Where its model list is: any protocol's list will do.
    pub fn list_route(&self) -> Option<Route<'_>> {
        self.list_route_with(0)
    }

    /// The same with the credential at `credential`.
    pub fn list_route_with(&self, credential: usize) -> Option<Route<'_>> {
        if let Listing::At(uri) = &self.list {
            // The list is its first protocol's, whose key it takes.
            let place = self.places.first()?;
            return self.at(place, Surface::Models, place.protocol, credential).map(|route| Route { uri, ..route });
        }
        let preferred = [Protocol::OpenAi, Protocol::Responses, Protocol::Anthropic];
        let place = preferred.into_iter().find_map(|p| self.place(p)).or_else(|| self.places.first())?;
        self.at(place, Surface::Models, place.protocol, credential)
    }

    /// Where its vendor is asked about the account of the credential at `credential`: any path of the same server.
    pub fn account_route(&self, credential: usize) -> Option<Route<'_>> {
        let place = self.place(Protocol::OpenAi).or_else(|| self.places.first())?;
        self.at(place, Surface::Models, place.protocol, credential)
    }

    /// How many calls went to it.
    pub fn call_count(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn place(&self, protocol: Protocol) -> Option<&Place> {
        self.places.iter().find(|e| e.protocol == protocol)
    }

    fn at<'a>(
        &'a self,
        place: &'a Place,
        surface: Surface,
        protocol: Protocol,
        credential: usize,
    ) -> Option<Route<'a>> {
        let (_, uri) = place.uris.iter().find(|(s, _)| *s == surface)?;
        let signature = self.credentials.get(credential).map(|credential| credential.signature(place.protocol));
        Some(Route { protocol, uri, signature, extra: &self.extra, passage: self.passage.as_deref() })
    }

    /// Whether one of its URLs lies beneath `base`.
    pub fn serves(&self, base: &str) -> bool {
        self.places.iter().flat_map(|e| &e.uris).any(|(_, uri)| uri.to_string().starts_with(base))
    }

    /// Whether both have a URL in common.
    pub fn shares_a_url(&self, other: &Self) -> bool {
        let mut uris = self.places.iter().flat_map(|e| &e.uris);
        uris.any(|(_, uri)| other.places.iter().flat_map(|e| &e.uris).any(|(_, theirs)| theirs == uri))
    }

    /// Its protocols, for reports.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.places.iter().map(|e| e.protocol)
    }
}

fn auth_style(config: &ProviderConfig, protocol: Protocol) -> AuthStyle {
    let endpoint = config.preset.as_ref().and_then(|preset| preset.endpoint(protocol));
    endpoint.map_or_else(|| AuthStyle::usual(protocol), |endpoint| endpoint.auth)
}
