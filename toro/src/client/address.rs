//! Where a gateway is: a base URL, written with or without its version segment.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// The base of all URLs of a gateway, without a slash at its end and without `/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    is_https: bool,
    host: String,
    port: Option<u16>,
    prefix: String,
}

/// Why a text is no address of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; write a URL such as http://127.0.0.1:8080 or https://gateway.example.com", self.0)
    }
}

impl std::error::Error for BadAddress {}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        let bad = |why: &str| BadAddress(format!("`{shown}` {why}"));
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            let guess = Self::from_str(&format!("http://{text}")).map_err(|_| bad("is no URL"))?;
            if guess.is_loopback() { format!("http://{text}") } else { format!("https://{text}") }
        };
        let uri: Uri = whole.parse().map_err(|_| bad("is no URL"))?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("holds a name or password, which do not belong there"));
        }
        if authority.host().is_empty() || authority.host() == "[]" {
            return Err(bad("names no host"));
        }
        let port = match authority.as_str().get(authority.host().len()..).and_then(|rest| rest.strip_prefix(':')) {
            None => None,
            Some(port) => {
                Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad("has an impossible port"))?)
            }
        };
        if uri.query().is_some() {
            return Err(bad("has a `?`, which an address has not"));
        }
        let mut prefix = uri.path().trim_end_matches('/');
        for version in ["/v1", "/v1beta", "/admin"] {
            prefix = prefix.strip_suffix(version).unwrap_or(prefix).trim_end_matches('/');
        }
        Ok(Self { is_https, host: authority.host().to_ascii_lowercase(), port, prefix: prefix.to_owned() })
    }
}

impl Address {
    /// Whether the way there is encrypted.
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host's name or address, an IPv6 one without its brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, said or usual.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// Whether it is this machine, by its name.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// What stands in `Host`.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// A path below the base, which begins with a slash.
    pub fn path(&self, below: &str) -> String {
        format!("{}{below}", self.prefix)
    }

    /// The URL of a path below the base.
    pub fn url(&self, below: &str) -> String {
        format!("{self}{below}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_or_without_a_version_it_is_the_same() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
            (" 127.0.0.1:8080/v1 ", "http://127.0.0.1:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("gateway.example.com", "https://gateway.example.com"),
            ("https://Example.com/llm/v1", "https://example.com/llm"),
            ("https://example.com:8443/admin", "https://example.com:8443"),
            ("http://gateway.lan:8080/v1beta", "http://gateway.lan:8080"),
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(expected.to_owned()), "{text}");
        }
        let ipv6: Address = "https://[::1]/x".parse().unwrap();
        assert_eq!((ipv6.host(), ipv6.port(), &*ipv6.path("/v1/models")), ("::1", 443, "/x/v1/models"));
        assert!(ipv6.is_loopback());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ftp://x",
            "http://",
            "http://u:p@h",
            "http://h:0",
            "http://h:99999",
            "http://h/?key=x",
            "a b",
            "http://[]",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
