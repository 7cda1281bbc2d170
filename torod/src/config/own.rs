//! Whether a URL is this gateway's own: a provider there would have every request go round in circles.
//!
//! What the text of a URL tells is looked at here. A name that turns out to mean this machine only when it is called,
//! and ways through other gateways, are found when a request comes back (`upstreams/passage`).

use std::net::{IpAddr, SocketAddr, UdpSocket};

use tokenrouter::catalog::{BaseUrl, Preset};

use super::Config;
use super::address::literal;
use super::admin::Admin;
use super::field::Field;
use super::provider::ProviderConfig;

/// Where the gateway is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'c> {
    /// Where it listens.
    pub(super) addresses: &'c [SocketAddr],
    /// The names that it is known by.
    pub(super) admin: &'c Admin,
}

impl Own<'_> {
    /// Whether `url` is this gateway's.
    pub(super) fn is_at(&self, url: &BaseUrl) -> bool {
        let origin = format!("{}://{}", url.scheme().as_str(), url.authority());
        if self.admin.public_url.as_ref().is_some_and(|public| public.origin == origin) {
            return true;
        }
        self.addresses.iter().any(|own| {
            let port = own.port();
            port != 0 && url.port() == port && self.is_host(own.ip().to_canonical(), url.host())
        })
    }

    fn is_host(&self, own: IpAddr, host: &str) -> bool {
        let bare = host.trim_end_matches('.');
        match literal(host).map(|ip| ip.to_canonical()) {
            // A name of this machine means each of its loopback addresses.
            Some(_) if !bare.starts_with('[') && bare.ends_with("localhost") => {
                own.is_loopback() || own.is_unspecified()
            }
            Some(ip) if ip == own || ip.is_unspecified() => true,
            Some(ip) => own.is_unspecified() && is_here(ip),
            None => {
                let mut names = self.admin.hosts.iter().map(String::as_str);
                let is_machine = !own.is_loopback() && machine().is_some_and(|name| name.eq_ignore_ascii_case(bare));
                is_machine || names.any(|name| name.eq_ignore_ascii_case(bare))
            }
        }
    }
}

/// Refuses `provider`, which stands at `field`, where it is this gateway itself.
pub(super) fn check(config: &Config, provider: &ProviderConfig, field: &Field<'_>) {
    let addresses = config.addresses();
    let own = Own { addresses: &addresses, admin: &config.admin };
    let urls = provider.protocols.iter().map(|(_, url)| url).filter(|_| provider.enabled);
    if let Some(url) = urls.into_iter().find(|url| own.is_at(url)) {
        field.refuse(
            format!("the provider `{}` is this gateway itself: it is reached at {}", provider.name, url.authority()),
            "give the provider's own URL, or set another `listen_addr`: requests would go round in circles",
        );
    }
}

impl ProviderConfig {
    /// Whether it is called nowhere but where its vendor is: such a call surely does not come back.
    pub fn is_at_its_vendor(&self) -> bool {
        // As we know it, and not as the file may describe it.
        let Some(preset) = self.preset.as_ref().and_then(|preset| Preset::find(&preset.id)) else { return false };
        let is_there = |url: &BaseUrl, protocol| {
            let usual = preset.endpoint(protocol).and_then(|endpoint| endpoint.url(&|_| None).ok());
            !url.is_loopback() && usual.is_some_and(|usual| usual.authority() == url.authority())
        };
        !self.protocols.is_empty() && self.protocols.iter().all(|(protocol, url)| is_there(url, *protocol))
    }
}

/// Whether `ip` is an address of this machine: only then can something listen there. Nothing is sent.
fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// What this machine calls itself.
fn machine() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PublicUrl, parse};

    #[test]
    fn a_provider_that_is_the_gateway_itself_is_refused() {
        let provider = |more: &str, url: &str| format!("{more}\n[[providers]]\nname = \"me\"\nbase_url = \"{url}\"\n");
        let said = |text: &str| parse(text, "t").err().map(|findings| findings[0].to_string()).unwrap_or_default();
        let found = said(&provider("", "http://localhost:8080/v1"));
        assert!(found.contains("`me` is this gateway itself") && found.contains("round in circles"), "{found}");
        for (more, url) in [
            ("listen_addr = \"0.0.0.0:9\"", "http://127.0.0.1:9"),
            ("[server]\nlisten = [\"127.0.0.1:9\"]", "http://127.0.0.1:9"),
            ("[server]\nadmin_listen = [\"127.0.0.1:9\"]", "http://localhost:9"),
            ("[admin]\npublic_url = \"https://gw.example\"", "https://gw.example/v1"),
        ] {
            assert!(said(&provider(more, url)).contains("gateway itself"), "{more}");
        }
        // A preset's own place may be ours as well.
        let text = "[[providers]]\nname = \"l\"\nprovider_type = \"llamacpp\"\n";
        let is_there = Preset::find("llamacpp").is_some_and(|preset| preset.local_port == Some(8080));
        assert_eq!(said(text).contains("gateway itself"), is_there, "{}", said(text));
        assert_eq!(said(&provider("listen_addr = \"127.0.0.1:9\"", "http://127.0.0.1:8080")), "");
        assert_eq!(said(&(provider("", "http://127.0.0.1:8080") + "enabled = false\n")), "");
    }

    #[test]
    fn its_own_address_is_known_however_it_is_written() {
        let admin = Admin {
            hosts: vec!["gw.lan".into()],
            public_url: PublicUrl::parse("https://gw.example"),
            ..Admin::default()
        };
        let is_own = |listen: &str, url: &str| {
            Own { addresses: &[listen.parse().unwrap()], admin: &admin }.is_at(&BaseUrl::parse(url).unwrap())
        };
        let everywhere = ["0.0.0.0:8080", "[::]:8080"];
        for url in [
            "http://127.0.0.1:8080/v1",
            "http://LOCALHOST:8080",
            "http://x.localhost:8080",
            "http://127.1:8080",
            "http://2130706433:8080",
            "http://0x7f.1:8080/",
            "http://[::ffff:127.0.0.1]:8080",
            "http://0.0.0.0:8080",
            "http://[::]:8080",
            "http://gw.lan:8080",
            "https://gw.example/v1",
            "https://GW.example:443/openai/v1",
        ] {
            for listen in ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080"] {
                assert!(is_own(listen, url), "{listen} {url}");
            }
        }
        for url in ["http://[::1]:8080", "http://127.0.0.2:8080"] {
            assert!(everywhere.iter().all(|listen| is_own(listen, url)) && !is_own("127.0.0.1:8080", url), "{url}");
        }
        let machine = format!("http://{}:8080", machine().unwrap());
        assert!(everywhere.iter().all(|listen| is_own(listen, &machine)) && !is_own("127.0.0.1:8080", &machine));
        for url in [
            "http://127.0.0.1:8081",
            "http://localhost",
            "https://localhost",
            "http://gw.lan",
            "http://gw.example",
            "http://192.0.2.7:8080",
            "http://llm.example.com:8080",
            "http://localhost.example.com:8080",
        ] {
            for listen in ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080", "127.0.0.1:0"] {
                assert!(!is_own(listen, url), "{listen} {url}");
            }
        }
        assert!(!is_own("127.0.0.1:0", "http://127.0.0.1:8080"), "the port is not known yet");
        assert!(is_own("192.0.2.7:80", "http://192.0.2.7/v1"));
    }
}
