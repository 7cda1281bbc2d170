//! `[server]`: where torod listens besides `listen_addr`, and who may speak for others.

use std::net::IpAddr;

use ipnet::IpNet;

use super::listen::Listen;
use super::section::{Section, shorten};

/// How a proxy is named that comes by a Unix socket.
const UNIX: &str = "unix";

/// Where torod listens besides `listen_addr`, and who may speak for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The proxies that are believed where they say whom they speak for. Nobody else is.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether whoever comes by a Unix socket is one of them.
    pub trusts_unix: bool,
    /// Whether they tell by the PROXY protocol whom they speak for.
    pub proxy_protocol: bool,
    /// Where torod listens besides `listen_addr`.
    pub listen: Vec<Listen>,
    /// Where the admin pages and their API are; empty: wherever torod listens.
    pub admin_listen: Vec<Listen>,
    /// Who may open the Unix sockets, as the bits of their mode.
    pub socket_mode: u32,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            trusts_unix: false,
            proxy_protocol: false,
            listen: Vec::new(),
            admin_listen: Vec::new(),
            socket_mode: 0o660,
        }
    }
}

impl Server {
    /// Who is a proxy that is believed, as the file says it.
    pub(super) fn proxies(&self) -> Vec<String> {
        let unix = self.trusts_unix.then(|| UNIX.to_owned());
        self.trusted_proxies.iter().map(ToString::to_string).chain(unix).collect()
    }

    /// Whether `address` is a proxy that is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&address))
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut server = Self::default();
        if let Some(field) = section.take("trusted_proxies") {
            for element in field.elements("an array of networks") {
                let Some(text) = element.string() else { continue };
                if text == UNIX {
                    server.trusts_unix = true;
                    continue;
                }
                match network(text) {
                    Some(net) if net.prefix_len() == 0 => element.refuse(
                        format!("`{}` trusts every address there is", shorten(text)),
                        "write the addresses of your own proxies, such as \"10.0.0.0/8\"",
                    ),
                    Some(net) => server.trusted_proxies.push(net),
                    None => element.refuse(
                        format!("`{}` is no address and no network", shorten(text)),
                        "write \"10.0.0.0/8\", \"192.0.2.7\", \"fd00::/8\", or \"unix\" for whoever comes by a Unix socket",
                    ),
                }
            }
        }
        if let Some(field) = section.take("listen") {
            server.listen = Listen::read_all(&field);
        }
        if let Some(field) = section.take("admin_listen") {
            server.admin_listen = Listen::read_all(&field);
            if let Some(both) = server.admin_listen.iter().find(|place| server.listen.iter().any(|l| l.is_at(place))) {
                field.refuse(format!("`{both}` stands in `listen` as well"), "keep it in one of them");
            }
        }
        if let Some(field) = section.take("socket_mode")
            && let Some(text) = field.string()
        {
            match u32::from_str_radix(text, 8).ok().filter(|mode| (1..=4).contains(&text.len()) && *mode <= 0o777) {
                Some(mode) => server.socket_mode = mode,
                None => field.refuse(format!("`{}` is no mode of a file", shorten(text)), field.example()),
            }
        }
        if let Some(field) = section.take("proxy_protocol")
            && let Some(wanted) = field.bool()
        {
            server.proxy_protocol = wanted;
            if wanted && server.trusted_proxies.is_empty() {
                field.doubt("nobody is believed by the PROXY protocol", "name the proxies in `trusted_proxies`");
            }
        }
        section.finish();
        server
    }
}

/// A network, or one address; IPv4 in IPv6 clothes counts as IPv4.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().ok().map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn a_proxy_is_trusted_by_its_address_in_whatever_form() {
        let text = "[server]\ntrusted_proxies = [\"10.1.2.3/8\", \"::ffff:192.0.2.7\", \"fd00::/8\"]";
        let server = parse(text, "t").unwrap().server;
        for (address, expected) in [
            ("10.9.9.9", true),
            ("::ffff:10.9.9.9", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(server.trusts(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn places_stand_once_and_modes_are_octal() {
        let read = |lines: &str| parse(&format!("[server]\n{lines}"), "t");
        let server = read("listen = ['[::1]:1', 'unix:/s']\nadmin_listen = ['127.0.0.1:2']\nsocket_mode = '0600'\ntrusted_proxies = ['unix']").unwrap().server;
        assert_eq!((server.listen.len(), server.admin_listen.len(), server.socket_mode), (2, 1, 0o600));
        assert!(server.trusts_unix && server.proxies() == ["unix"]);
        for (lines, said) in [
            ("listen = ['127.0.0.1:1', 'http://127.0.0.1:1']", "stands here twice"),
            ("listen = ['unix:/s']\nadmin_listen = ['unix:/s']", "stands in `listen` as well"),
            ("listen = ['nowhere']", "is no address with a port and no socket"),
            ("socket_mode = '888'", "is no mode of a file"),
            ("socket_mode = '07777'", "is no mode of a file"),
        ] {
            let found = format!("{:?}", read(lines).unwrap_err());
            assert!(found.contains(said), "{lines}: {found}");
        }
    }
}
