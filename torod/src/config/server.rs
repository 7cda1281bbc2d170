//! `[server]`: who may speak for others.

use std::net::IpAddr;

use ipnet::IpNet;

use super::section::{Section, shorten};

/// Who may speak for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The proxies that are believed where they say whom they speak for. Nobody else is.
    pub trusted_proxies: Vec<IpNet>,
}

impl Server {
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
                match network(text) {
                    Some(net) if net.prefix_len() == 0 => element.refuse(
                        format!("`{}` trusts every address there is", shorten(text)),
                        "write the addresses of your own proxies, such as \"10.0.0.0/8\"",
                    ),
                    Some(net) => server.trusted_proxies.push(net),
                    None => element.refuse(
                        format!("`{}` is no address and no network", shorten(text)),
                        "write \"10.0.0.0/8\", \"192.0.2.7\" or \"fd00::/8\"",
                    ),
                }
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
}
