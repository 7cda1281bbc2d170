//! `[admin]`: by which names the admin pages are reached, and how long a login lasts.

use std::time::Duration;

use super::field::Field;
use super::section::{Section, shorten};

/// Who reaches the admin pages, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Names by which browsers reach this gateway, besides those of this machine and the listening address.
    pub hosts: Vec<String>,
    /// Where browsers find this gateway, if a proxy stands before it.
    pub public_url: Option<PublicUrl>,
    /// After how long without a request a login ends.
    pub session_idle: Duration,
    /// After how long a login ends whatever happens.
    pub session_lifetime: Duration,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            public_url: None,
            session_idle: Duration::from_hours(12),
            session_lifetime: Duration::from_hours(7 * 24),
        }
    }
}

/// Where browsers find this gateway: a scheme, a host and perhaps a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// `https://gateway.example.com`, as browsers name it as an origin.
    pub origin: String,
    /// `gateway.example.com`, without a port.
    pub host: String,
}

impl PublicUrl {
    /// Reads `https://gateway.example.com`, perhaps with a port and a slash.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let (host, port) = split_port(authority)?;
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        (is_host(host) && is_port).then(|| Self { origin: format!("{scheme}://{authority}"), host: host.to_owned() })
    }
}

/// Host and port of an authority; IPv6 keeps its brackets.
pub fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(end)?;
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None if rest.is_empty() => Some((host, None)),
        None => None,
    }
}

/// Whether `text` is a name or an address and nothing more.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl Admin {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut admin = Self::default();
        if let Some(field) = section.take("hosts") {
            for element in field.elements("an array of texts") {
                let Some(text) = element.string() else { continue };
                let host = text.to_ascii_lowercase();
                if is_host(&host) {
                    admin.hosts.push(host);
                } else {
                    element.refuse(
                        format!("`{}` is no host name", shorten(text)),
                        "write the name alone, without scheme and port, such as \"gateway.example.com\"",
                    );
                }
            }
        }
        if let Some(field) = section.take("public_url") {
            admin.public_url = read_url(&field);
        }
        let range = Duration::from_mins(1)..=Duration::from_hours(365 * 24);
        section.set_duration("session_idle", range.clone(), &mut admin.session_idle);
        section.set_duration("session_lifetime", range, &mut admin.session_lifetime);
        section.finish();
        admin
    }
}

fn read_url(field: &Field<'_>) -> Option<PublicUrl> {
    let text = field.string().filter(|text| !text.is_empty())?;
    let url = PublicUrl::parse(text);
    if url.is_none() {
        field.refuse(
            "this is no URL with a host alone".to_owned(),
            "write \"https://gateway.example.com\", without a path",
        );
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_origin_and_nothing_more() {
        for (text, origin, host) in [
            ("https://GW.example.com/", "https://gw.example.com", "gw.example.com"),
            ("https://gw.example.com:443", "https://gw.example.com", "gw.example.com"),
            ("http://gw.example.com:8080", "http://gw.example.com:8080", "gw.example.com"),
            ("http://[fd00::1]:8080", "http://[fd00::1]:8080", "[fd00::1]"),
            ("http://10.0.0.1", "http://10.0.0.1", "10.0.0.1"),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!((url.origin.as_str(), url.host.as_str()), (origin, host), "{text}");
        }
        for text in [
            "",
            "gw.example.com",
            "ftp://gw",
            "https://",
            "https://gw/admin",
            "https://me@gw",
            "https://gw:0",
            "https://gw:x",
            "https://gw?x",
            "https://gw..x",
            "https://[::1",
            "https://a b",
            "https://[fd00::1]x",
            "https://gw:70000",
            "https://*",
        ] {
            assert_eq!(PublicUrl::parse(text), None, "{text}");
        }
    }
}
