//! Where to export to and how: what the file says, and beside it the variables of the OpenTelemetry specification.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::config::{Telemetry, Vault, otlp_endpoint, resolve_secret};

/// Everything that the exporter needs to know.
#[derive(Debug)]
pub struct Settings {
    /// Where traces go; none where they go nowhere.
    pub traces: Option<Uri>,
    /// Where metrics go.
    pub metrics: Option<Uri>,
    /// What goes along; sensitive, so that no log shows it.
    pub headers: HeaderMap,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whether what is sent is packed.
    pub gzip: bool,
    /// How long spans wait for company.
    pub spans_every: Duration,
    /// How often metrics are sent.
    pub metrics_every: Duration,
    /// What this service is called.
    pub service: String,
    /// What else is said of it.
    pub resource: Vec<(String, String)>,
}

type Env = fn(&str) -> Option<String>;

impl Settings {
    /// What `config` and the environment say; none where there is no collector. What is wrong with it goes into the log,
    /// and costs no more than itself.
    pub fn read(config: &Telemetry, env: Env, vault: &dyn Vault) -> Option<Self> {
        let env = |name: &str| env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if env("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return None;
        }
        // The file goes before the environment, and what is said of one signal before what is said of all.
        let of_signal = |signal: &str, path: &str| {
            let is_off = env(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|text| text == "none");
            let url = match (&config.otlp_endpoint, env(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))) {
                (None, Some(url)) => Some(url),
                (Some(base), _) => Some(format!("{base}{path}")),
                (None, None) => {
                    let base = env("OTEL_EXPORTER_OTLP_ENDPOINT")?;
                    Some(format!("{}{path}", base.trim_end_matches('/')))
                }
            };
            let url = url.filter(|_| !is_off)?;
            match otlp_endpoint(&url).map(|_| url.parse::<Uri>()) {
                Ok(Ok(url)) => Some(url),
                Ok(Err(_)) => refuse(&url, "is no URL"),
                Err(why) => refuse(&url, why),
            }
        };
        let traces = of_signal("TRACES", "/v1/traces");
        let metrics = of_signal("METRICS", "/v1/metrics");
        if traces.is_none() && metrics.is_none() {
            return None;
        }
        if let Some(other) = env("OTEL_EXPORTER_OTLP_PROTOCOL").filter(|protocol| protocol != "http/protobuf") {
            tracing::warn!("OTEL_EXPORTER_OTLP_PROTOCOL is {other}: this gateway speaks http/protobuf, and does so");
        }
        let ms = |name: &str, usual: u64| {
            let ms = env(name).and_then(|text| text.parse().ok()).filter(|ms| *ms > 0).unwrap_or(usual);
            Duration::from_millis(ms.min(3_600_000))
        };
        let mut headers = HeaderMap::new();
        if config.otlp_endpoint.is_none() {
            for pair in env("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default().split(',') {
                if let Some((name, value)) = pair.split_once('=') {
                    add(&mut headers, name.trim(), &decoded(value.trim()));
                }
            }
        }
        for (name, source) in &config.otlp_headers {
            match resolve_secret(source, &|name| std_env(&env, name), vault) {
                Ok(secret) => add(&mut headers, name, secret.expose()),
                Err(error) => tracing::error!("the header {name} for the collector cannot be had: {error}"),
            }
        }
        let mut resource = Vec::new();
        for pair in env("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default().split(',').take(64) {
            if let Some((name, value)) = pair.split_once('=') {
                resource.push((name.trim().to_owned(), decoded(value.trim())));
            }
        }
        let named = resource.iter().find(|(name, _)| name == "service.name").map(|(_, value)| value.clone());
        resource.retain(|(name, _)| !name.starts_with("service.name") && !name.is_empty());
        Some(Self {
            traces,
            metrics,
            headers,
            timeout: ms("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000),
            gzip: env("OTEL_EXPORTER_OTLP_COMPRESSION").is_none_or(|text| text != "none"),
            spans_every: ms("OTEL_BSP_SCHEDULE_DELAY", 5_000),
            metrics_every: ms("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
            service: env("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| "tokenrouter".to_owned()),
            resource,
        })
    }
}

fn std_env(env: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    env(name)
}

fn refuse(url: &str, why: &str) -> Option<Uri> {
    // It may hold a password.
    let shown = if url.contains('@') { "the collector's URL" } else { url };
    tracing::error!("{shown} {why}: nothing is exported there");
    None
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) {
    let name_is = name.to_ascii_lowercase();
    match (HeaderName::try_from(name_is), HeaderValue::try_from(value)) {
        (Ok(name), Ok(mut value)) => {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        _ => tracing::error!("the header {name:?} for the collector is none, or its value cannot stand in one"),
    }
}

/// `text` with its percent signs resolved, as W3C Baggage writes values.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digits = more.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { more.get(2..).unwrap_or_default() } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NoVault, parse};

    fn read(text: &str, env: Env) -> Option<Settings> {
        Settings::read(&parse(text, "t").unwrap().telemetry, env, &NoVault)
    }

    #[test]
    fn without_a_collector_there_is_nothing() {
        assert!(read("", |_| None).is_none());
        let disabled: Env = |name| (name == "OTEL_SDK_DISABLED").then(|| "true".to_owned());
        assert!(read("telemetry = { otlp_endpoint = \"http://h:4318\" }", disabled).is_none());
    }

    #[test]
    fn the_file_goes_before_the_environment() {
        let env: Env = |name| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://from-env:4318/".to_owned()),
            "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=a%20b, x=1".to_owned()),
            "OTEL_METRICS_EXPORTER" => Some("none".to_owned()),
            "OTEL_SERVICE_NAME" => Some("gw".to_owned()),
            "OTEL_RESOURCE_ATTRIBUTES" => Some("deployment.environment.name=prod,service.name=other".to_owned()),
            "KEY" => Some("secret-value".to_owned()),
            _ => None,
        };
        let alone = read("", env).unwrap();
        assert_eq!(alone.traces.unwrap().to_string(), "http://from-env:4318/v1/traces");
        assert!(alone.metrics.is_none() && alone.service == "gw" && alone.gzip);
        assert_eq!((alone.headers["api-key"].to_str().unwrap(), alone.headers.len()), ("a b", 2));
        assert_eq!(alone.resource, [("deployment.environment.name".to_owned(), "prod".to_owned())]);
        let text = "telemetry = { otlp_endpoint = \"http://h:4318/otlp\", otlp_headers = { x-key = \"${KEY}\", y = \"${NO}\" } }";
        let file = read(text, env).unwrap();
        assert_eq!(file.traces.as_ref().unwrap().to_string(), "http://h:4318/otlp/v1/traces");
        assert_eq!((file.headers["x-key"].to_str().unwrap(), file.headers.len()), ("secret-value", 1));
        assert!(!format!("{file:?}").contains("secret-value"));
    }

    #[test]
    fn of_one_signal_more_can_be_said() {
        let env: Env = |name| match name {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => Some("https://t.example/custom".to_owned()),
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some("ftp://x".to_owned()),
            "OTEL_BSP_SCHEDULE_DELAY" => Some("50".to_owned()),
            _ => None,
        };
        let settings = read("", env).unwrap();
        assert_eq!(settings.traces.unwrap().to_string(), "https://t.example/custom");
        assert!(settings.metrics.is_none() && settings.spans_every == Duration::from_millis(50));
    }
}
