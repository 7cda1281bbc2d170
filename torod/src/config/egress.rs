//! `[egress]`: where torod may connect to, whoever asks and whatever a name means at that moment.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use tokenrouter::call::Guard;

use super::address::{self, Kind};
use super::section::{Section, shorten};

/// The most ranges that may be denied.
const MOST: usize = 1_000;

/// Which addresses torod connects to. Some it never does: link-local, metadata services, multicast, broadcast, unspecified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Whether this machine and private networks may be called.
    pub allow_private: bool,
    /// What may not be called besides.
    pub deny: Vec<IpNet>,
}

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule.
    pub why: String,
    /// What to do to the settings so that it is; nothing where no setting changes it.
    setting: Option<&'static str>,
}

impl Denial {
    /// What to do about it: `instead`, or the settings.
    pub(super) fn advice(&self, instead: &str) -> String {
        match self.setting {
            Some(setting) => format!("{instead}, or {setting}"),
            None => format!("{instead}; no setting changes that"),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.setting {
            Some(setting) => write!(f, "{}: {setting} to allow it", self.why),
            None => write!(f, "{}; no setting changes that", self.why),
        }
    }
}

impl Default for Egress {
    /// Model servers of one's own are a main use.
    fn default() -> Self {
        Self { allow_private: true, deny: Vec::new() }
    }
}

impl Egress {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut egress = Self::default();
        section.set_bool("allow_private", &mut egress.allow_private);
        if let Some(field) = section.take("deny") {
            for range in field.elements("an array of address ranges") {
                let Some(text) = range.string() else { continue };
                match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                    Ok(net) if egress.deny.len() < MOST => egress.deny.push(net.trunc()),
                    Ok(_) => {
                        range.refuse(format!("more than {MOST} ranges are denied"), "put several into a larger one");
                        break;
                    }
                    Err(_) => range.refuse(
                        format!("`{}` is no range of addresses", shorten(text)),
                        "write it like \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\"",
                    ),
                }
            }
        }
        section.finish();
        egress
    }

    /// Whether `ip` may be connected to, and whatever IPv4 address it leads to.
    ///
    /// # Errors
    ///
    /// Which rule denies it and how that is changed.
    pub fn check(&self, ip: IpAddr) -> Result<(), Denial> {
        self.check_one(ip, ip)?;
        address::inside(ip).map_or(Ok(()), |inner| self.check_one(inner.into(), ip))
    }

    fn check_one(&self, ip: IpAddr, named: IpAddr) -> Result<(), Denial> {
        let shown = if ip == named { ip.to_string() } else { format!("{named}, which is {ip},") };
        match address::kind(ip) {
            Kind::Never(what) => {
                return Err(Denial { why: format!("the egress policy never allows {shown} ({what})"), setting: None });
            }
            Kind::Private(what) if !self.allow_private => {
                return Err(Denial {
                    why: format!("the egress policy denies {shown} ({what})"),
                    setting: Some("set `egress.allow_private = true`"),
                });
            }
            Kind::Public | Kind::Private(_) => {}
        }
        match self.deny.iter().find(|net| net.contains(&ip)) {
            Some(net) => Err(Denial {
                why: format!("the egress policy denies {shown} ({net})"),
                setting: Some("take the range out of `egress.deny`"),
            }),
            None => Ok(()),
        }
    }

    /// Whether the host of a URL may be called as far as its text tells; a name is looked at when it is connected to.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_host(&self, host: &str) -> Result<(), Denial> {
        address::literal(host).map_or(Ok(()), |ip| self.check(ip))
    }

    /// The policy as a client keeps it.
    pub fn guard(&self) -> Guard {
        let policy = self.clone();
        Guard::new(move |ip| policy.check(ip).map_err(|denial| denial.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn policy(text: &str) -> Egress {
        parse(&format!("[egress]\n{text}"), "t").unwrap().egress
    }

    fn said(policy: &Egress, host: &str) -> String {
        policy.check_host(host).err().map(|denial| denial.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_never_called() {
        let policy = Egress::default();
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "[fe80::1]",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "0.0.0.0",
            "0.1.2.3",
            "[::]",
            "224.0.0.1",
            "[ff02::1]",
            "255.255.255.255",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[2001:db8::5efe:a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "0xA9FEA9FE",
            "2852039166",
        ] {
            assert!(said(&policy, host).contains("never allows"), "{host}: {}", said(&policy, host));
        }
        for host in
            ["127.0.0.1", "10.1.2.3", "192.168.1.5", "[fd12::1]", "1.1.1.1", "[2606:4700::1111]", "llm.example.com"]
        {
            assert_eq!(said(&policy, host), "", "{host}");
        }
    }

    #[test]
    fn private_addresses_are_denied_where_they_shall_be() {
        let policy = policy("allow_private = false");
        for host in [
            "127.0.0.1",
            "127.1",
            "0177.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "10.0.0.1",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "240.0.0.1",
            "[fc00::1]",
            "[fec0::1]",
            "[2001:db8::1]",
            "[64:ff9b:1::1]",
        ] {
            assert!(said(&policy, host).contains("egress.allow_private = true"), "{host}: {}", said(&policy, host));
        }
        for host in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "[64:ff9b::1.1.1.1]"] {
            assert_eq!(said(&policy, host), "", "{host}");
        }
    }

    #[test]
    fn a_range_of_ones_own_is_denied_however_it_is_written() {
        let policy = policy("deny = [\"10.9.8.7/8\", \"1.2.3.4\", \"2001:4860::/32\"]");
        for host in ["10.0.0.1", "[::ffff:10.0.0.1]", "1.2.3.4", "16909060", "[2001:4860::8888]"] {
            assert!(said(&policy, host).contains("egress.deny"), "{host}: {}", said(&policy, host));
        }
        assert_eq!(said(&policy, "1.2.3.5"), "");
    }
}
