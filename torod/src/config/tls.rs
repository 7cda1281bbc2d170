//! `[tls]`: whether torod speaks TLS, and whose certificate it shows.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::admin;
use super::field::Field;
use super::section::{Section, shorten};

/// The most names of one certificate that a CA makes.
const MOST_HOSTS: usize = 100;

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain HTTP.
    #[default]
    Off,
    /// Made here.
    SelfSigned,
    /// Files of the operator's.
    Pem,
    /// From a CA that speaks ACME, such as Let's Encrypt.
    Acme,
}

impl TlsMode {
    /// Every mode with its name.
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("off", Self::Off), ("self-signed", Self::SelfSigned), ("pem", Self::Pem), ("acme", Self::Acme)];

    /// As the file says it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, mode)| *mode == self).map_or("off", |(name, _)| name)
    }
}

/// What a CA looks at to see that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By TLS, and by plain HTTP as well where `http_addr` is set, in turn.
    #[default]
    Auto,
    /// A text by plain HTTP, at port 80.
    Http01,
    /// A certificate of its own kind by TLS, at port 443.
    TlsAlpn01,
}

impl AcmeChallenge {
    const ALL: [(&'static str, Self); 3] =
        [("auto", Self::Auto), ("http-01", Self::Http01), ("tls-alpn-01", Self::TlsAlpn01)];

    /// As the file says it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("auto", |(name, _)| name)
    }
}

/// CAs that the file may call by name, with their directories.
const DIRECTORIES: [(&str, &str); 2] = [
    ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
    ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

/// Whether torod speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where the certificate comes from.
    pub mode: TlsMode,
    /// The names and addresses that it is made for.
    pub hosts: Vec<String>,
    /// The certificate with those that sign it, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key_file: Option<PathBuf>,
    /// Where plain HTTP is answered, with the way to HTTPS.
    pub http_addr: Option<SocketAddr>,
    /// Whom the CA writes to when something is wrong.
    pub email: Option<String>,
    /// The URL of the CA's directory.
    pub acme_directory: String,
    /// Whom to trust instead of the system's authorities when the CA is called, in PEM.
    pub acme_root: Option<PathBuf>,
    /// What the CA looks at.
    pub acme_challenge: AcmeChallenge,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            mode: TlsMode::Off,
            hosts: Vec::new(),
            cert_file: None,
            key_file: None,
            http_addr: None,
            email: None,
            acme_directory: DIRECTORIES[0].1.to_owned(),
            acme_root: None,
            acme_challenge: AcmeChallenge::Auto,
        }
    }
}

impl Tls {
    /// Whether TLS is spoken at all.
    pub fn is_on(&self) -> bool {
        self.mode != TlsMode::Off
    }

    /// The CA as the file calls it.
    pub(super) fn directory_shown(&self) -> &str {
        DIRECTORIES.iter().find(|(_, url)| *url == self.acme_directory).map_or(&self.acme_directory, |(name, _)| name)
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut tls = Self::default();
        let mode = section.take("mode");
        if let Some(mode) = mode.as_ref().and_then(|field| field.choice(&TlsMode::ALL)) {
            tls.mode = mode;
        }
        if let Some(field) = section.take("hosts") {
            tls.hosts = read_hosts(&field);
        }
        tls.cert_file = section.take("cert_file").and_then(|field| path(&field));
        tls.key_file = section.take("key_file").and_then(|field| path(&field));
        if let Some(field) = section.take("http_addr")
            && let Some(text) = field.string().filter(|text| !text.is_empty())
        {
            match text.parse() {
                Ok(addr) => tls.http_addr = Some(addr),
                Err(_) => {
                    field.refuse(format!("`{}` is no address with a port", shorten(text)), "write \"0.0.0.0:80\"");
                }
            }
            if !tls.is_on() {
                field.doubt("without TLS nothing listens there", "set `mode`, or remove this");
            }
        }
        if let Some(mode) = &mode
            && tls.mode == TlsMode::Pem
        {
            for (key, is_there) in [("cert_file", tls.cert_file.is_some()), ("key_file", tls.key_file.is_some())] {
                if !is_there {
                    let advice = format!("add `{key} = \"/etc/tokenrouter/tls/{key}.pem\"`");
                    mode.refuse(format!("mode `pem` needs `{key}`"), advice);
                }
            }
        }
        if let Some(field) = section.take("email")
            && let Some(text) = field.string().filter(|text| !text.is_empty())
        {
            let is_address = |c: char| c.is_ascii_graphic() && !['<', '>', ',', ';', '?'].contains(&c);
            match text.split_once('@') {
                Some((name, host)) if !name.is_empty() && admin::is_host(host) && name.chars().all(is_address) => {
                    tls.email = Some(text.to_owned());
                }
                _ => field.refuse(format!("`{}` is no e-mail address", shorten(text)), "write \"ops@example.com\""),
            }
        }
        if let Some(field) = section.take("acme_directory")
            && let Some(text) = field.string()
        {
            tls.acme_directory = read_directory(&field, text).unwrap_or(tls.acme_directory);
        }
        tls.acme_root = section.take("acme_root").and_then(|field| path(&field));
        if let Some(field) = section.take("acme_challenge")
            && let Some(challenge) = field.choice(&AcmeChallenge::ALL)
        {
            tls.acme_challenge = challenge;
            if challenge == AcmeChallenge::Http01 && tls.http_addr.is_none() && tls.mode == TlsMode::Acme {
                field.doubt(
                    "a CA asks by plain HTTP at port 80, where nothing listens unless systemd hands over a socket `http`",
                    "add `http_addr = \"0.0.0.0:80\"`, or remove this",
                );
            }
        }
        if let Some(mode) = &mode
            && tls.mode == TlsMode::Acme
        {
            tls.check_names(mode);
        }
        section.finish();
        tls
    }

    /// A CA looks at names alone, and each by itself.
    fn check_names(&self, mode: &Field<'_>) {
        if self.hosts.is_empty() {
            mode.refuse("mode `acme` needs `hosts`", "add `hosts = [\"gateway.example.com\"]`");
        }
        for host in &self.hosts {
            if host.starts_with("*.") || host.parse::<IpAddr>().is_ok() || !host.contains('.') {
                mode.refuse(
                    format!("no certificate can be had by `acme` for `{}`", shorten(host)),
                    "write whole names of the Internet in `hosts`, or use mode `pem` or `self-signed`",
                );
            }
        }
    }
}

fn read_directory(field: &Field<'_>, text: &str) -> Option<String> {
    if let Some((_, url)) = DIRECTORIES.iter().find(|(name, _)| *name == text) {
        return Some((*url).to_owned());
    }
    let url = text.parse::<http::Uri>().ok().filter(|url| {
        url.scheme_str() == Some("https")
            && url.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'))
    });
    if url.is_none() {
        let advice = "write \"letsencrypt\", \"letsencrypt-staging\" or a URL that begins with https://";
        field.refuse(format!("`{}` is no directory of a CA", shorten(text)), advice);
    }
    url.map(|_| text.to_owned())
}

fn path(field: &Field<'_>) -> Option<PathBuf> {
    let text = field.string().filter(|text| !text.is_empty())?;
    if text.contains("-----BEGIN") {
        // Perhaps a key: it is not to be quoted.
        field.hide();
        field.refuse("this is a certificate or key itself", "write the path of its file");
        return None;
    }
    let path = PathBuf::from(text);
    if !path.is_absolute() || text.contains(char::is_control) {
        let advice = format!("write `{} = \"/etc/tokenrouter/tls/…\"`", field.name());
        field.refuse(format!("`{}` is no absolute path", shorten(text)), advice);
        return None;
    }
    Some(path)
}

fn read_hosts(field: &Field<'_>) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for element in field.elements("an array of texts") {
        let Some(text) = element.string() else { continue };
        let host = text.trim_end_matches('.').to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        let is_name = admin::is_host(host.strip_prefix("*.").unwrap_or(&host));
        if !is_address && !is_name {
            element.refuse(
                format!("`{}` is no name of a host and no address", shorten(text)),
                "write \"gateway.example.com\", without a port",
            );
        } else if hosts.len() == MOST_HOSTS {
            element.refuse(format!("these are more than {MOST_HOSTS} names"), "keep the ones that are used");
        } else if !hosts.iter().any(|other| other == bare) {
            hosts.push(bare.to_owned());
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{examine, parse};

    #[test]
    fn every_key_is_read() {
        let text = "[tls]\nmode = 'pem'\nhosts = ['GW.example.com.', '[fd00::1]', '10.0.0.1', 'gw.example.com']\n\
                    cert_file = '/c.pem'\nkey_file = '/k.pem'\nhttp_addr = '[::]:80'\n\
                    email = 'ops@example.com'\nacme_directory = 'https://ca.lan/dir'\nacme_root = '/root.pem'\n\
                    acme_challenge = 'http-01'";
        let expected = Tls {
            mode: TlsMode::Pem,
            hosts: ["gw.example.com", "fd00::1", "10.0.0.1"].map(str::to_owned).to_vec(),
            cert_file: Some("/c.pem".into()),
            key_file: Some("/k.pem".into()),
            http_addr: Some("[::]:80".parse().unwrap()),
            email: Some("ops@example.com".into()),
            acme_directory: "https://ca.lan/dir".into(),
            acme_root: Some("/root.pem".into()),
            acme_challenge: AcmeChallenge::Http01,
        };
        assert_eq!(parse(text, "t").unwrap().tls, expected);
    }

    #[test]
    fn what_is_missing_or_no_path_is_told_and_no_key_is_quoted() {
        for (lines, said) in [
            ("mode = 'pem'", "mode `pem` needs `key_file`"),
            ("mode = 'acme'", "mode `acme` needs `hosts`"),
            ("mode = 'acme'\nhosts = ['*.example.com']", "no certificate can be had by `acme` for `*.example.com`"),
            ("mode = 'acme'\nhosts = ['10.0.0.1']", "no certificate can be had by `acme` for `10.0.0.1`"),
            ("email = 'ops'", "`ops` is no e-mail address"),
            ("acme_directory = 'http://ca.lan/dir'", "is no directory of a CA"),
            ("mode = 'on'", "`on` is no `mode`"),
            ("cert_file = 'c.pem'", "`c.pem` is no absolute path"),
            ("hosts = ['a b']", "`a b` is no name of a host"),
            ("http_addr = '80'", "`80` is no address with a port"),
            ("http_addr = '0.0.0.0:80'", "without TLS nothing listens there"),
            (
                "mode = 'acme'\nhosts = ['gw.example.com']\nacme_challenge = 'http-01'",
                "a CA asks by plain HTTP at port 80, where nothing listens",
            ),
            ("key_file = '-----BEGIN PRIVATE KEY-----scarlet'", "this is a certificate or key itself"),
        ] {
            let findings = examine(&format!("[tls]\n{lines}"), "t").findings;
            let mut shown = Vec::new();
            for finding in &findings {
                finding.write_with_source(&mut shown).unwrap();
            }
            let shown = String::from_utf8(shown).unwrap();
            assert!(shown.contains(said) && !shown.contains("scarlet"), "{shown}");
        }
    }
}
