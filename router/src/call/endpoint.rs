//! One model at one provider: where it is asked, in which protocol, with which key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::header::{CONTENT_LENGTH, InvalidHeaderValue};
use http::{Method, Request, Uri};
use sha2::{Digest as _, Sha256};

use super::Pieces;
use crate::catalog::{AuthStyle, BaseUrl, Preset, PresetError};
use crate::chat::Target;
use crate::convert::Path;
use crate::protocol::Protocol;
use crate::surface::{self, Surface};

/// One thing that can be asked: a model at a provider.
///
/// `Debug` shows no key, and of other headers the names only.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::call::Endpoint;
/// use tokenrouter::catalog::BaseUrl;
///
/// // A provider that is known by name …
/// let claude = Endpoint::preset("anthropic", "claude-sonnet-4-5").ok_or("no such preset")?.with_key("sk-secret")?;
/// assert_eq!(claude.protocol(), Protocol::Anthropic);
/// assert!(!format!("{claude:?}").contains("secret"));
/// // … and any other by its URL.
/// let local = Endpoint::new(Protocol::OpenAi, BaseUrl::parse("http://localhost:8000")?, "qwen3");
/// assert_eq!(local.base_url().host(), "localhost");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    base_url: BaseUrl,
    target: Target,
    auth: AuthStyle,
    headers: HeaderMap,
    priority: Option<i32>,
    price_nanos: Option<u64>,
    weight: u32,
}

impl Endpoint {
    /// `model` at `base_url`, asked in `protocol`. Where a preset has the same host, its dialect is spoken.
    pub fn new(protocol: Protocol, base_url: BaseUrl, model: &str) -> Self {
        let is_here = |url: &str| {
            BaseUrl::parse(url).is_ok_and(|url| url.host() == base_url.host() && url.port() == base_url.port())
        };
        let preset = Preset::all().find(|preset| preset.endpoints.iter().any(|e| is_here(&e.base_url)));
        Self::at(preset, protocol, base_url, model)
    }

    /// `model` at the provider with the preset `id`, in the protocol that it prefers; none if there is no such preset,
    /// or if its URL needs to be told of an account: see [`Self::of_preset`].
    pub fn preset(id: &str, model: &str) -> Option<Self> {
        Self::of_preset(Preset::find(id)?, &|_| None, model)?.ok()
    }

    /// `model` at the provider that `preset` describes, in the protocol that it prefers; `account` tells what stands for
    /// each placeholder of its URL. None if it names no protocol.
    pub fn of_preset<'v>(
        preset: &Preset,
        account: &dyn Fn(&str) -> Option<&'v str>,
        model: &str,
    ) -> Option<Result<Self, PresetError>> {
        let endpoint = preset.endpoints.first()?;
        Some(endpoint.url(account).map(|base_url| Self::at(Some(preset), endpoint.protocol, base_url, model)))
    }

    fn at(preset: Option<&Preset>, protocol: Protocol, base_url: BaseUrl, model: &str) -> Self {
        let known = preset.and_then(|preset| preset.endpoint(protocol));
        let auth = known.map_or_else(|| AuthStyle::usual(protocol), |endpoint| endpoint.auth);
        let base_url = known.and_then(|endpoint| endpoint.at(base_url.clone()).ok()).unwrap_or(base_url);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        // Usage is read in passing, and events are handed on one by one: neither works on compressed bytes.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if protocol == Protocol::Anthropic {
            headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
        }
        let target = Target::at(preset, protocol, model);
        Self { base_url, target, auth, headers, priority: None, price_nanos: None, weight: 1 }
    }

    /// Sends `key` in the way that the provider expects.
    ///
    /// # Errors
    ///
    /// Where `key` holds characters that no header can carry.
    pub fn with_key(self, key: &str) -> Result<Self, InvalidHeaderValue> {
        Ok(match self.auth.header(key)? {
            Some((name, value)) => self.with_header(name, value),
            None => self,
        })
    }

    /// Sends a header with every call, such as `anthropic-beta`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Asks it before those with a larger number; without one, its place in the pool is its number. Endpoints of one
    /// number share the traffic.
    #[must_use]
    pub const fn with_priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// What a million tokens in and a million out cost together, in nano-dollars: of endpoints with one priority the
    /// cheapest is asked first.
    #[must_use]
    pub const fn with_price(mut self, nanos: u64) -> Self {
        self.price_nanos = Some(nanos);
        self
    }

    /// Its share where the pool's order splits traffic by weight; 1 where nobody says, and never 0.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }

    /// The protocol that it is asked in.
    pub const fn protocol(&self) -> Protocol {
        self.target.protocol
    }

    /// Where it is.
    pub const fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// The model, as translations see it.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// See [`Self::with_priority`].
    pub(super) const fn priority(&self) -> Option<i32> {
        self.priority
    }

    /// See [`Self::with_price`].
    pub(super) const fn price_nanos(&self) -> Option<u64> {
        self.price_nanos
    }

    /// See [`Self::with_weight`].
    pub(super) const fn weight(&self) -> u32 {
        self.weight
    }

    /// Tells its key from others without telling it.
    pub(super) fn key_digest(&self) -> String {
        let is_key = |name: &HeaderName, value: &HeaderValue| {
            value.is_sensitive() || AuthStyle::HEADERS.contains(&name.as_str())
        };
        let mut digest = Sha256::new();
        for (name, value) in self.headers.iter().filter(|(name, value)| is_key(name, value)) {
            digest.update(name.as_str().as_bytes());
            digest.update(b":");
            digest.update(value.as_bytes());
            digest.update(b"\n");
        }
        BASE64.encode(digest.finalize())
    }

    /// A request with `body`, which is in the endpoint's protocol. Of `path` the model is of no account.
    pub(super) fn request(&self, body: Pieces, path: Path<'_>) -> Result<Request<Pieces>, http::Error> {
        let uri = Uri::try_from(self.url(path))?;
        let length = body.len();
        let mut request = Request::builder().method(Method::POST).uri(uri).body(body)?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        Ok(request)
    }

    fn url(&self, path: Path<'_>) -> String {
        let protocol = self.target.protocol;
        let tail = Surface::conversation(protocol).map_or("", Surface::tail);
        if protocol != Protocol::Gemini {
            return self.base_url.join(protocol, tail);
        }
        let verb = match (path.stream, path.list) {
            (false, _) => "generateContent",
            (true, false) => "streamGenerateContent?alt=sse",
            (true, true) => "streamGenerateContent",
        };
        let model = surface::segment(&self.target.model);
        self.base_url.join(protocol, &format!("{tail}/{model}:{verb}"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Endpoint")
            .field("base_url", &self.base_url)
            .field("target", &self.target)
            .field("auth", &self.auth)
            .field("headers", &headers)
            .field("priority", &self.priority)
            .field("price_nanos", &self.price_nanos)
            .field("weight", &self.weight)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_where_the_protocol_has_its_path() {
        let url = |protocol, base: &str, model: &str, stream| {
            let endpoint = Endpoint::new(protocol, BaseUrl::parse(base).unwrap(), model);
            let request = endpoint.request(Pieces::default(), Path { stream, ..Path::default() }).unwrap();
            request.uri().to_string()
        };
        assert_eq!(url(Protocol::Responses, "http://a:1/v1", "m", true), "http://a:1/v1/responses");
        assert_eq!(url(Protocol::Cohere, "http://a:1", "m", true), "http://a:1/v2/chat");
        assert_eq!(
            url(Protocol::Gemini, "http://a:1", "x/../y?z", true),
            "http://a:1/v1beta/models/x%2F..%2Fy%3Fz:streamGenerateContent?alt=sse"
        );
        assert_eq!(url(Protocol::Gemini, "http://a:1", "m", false), "http://a:1/v1beta/models/m:generateContent");
    }

    #[test]
    fn a_known_host_has_its_dialect_and_its_way_to_send_a_key() {
        let known = Endpoint::new(Protocol::OpenAi, BaseUrl::parse("https://api.openai.com").unwrap(), "gpt-5");
        assert_eq!(known.target(), &Target::new("openai", Protocol::OpenAi, "gpt-5"));
        let key = |e: Endpoint, name: &str| e.with_key("k").unwrap().headers.get(name).cloned().unwrap();
        assert_eq!(key(known, "authorization"), "Bearer k");
        assert_eq!(key(Endpoint::preset("gemini", "m").unwrap(), "x-goog-api-key"), "k");
        assert_eq!(key(Endpoint::preset("anthropic", "m").unwrap(), "x-api-key"), "k");
        assert!(Endpoint::preset("openai", "m").unwrap().with_key("a\nb").is_err());
        // Where the URL depends on the account, it is told.
        assert!(Endpoint::preset("azure", "m").is_none());
        let azure = Endpoint::of_preset(Preset::find("azure").unwrap(), &|_| Some("work"), "m").unwrap().unwrap();
        assert_eq!(azure.base_url().host(), "work.openai.azure.com");
        assert_eq!(key(azure, "api-key"), "k");
        let odd = Endpoint::new(Protocol::OpenAi, BaseUrl::parse("https://api.perplexity.ai").unwrap(), "sonar");
        assert_eq!(odd.url(Path::default()), "https://api.perplexity.ai/chat/completions");
    }

    #[test]
    fn no_value_of_a_header_is_shown() {
        let name = HeaderName::from_static("x-portal-token");
        let endpoint = Endpoint::preset("anthropic", "m").unwrap().with_key("sk-hidden").unwrap();
        let shown = format!("{:?}", endpoint.with_header(name, HeaderValue::from_static("token-hidden")));
        assert!(shown.contains("x-portal-token") && shown.contains("x-api-key"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
