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
    /// Whether its paths have no version segment.
    unversioned: bool,
    /// What every URL ends with, without its `?`; empty for nothing.
    query: String,
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
        Ok(Self { scheme, host, port, path: clean_path(path)?, unversioned: false, query: String::new() })
    }

    /// The same for a server whose paths have no version segment: none is put in.
    #[must_use]
    pub fn without_version(self) -> Self {
        Self { unversioned: true, ..self }
    }

    /// The same with `query` (`name=value`, without `?`) at the end of every URL.
    ///
    /// # Errors
    ///
    /// Where `query` holds a character that would end it.
    pub fn with_query(self, query: &str) -> Result<Self, BaseUrlError> {
        let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'{' | b'}' | b'<' | b'>' | b'"');
        if !query.bytes().all(allowed) {
            return Err(BaseUrlError::Query);
        }
        Ok(Self { query: query.to_owned(), ..self })
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

    /// Whether its paths have a version segment and no query: what its text alone tells.
    pub const fn is_plain(&self) -> bool {
        !self.unversioned && self.query.is_empty()
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
        let is_whole = self.unversioned || self.path.split('/').any(is_version);
        let version = if is_whole { "" } else { protocol.version() };
        let mut path = String::with_capacity(self.path.len() + version.len() + tail.len() + self.query.len() + 3);
        path.push_str(&self.path);
        for part in [version, tail] {
            if part.starts_with('?') {
                path.push_str(part);
            } else if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        if !self.query.is_empty() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&self.query);
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
mod tests;
