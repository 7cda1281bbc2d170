//! What an IP address is for: the world, a private network, or nobody that a gateway should ever call.
//!
//! Ranges are those of IANA's special-purpose registries (RFC 6890 and its updates); metadata services are where the
//! clouds document them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who is behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anybody.
    Public,
    /// This machine or a network of one's own: the name of the range.
    Private(&'static str),
    /// Nobody to talk to: the name of the range.
    Never(&'static str),
}

/// What stands where a cloud tells a machine its own secrets.
const METADATA: &str = "the metadata service of a cloud";

/// The metadata services that no other range holds: Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// The same with IPv6: Amazon, Google, Oracle, Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// What `ip` is for by itself, whatever it may hold.
pub(super) fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    if METADATA_V4.contains(&ip) {
        return Kind::Never(METADATA);
    }
    match ip.octets() {
        [0, ..] => Kind::Never("the unspecified address"),
        [169, 254, 169, 254] => Kind::Never(METADATA),
        [169, 254, ..] => Kind::Never("link-local"),
        [224..=239, ..] => Kind::Never("multicast"),
        [255, 255, 255, 255] => Kind::Never("broadcast"),
        [127, ..] => Kind::Private("loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private("a private network"),
        [100, 64..=127, ..] => Kind::Private("a network shared behind a carrier's NAT"),
        [192, 0, 0, _] | [198, 18 | 19, ..] | [240..=255, ..] => Kind::Private("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Private("for documentation"),
        _ => Kind::Public,
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    if METADATA_V6.contains(&ip) {
        return Kind::Never(METADATA);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Never("the unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private("loopback"),
        [0xfe80..=0xfebf, ..] => Kind::Never("link-local"),
        [0xff00..=0xffff, ..] => Kind::Never("multicast"),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Kind::Private("a private network"),
        [0x64, 0xff9b, 1, ..] => Kind::Private("a network's own NAT64"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Kind::Private("for documentation"),
        [0x100, 0, 0, 0 | 1, ..] | [0x5f00, ..] => Kind::Private("reserved"),
        _ => Kind::Public,
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, translated, NAT64, 6to4, Teredo.
pub(super) fn inside(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let segments = ip.segments();
    let joined = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // For networks of one's own (RFC 8215), and ISATAP (RFC 5214), under whatever prefix.
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low]
        | [0x2002, high, low, ..] => Some(joined(high, low)),
        [0x2001, 0, .., high, low] => Some(joined(!high, !low)),
        _ => None,
    }
}

/// The address that a URL's host is, in any spelling that the system's resolver takes: `[::1]`, `127.1`, `0x7f000001`,
/// `0177.0.0.1`, `2130706433`, `localhost`.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let host = host.trim_end_matches('.');
    if host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    if let Some(bare) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        // A zone (`%eth0`) says by which card, not who.
        return bare.split('%').next().unwrap_or(bare).parse().ok();
    }
    host.parse().ok().or_else(|| loose(host).map(IpAddr::V4))
}

/// An IPv4 address as `inet_aton` reads it: one to four numbers, of which the last fills what is left.
fn loose(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, before) = parts.split_last()?;
    if before.len() > 3 || before.iter().any(|part| *part > 255) {
        return None;
    }
    let left_bits = 32 - 8 * u32::try_from(before.len()).ok()?;
    if left_bits < 32 && last >> left_bits != 0 {
        return None;
    }
    let head = before.iter().enumerate().fold(0, |bits, (at, part)| bits | part << (24 - 8 * at));
    Some(Ipv4Addr::from_bits(head | last))
}

fn number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    // `from_str_radix` would take a sign.
    let digits = |text: &str, radix| {
        text.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| u32::from_str_radix(text, radix).ok()).flatten()
    };
    match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(""), _) | (None, Some("")) => Some(0),
        (Some(hex), _) => digits(hex, 16),
        (None, Some(octal)) => digits(octal, 8),
        (None, None) => digits(&lower, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for host in
            ["127.0.0.1", "127.1", "0x7f.1", "0x7F000001", "0177.0.0.1", "2130706433", "localhost", "a.LocalHost."]
        {
            assert_eq!(literal(host), Some(Ipv4Addr::LOCALHOST.into()), "{host}");
        }
        assert_eq!(literal("0"), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(literal("[fe80::1%eth0]"), "fe80::1".parse().ok());
        assert_eq!(literal("0xa9fea9fe"), "169.254.169.254".parse().ok());
        for name in
            ["llm.example.com", "256.1.1.1", "1.2.3.4.5", "+1", "0x1ffffffff", "08", "", "1..2", "1.16777216", "beef"]
        {
            assert_eq!(literal(name), None, "{name}");
        }
    }

    #[test]
    fn an_address_inside_another_is_found() {
        for text in [
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::",
            "2001:0:1:2:3:4:f5ff:fffe",
        ] {
            assert_eq!(inside(text.parse().unwrap()), Some(Ipv4Addr::new(10, 0, 0, 1)), "{text}");
        }
        for text in ["::", "::1", "2606:4700::1111", "10.0.0.1"] {
            assert_eq!(inside(text.parse().unwrap()), None, "{text}");
        }
    }
}
