//! `[telemetry]`: what other programs are told of how the gateway does: metrics to be fetched, traces and metrics that are sent.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use toml::de::DeValue;

use super::address::{self, Kind};
use super::credential::{self, SecretSource};
use super::section::{Section, shorten};
use super::vault::origin_of;

/// What other programs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether there is a page for Prometheus.
    pub prometheus: bool,
    /// Where that page stands by itself, besides the gateway's own address.
    pub metrics_addr: Option<SocketAddr>,
    /// Whether it tells what is left of tokens' budgets, each by its name.
    pub token_budgets: bool,
    /// What opens it, besides an admin's token.
    pub metrics_token: Option<SecretSource>,
    /// Where an OpenTelemetry collector takes OTLP over HTTP.
    pub otlp_endpoint: Option<String>,
    /// What goes along with everything that is sent there.
    pub otlp_headers: Vec<(String, SecretSource)>,
    /// Of so many requests in a thousand a trace is sent; a client's own decision goes before it.
    pub trace_permille: u16,
    /// Whether providers are told of the trace that a request belongs to.
    pub forward_trace: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            prometheus: true,
            metrics_addr: None,
            token_budgets: false,
            metrics_token: None,
            otlp_endpoint: None,
            otlp_headers: Vec::new(),
            trace_permille: 1_000,
            forward_trace: false,
        }
    }
}

/// Headers of OTLP that are ours to say.
const OWN: [&str; 6] =
    ["content-encoding", "content-length", "content-type", "host", "transfer-encoding", "user-agent"];

impl Telemetry {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut telemetry = Self::default();
        section.set_bool("prometheus", &mut telemetry.prometheus);
        section.set_bool("token_budgets", &mut telemetry.token_budgets);
        let addr = section.take("metrics_addr");
        let token = section.take("metrics_token");
        if let Some(field) = token.filter(|field| !matches!(field.value, DeValue::String(text) if text.is_empty())) {
            telemetry.metrics_token = credential::read_source(&field, "METRICS_TOKEN");
            if matches!(telemetry.metrics_token, Some(SecretSource::Stored(_))) {
                field.refuse(
                    "a stored secret is given out for the URLs alone that it was stored for",
                    "use `env`, `file` or `command`",
                );
            }
        }
        if let Some(field) = &addr
            && let Some(text) = field.string().filter(|text| !text.is_empty())
        {
            match text.parse::<SocketAddr>() {
                Ok(at) if is_open(at.ip()) && telemetry.metrics_token.is_none() => field.refuse(
                    format!("everybody who reaches {at} could read the metrics"),
                    "add `metrics_token = \"${METRICS_TOKEN}\"`, or listen on this machine (\"127.0.0.1:9464\") or on \
                     an address of a private network",
                ),
                Ok(at) => telemetry.metrics_addr = Some(at),
                Err(_) => {
                    field.refuse(format!("`{}` is no address with a port", shorten(text)), "write \"127.0.0.1:9464\"");
                }
            }
        }
        if let Some(field) = section.take("otlp_endpoint")
            && let Some(text) = field.string().filter(|text| !text.is_empty())
        {
            match endpoint(text) {
                Ok(url) => telemetry.otlp_endpoint = Some(url),
                Err(why) => field.refuse(format!("`{}` {why}", shorten(text)), "write \"http://127.0.0.1:4318\""),
            }
        }
        if let Some(field) = section.take("otlp_headers")
            && let Some(headers) = field.section()
        {
            telemetry.otlp_headers = read_headers(&headers);
            // What is stored is had for the collector alone.
            let origins: Vec<_> = telemetry.otlp_endpoint.as_deref().and_then(origin_of).into_iter().collect();
            telemetry.otlp_headers.iter_mut().for_each(|(_, source)| source.bind(&origins));
        }
        if let Some(field) = section.take("trace_permille") {
            let permille = field.integer(0..1_001).and_then(|value| u16::try_from(value).ok());
            telemetry.trace_permille = permille.unwrap_or(telemetry.trace_permille);
        }
        section.set_bool("forward_trace", &mut telemetry.forward_trace);
        section.finish();
        telemetry
    }
}

/// Whether others than this machine and its private networks may reach `ip`.
fn is_open(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !link_local && !matches!(address::kind(ip), Kind::Private(_))
}

/// `text` as the base of OTLP's URLs, without a slash at its end; or what is wrong with it.
pub fn endpoint(text: &str) -> Result<String, &'static str> {
    let url: Uri = text.parse().map_err(|_| "is no URL")?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err("is no http or https URL");
    }
    let authority = url.authority().ok_or("names no host")?;
    if authority.host().is_empty() {
        return Err("names no host");
    }
    if authority.as_str().contains('@') {
        return Err("holds a password, which belongs into `otlp_headers`");
    }
    if url.query().is_some() || text.contains('#') {
        return Err("has a query, which the URLs made of it cannot have");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn read_headers(section: &Section<'_>) -> Vec<(String, SecretSource)> {
    let mut headers: Vec<(String, SecretSource)> = Vec::new();
    for (name, field) in section.entries() {
        field.hide();
        let (lower, shown) = (name.to_ascii_lowercase(), shorten(name));
        if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            field.refuse(format!("`{shown}` is no header name"), "use letters, digits and `-`");
        } else if OWN.contains(&lower.as_str()) {
            field.refuse(format!("header `{shown}` is set by torod"), "remove it");
        } else if headers.iter().any(|(other, _)| *other == lower) {
            field.refuse(format!("header `{shown}` is given twice"), "keep one");
        } else if let Some(source) = credential::read_source(&field, "OTLP_KEY") {
            headers.push((lower, source));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{examine, parse};

    #[test]
    fn the_metrics_are_open_to_nobody_by_mistake() {
        for (addr, is_fine) in [
            ("127.0.0.1:9464", true),
            ("[::1]:9464", true),
            ("10.1.2.3:9464", true),
            ("[fd00::1]:9464", true),
            ("169.254.1.1:9464", true),
            ("0.0.0.0:9464", false),
            ("[::]:9464", false),
            ("[::ffff:8.8.8.8]:9464", false),
            ("203.0.114.7:9464", false),
        ] {
            let alone = format!("[telemetry]\nmetrics_addr = \"{addr}\"");
            assert_eq!(parse(&alone, "t").is_ok(), is_fine, "{addr}");
            let guarded = format!("{alone}\nmetrics_token = \"${{TOKEN}}\"");
            assert_eq!(parse(&guarded, "t").unwrap().telemetry.metrics_addr, addr.parse().ok(), "{addr}");
        }
    }

    #[test]
    fn a_collector_is_a_plain_url_and_its_key_is_never_quoted() {
        for (url, expected) in [
            ("http://127.0.0.1:4318/", Ok("http://127.0.0.1:4318")),
            ("https://otlp.example.com/otlp", Ok("https://otlp.example.com/otlp")),
            ("otlp.example.com:4317", Err("is no http or https URL")),
            ("grpc://h:4317", Err("is no http or https URL")),
            ("https://me:pw@h", Err("holds a password, which belongs into `otlp_headers`")),
            ("http://h/?a=b", Err("has a query, which the URLs made of it cannot have")),
            ("http://h\u{7f}", Err("is no URL")),
        ] {
            assert_eq!(endpoint(url), expected.map(str::to_owned), "{url}");
        }
        let text = "[telemetry]\notlp_headers = { api-key = \"scarlet\", Host = \"x\", \"a b\" = \"y\" }";
        let examined = examine(text, "t");
        let said = format!("{:?}", examined.findings);
        assert!(said.contains("is set by torod") && said.contains("is no header name"), "{said}");
        assert!(!said.contains("scarlet"), "{said}");
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"telemetry = { prometheus = false, token_budgets = true, metrics_addr = "127.0.0.1:9464", metrics_token = "${SCRAPE}", otlp_endpoint = "http://127.0.0.1:4318/", otlp_headers = { API-Key = "${OTLP}" }, trace_permille = 250, forward_trace = true }"#;
        let expected = Telemetry {
            prometheus: false,
            metrics_addr: Some("127.0.0.1:9464".parse().unwrap()),
            token_budgets: true,
            metrics_token: Some(SecretSource::Env("SCRAPE".into())),
            otlp_endpoint: Some("http://127.0.0.1:4318".into()),
            otlp_headers: vec![("api-key".into(), SecretSource::Env("OTLP".into()))],
            trace_permille: 250,
            forward_trace: true,
        };
        assert_eq!(parse(text, "t").unwrap().telemetry, expected);
    }
}
