//! Whether a request to the admin pages comes from the gateway's own pages: by the names that it is reached by, and by
//! what browsers say of the page that sends it.
//!
//! `Host` keeps out pages whose name was made to resolve to this machine; `Origin` and `Sec-Fetch-Site` keep out pages
//! of others, also those of other programs on the same host, whose cookies a browser shares among ports.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use tokenrouter::error::{Kind, Problem};

use super::caller::is_local_host;
use crate::config::{Admin, split_port};

/// Says from which page a browser sends a request.
pub static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// By which names the gateway is reached.
#[derive(Clone, Copy, Debug)]
pub struct Site<'c> {
    /// Names that the operator gave it.
    pub admin: &'c Admin,
    /// Names and addresses that its certificate is for.
    pub hosts: &'c [String],
    /// Where it listens.
    pub listens_at: &'c [SocketAddr],
}

impl Site<'_> {
    /// Refuses a request that names another host, several, or none.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if one(headers, &HOST).is_some_and(|host| self.serves(host)) {
            return Ok(());
        }
        let shown: String =
            one(headers, &HOST).unwrap_or("…").chars().filter(char::is_ascii_graphic).take(100).collect();
        Err(Problem::new(
            Kind::Forbidden,
            "foreign_host",
            format!("the admin pages are not served under the name `{shown}`"),
            "Open them by the gateway's own address, or add the name to `[admin] hosts` in torod.toml.",
        ))
    }

    /// Refuses a request that a page of another site sends.
    pub fn check_origin(&self, headers: &HeaderMap, is_https: bool) -> Result<(), Problem> {
        let mut sites = headers.get_all(&FETCH_SITE).iter();
        let is_own_site = sites.all(|site| site == "same-origin" || site == "none");
        let is_own_origin = !headers.contains_key(ORIGIN)
            || one(headers, &ORIGIN).is_some_and(|origin| self.is_own(origin, headers, is_https));
        if is_own_site && is_own_origin {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Forbidden,
            "foreign_origin",
            "a page of another site must not do this",
            "Open the gateway's own page. If this is it, a proxy stands between: name it in `[server] trusted_proxies`, \
             or the page's address in `[admin] public_url`.",
        ))
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap, is_https: bool) -> bool {
        let is_public = self.admin.public_url.as_ref().is_some_and(|url| url.origin.eq_ignore_ascii_case(origin));
        let (scheme, default_port) = if is_https { ("https", ":443") } else { ("http", ":80") };
        let own = origin.split_once("://").filter(|(theirs, _)| *theirs == scheme).map(|(_, authority)| authority);
        let host = one(headers, &HOST).map(|host| host.strip_suffix(default_port).unwrap_or(host));
        is_public || own.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host))
    }

    fn serves(&self, authority: &str) -> bool {
        if is_local_host(authority) {
            return true;
        }
        let Some((host, port)) = split_port(authority) else { return false };
        if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+')) {
            return false;
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_address = address.is_some_and(|address| {
            // Everywhere: then any address of this machine, which no foreign name can stand for.
            let is_at = |own: IpAddr| own.is_unspecified() || address.to_canonical() == own.to_canonical();
            self.listens_at.iter().any(|own| is_at(own.ip()))
        });
        let bare = host.trim_matches(['[', ']']);
        let is_named = self.admin.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
            || self.hosts.iter().any(|name| name.eq_ignore_ascii_case(bare));
        let is_public = self.admin.public_url.as_ref().is_some_and(|url| url.host.eq_ignore_ascii_case(host));
        is_address || is_named || is_public
    }
}

/// The only value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PublicUrl;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    fn admin() -> Admin {
        Admin {
            hosts: vec!["gw.lan".into()],
            public_url: PublicUrl::parse("https://gw.example:8443"),
            ..Admin::default()
        }
    }

    #[test]
    fn only_names_that_are_ours_are_served() {
        let admin = admin();
        let serves = |listens_at: &str, hosts: &[&str]| {
            let mut given = HeaderMap::new();
            for host in hosts {
                given.append(HOST, host.parse().unwrap());
            }
            Site { admin: &admin, hosts: &[], listens_at: &[listens_at.parse().unwrap()] }.check_host(&given).is_ok()
        };
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "gw.lan",
            "GW.lan:9",
            "gw.example",
            "10.0.0.5",
            "10.0.0.5:8080",
        ] {
            assert!(serves("10.0.0.5:8080", &[host]), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "gw.lan.evil.example",
            "xgw.lan",
            "gw.lan.",
            "me@gw.lan",
            "gw.lan:x",
            "gw.lan:+1",
            "gw.lan:",
            "[gw.lan]",
            "10.0.0.6",
            "0.0.0.0",
            "",
            "gw.lan:80:80",
            "localhost evil",
            "[10.0.0.6]",
            "*",
        ] {
            assert!(!serves("10.0.0.5:8080", &[host]), "{host}");
        }
        assert!(serves("0.0.0.0:8080", &["192.168.7.7:8080"]) && serves("[::]:8080", &["[fd00::1]:8080"]));
        assert!(!serves("0.0.0.0:8080", &["evil.example"]));
        assert!(!serves("127.0.0.1:8080", &[]) && !serves("127.0.0.1:8080", &["localhost", "localhost"]));
    }

    #[test]
    fn only_pages_of_our_own_may_send() {
        let admin = admin();
        let site = Site { admin: &admin, hosts: &[], listens_at: &["127.0.0.1:8080".parse().unwrap()] };
        let ok = |is_https: bool, pairs: &[(&'static str, &str)]| {
            let mut given = headers(pairs);
            given.append(HOST, "localhost:8080".parse().unwrap());
            site.check_origin(&given, is_https).is_ok()
        };
        assert!(ok(false, &[]));
        assert!(ok(false, &[("origin", "http://localhost:8080")]));
        assert!(ok(false, &[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(ok(false, &[("sec-fetch-site", "none")]));
        assert!(ok(true, &[("origin", "https://localhost:8080")]));
        assert!(ok(false, &[("origin", "https://gw.example:8443")]), "the public address");
        for origin in [
            "http://localhost:3000",
            "http://localhost",
            "https://localhost:8080",
            "http://evil.example",
            "null",
            "",
            "http://localhost:8080.evil.example",
            "http://127.0.0.1:8080",
            "http://gw.example:8443",
            "https://gw.example",
            "http://localhost:8080/",
        ] {
            assert!(!ok(false, &[("origin", origin)]), "{origin}");
        }
        for fetch_site in ["same-site", "cross-site", "", "same-origin, cross-site"] {
            assert!(!ok(false, &[("sec-fetch-site", fetch_site)]), "{fetch_site}");
        }
        assert!(!ok(false, &[("origin", "http://localhost:8080"), ("origin", "http://localhost:8080")]));
        assert!(!ok(false, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
    }
}
