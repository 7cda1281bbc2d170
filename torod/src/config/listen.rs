//! Where torod listens besides `listen_addr`: addresses and Unix sockets, as `[server]` names them.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::field::Field;
use super::section::shorten;

/// The longest path that a Unix socket may have; the system's own limit is 107 bytes.
const LONGEST_PATH: usize = 107;
/// The most places of one kind.
const MOST: usize = 32;

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address with a port.
    Tcp {
        /// The address.
        addr: SocketAddr,
        /// Whether it speaks plain HTTP although TLS is on.
        is_plain: bool,
    },
    /// A socket in the file system, which speaks plain HTTP.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `127.0.0.1:8080`, `http://127.0.0.1:8080` or `unix:/run/torod.sock`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_fine = path.starts_with('/') && !path.ends_with('/') && path.len() <= LONGEST_PATH;
            return (is_fine && !path.contains(char::is_control)).then(|| Self::Unix(PathBuf::from(path)));
        }
        let (text, is_plain) = text.strip_prefix("http://").map_or((text, false), |rest| (rest, true));
        text.trim_end_matches('/').parse().ok().map(|addr| Self::Tcp { addr, is_plain })
    }

    /// Its address, where it has one.
    pub const fn addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { addr, .. } => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Reads a list of places that differ from each other.
    pub(super) fn read_all(field: &Field<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        for element in field.elements("an array of addresses") {
            let Some(text) = element.string() else { continue };
            let advice = "write \"192.0.2.7:8080\", \"[::1]:8080\", \"unix:/run/tokenrouter/gateway.sock\", or \
                          \"http://127.0.0.1:8081\" for one without TLS";
            match Self::parse(text) {
                None => element.refuse(format!("`{}` is no address with a port and no socket", shorten(text)), advice),
                Some(place) if all.iter().any(|other: &Self| other.is_at(&place)) => {
                    element.refuse(format!("`{}` stands here twice", shorten(text)), "keep one");
                }
                Some(_) if all.len() == MOST => {
                    element.refuse(format!("these are more than {MOST}"), "keep the ones that are needed");
                }
                Some(place) => all.push(place),
            }
        }
        all
    }

    /// Whether both mean the same place.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp { addr: a, .. }, Self::Tcp { addr: b, .. }) => a == b && a.port() != 0,
            (Self::Unix(a), Self::Unix(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { addr, is_plain: false } => write!(f, "{addr}"),
            Self::Tcp { addr, is_plain: true } => write!(f, "http://{addr}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_a_socket_and_is_written_as_it_is_read() {
        for text in ["127.0.0.1:8080", "[::1]:8080", "http://10.0.0.1:80", "unix:/run/torod/gateway.sock"] {
            assert_eq!(Listen::parse(text).unwrap().to_string(), text);
        }
        let long = format!("unix:/{}", "a".repeat(LONGEST_PATH));
        for text in
            ["", "8080", "localhost:80", "unix:", "unix:run", "unix:/run/", "unix:/a\nb", "https://1.1.1.1:1", &long]
        {
            assert_eq!(Listen::parse(text), None, "{text}");
        }
    }
}
