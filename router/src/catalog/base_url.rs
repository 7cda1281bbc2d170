//! The base URL of a provider, written with or without its version segment, and the URLs made from it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::Protocol;

/// The longest base URL that is accepted, in bytes.
const LONGEST: usize = 2048;

/// How an upstream is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands before `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host, port and path root of an upstream. It holds no credential: user names, queries and fragments are refused.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::catalog::BaseUrl;
///
/// for written in ["https://llm.example.com", "https://llm.example.com/v1/"] {
///     let url = BaseUrl::parse(written)?;
///     assert_eq!(url.join(Protocol::Anthropic, "/messages"), "https://llm.example.com/v1/messages");
/// }
/// assert!(BaseUrl::parse("https://user:password@llm.example.com").is_err());
/// # Ok::<(), tokenrouter::catalog::BaseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    scheme: Scheme,
    /// Lower case; an IPv6 address stands in brackets.
    host: String,
    port: u16,
    /// Empty, or `/a/b` without a trailing slash.
    path: String,
}

/// Why a text is no base URL. `Display` is a sentence without the text itself, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// `user:password@`.
    UserInfo,
    /// `?…`.
    Query,
    /// `#…`.
    Fragment,
    /// No host, or one with characters that a host cannot have.
    Host,
    /// Not a number from 1 to 65535.
    Port,
    /// Blanks, control characters, backslashes, braces, or `.` and `..` segments.
    Path,
    /// Longer than 2048 bytes.
    TooLong,
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL must start with `http://` or `https://`",
            Self::UserInfo => "the URL must not hold a user name or password",
            Self::Query => "the URL must not hold a query (`?…`)",
            Self::Fragment => "the URL must not hold a fragment (`#…`)",
            Self::Host => "the URL has no valid host name",
            Self::Port => "the port must be a number from 1 to 65535",
            Self::Path => "the path holds a character or segment that is not allowed",
            Self::TooLong => "the URL is longer than 2048 bytes",
        })
    }
}

impl std::error::Error for BaseUrlError {}

impl BaseUrl {
    /// Reads a base URL such as `https://api.openai.com/v1`, `https://api.openai.com` or `http://[::1]:8080/`.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        if text.len() > LONGEST {
            return Err(BaseUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        let (host, port) = split_authority(authority, scheme)?;
        Ok(Self { scheme, host, port, path: clean_path(path)? })
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where none was written.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path root: empty, or `/a/b` without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `host` or `host:port`: the value of the `Host` header.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether the host is this machine by name or by address.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The path (and query, if `tail` has one) for a request to `tail`, such as `/chat/completions`.
    ///
    /// A version segment that stands anywhere in the base URL is kept as it is; otherwise the version of `protocol` is
    /// put between base and tail. A version at the start of `tail` gives way, so that no path has one too many.
    pub fn join_path(&self, protocol: Protocol, tail: &str) -> String {
        let tail = drop_version(tail.trim_start_matches('/'));
        let version = if self.path.split('/').any(is_version) { "" } else { protocol.version() };
        let mut path = String::with_capacity(self.path.len() + version.len() + tail.len() + 2);
        path.push_str(&self.path);
        for part in [version, tail] {
            if part.starts_with('?') {
                path.push_str(part);
            } else if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        path
    }

    /// The whole URL for a request to `tail`; see [`Self::join_path`].
    pub fn join(&self, protocol: Protocol, tail: &str) -> String {
        format!("{}://{}{}", self.scheme.as_str(), self.authority(), self.join_path(protocol, tail))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::parse(s)
    }
}

/// `v1`, `v2`, `v1beta`, `v1alpha`, `v1beta1`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if digits.len() == rest.len() {
        return false;
    }
    let suffix = digits.strip_prefix("beta").or_else(|| digits.strip_prefix("alpha")).unwrap_or(digits);
    suffix.is_empty() || (suffix.len() < digits.len() && suffix.bytes().all(|b| b.is_ascii_digit()))
}

fn drop_version(tail: &str) -> &str {
    let end = tail.find(['/', '?']).unwrap_or(tail.len());
    let (first, rest) = tail.split_at(end);
    if is_version(first) { rest.trim_start_matches('/') } else { tail }
}

fn split_authority(authority: &str, scheme: Scheme) -> Result<(String, u16), BaseUrlError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(BaseUrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BaseUrlError::Host)?;
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(BaseUrlError::Host)?) };
        (format!("[{address}]"), port)
    } else {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(valid) || host.split('.').any(str::is_empty) {
            return Err(BaseUrlError::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        None => scheme.default_port(),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(BaseUrlError::Port)?
        }
        Some(_) => return Err(BaseUrlError::Port),
    };
    Ok((host, port))
}

fn clean_path(path: &str) -> Result<String, BaseUrlError> {
    let mut clean = String::with_capacity(path.len());
    for segment in path.split('/').filter(|s| !s.is_empty()) {
        let allowed =
            |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'{' | b'}' | b'<' | b'>' | b'"' | b'`' | b'^' | b'|');
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        if !segment.bytes().all(allowed) || dots == "." || dots == ".." {
            return Err(BaseUrlError::Path);
        }
        clean.push('/');
        clean.push_str(segment);
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(base: &str, protocol: Protocol, tail: &str) -> String {
        BaseUrl::parse(base).unwrap().join(protocol, tail)
    }

    #[test]
    fn works_with_and_without_version() {
        for (base, protocol, tail, expected) in [
            (
                "https://api.openai.com",
                Protocol::OpenAi,
                "/chat/completions",
                "https://api.openai.com/v1/chat/completions",
            ),
            (
                "https://api.openai.com/v1",
                Protocol::OpenAi,
                "/chat/completions",
                "https://api.openai.com/v1/chat/completions",
            ),
            ("https://api.openai.com/v1/", Protocol::OpenAi, "/v1/models", "https://api.openai.com/v1/models"),
            (
                "https://API.z.ai/api/paas/v4",
                Protocol::OpenAi,
                "chat/completions",
                "https://api.z.ai/api/paas/v4/chat/completions",
            ),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai",
                Protocol::OpenAi,
                "/chat/completions",
                "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            ),
            (
                "https://generativelanguage.googleapis.com",
                Protocol::Gemini,
                "/models/g:generateContent?alt=sse",
                "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent?alt=sse",
            ),
            ("https://api.cohere.com", Protocol::Cohere, "/chat", "https://api.cohere.com/v2/chat"),
            ("http://127.0.0.1:11434", Protocol::OpenAi, "/models", "http://127.0.0.1:11434/v1/models"),
            ("http://[::1]:8080//a/", Protocol::Anthropic, "/messages", "http://[::1]:8080/a/v1/messages"),
            ("https://h:443", Protocol::OpenAi, "", "https://h/v1"),
            ("https://h/vault", Protocol::OpenAi, "/v1?x=1", "https://h/vault/v1?x=1"),
        ] {
            assert_eq!(joined(base, protocol, tail), expected, "{base} + {tail}");
        }
    }

    #[test]
    fn refuses_what_is_no_base_url() {
        for (text, error) in [
            ("", BaseUrlError::Scheme),
            ("api.openai.com", BaseUrlError::Scheme),
            ("ftp://h", BaseUrlError::Scheme),
            ("file:///etc/passwd", BaseUrlError::Scheme),
            ("https://", BaseUrlError::Host),
            ("https://a..b", BaseUrlError::Host),
            ("https://{resource}.example.com", BaseUrlError::Host),
            ("https://h h", BaseUrlError::Host),
            ("https://[::1", BaseUrlError::Host),
            ("https://[::1]x", BaseUrlError::Host),
            ("https://user:secret@h/v1", BaseUrlError::UserInfo),
            ("https://h/v1?key=1", BaseUrlError::Query),
            ("https://h?key=1", BaseUrlError::Query),
            ("https://h/#a", BaseUrlError::Fragment),
            ("https://h:0", BaseUrlError::Port),
            ("https://h:65536", BaseUrlError::Port),
            ("https://h:", BaseUrlError::Port),
            ("https://h:+80", BaseUrlError::Port),
            ("https://h/a b", BaseUrlError::Path),
            ("https://h/../x", BaseUrlError::Path),
            ("https://h/%2E%2e/x", BaseUrlError::Path),
            ("https://h/{account}", BaseUrlError::Path),
            ("https://h/a\r\nx: y", BaseUrlError::Path),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
        }
        assert_eq!(BaseUrl::parse(&format!("https://h/{}", "a".repeat(2048))), Err(BaseUrlError::TooLong));
    }

    #[test]
    fn knows_this_machine() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.8.9.1", true),
            ("http://[::1]", true),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    fn versions(url: &str) -> usize {
        url.split('?').next().unwrap_or("").split('/').filter(|s| is_version(s)).count()
    }

    proptest! {
        #[test]
        fn always_exactly_one_version(
            parts in prop::collection::vec("[a-z]{1,6}", 0..3),
            version in prop::option::of(prop::sample::select(vec!["v1", "v2", "v3", "v4", "v1beta", "v1alpha", "v1beta1"])),
            at in 0_usize..4,
            slash in any::<bool>(),
            protocol in prop::sample::select(Protocol::ALL.to_vec()),
            lead in prop::sample::select(vec!["", "/", "/v1/", "v2/", "/v1beta/"]),
            tail in prop::sample::select(vec!["chat/completions", "messages", "models?limit=1000", "models/a:generateContent"]),
        ) {
            let mut parts = parts;
            if let Some(version) = version {
                parts.insert(at.min(parts.len()), version.to_owned());
            }
            prop_assume!(parts.iter().filter(|p| is_version(p)).count() <= 1);
            let base = format!("https://h.example/{}{}", parts.join("/"), if slash { "/" } else { "" });
            let url = BaseUrl::parse(&base).unwrap().join(protocol, &format!("{lead}{tail}"));
            prop_assert_eq!(versions(&url), 1, "{}", url);
            prop_assert!(url.ends_with(tail));
            prop_assert!(!url.trim_start_matches("https://").contains("//"));
        }

        #[test]
        fn never_panics_and_reads_back_what_it_wrote(text in ".{0,60}", rest in "[ -~]{0,30}") {
            let _ = BaseUrl::parse(&text);
            if let Ok(base) = BaseUrl::parse(&format!("https://{rest}")) {
                prop_assert_eq!(BaseUrl::parse(&base.to_string()), Ok(base));
            }
        }
    }
}
