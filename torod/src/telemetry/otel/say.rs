//! The words of the semantic conventions for generative AI, and values as OTLP carries them.

use http::Uri;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::settings::Settings;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// A name and what it is.
pub(super) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    pair(key, Value::StringValue(value.into()))
}

pub(super) fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    pair(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

/// An amount of nano-dollars in dollars.
pub(super) fn dollars(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Milliseconds since 1970 in nanoseconds.
pub(super) fn nanos(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}

/// The operation that a surface is for.
pub(super) fn operation(surface: &'static str) -> &'static str {
    match surface {
        "chat" | "responses" | "messages" | "generate" => "chat",
        "completions" => "text_completion",
        "embeddings" | "embed" => "embeddings",
        other => other,
    }
}

/// Who is called, as the conventions call them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) provider: String,
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
}

/// What is known of the provider with this name.
pub(super) fn server(live: &Snapshot, name: &str) -> Server {
    let Some(provider) = live.providers.iter().find(|provider| *provider.name == *name) else {
        return Server { provider: name.to_owned(), ..Server::default() };
    };
    let url = url(provider);
    let port = url.as_ref().and_then(|url| {
        url.port_u16().or(match url.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        })
    });
    let preset = provider.preset.as_ref().map_or(name, |preset| &preset.id);
    Server {
        provider: well_known(preset).to_owned(),
        address: url.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']).to_owned()),
        port,
    }
}

/// The first of its URLs.
fn url(provider: &Provider) -> Option<Uri> {
    provider.line.lines().nth(1)?.parse().ok()
}

/// The conventions' own names of vendors; others are called as they call themselves.
fn well_known(preset: &str) -> &str {
    match preset {
        "google" | "gemini" => "gcp.gemini",
        "vertex" | "vertex-ai" => "gcp.vertex_ai",
        "bedrock" | "aws-bedrock" => "aws.bedrock",
        "azure" | "azure-openai" => "azure.ai.openai",
        "azure-ai" => "azure.ai.inference",
        "mistral" => "mistral_ai",
        "xai" | "x-ai" => "x_ai",
        "moonshot" | "moonshotai" => "moonshot_ai",
        other => other,
    }
}

/// What speaks.
pub(super) fn resource(settings: &Settings, instance: &str) -> Resource {
    let mut attributes = vec![
        text("service.name", &settings.service),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", instance),
        text("telemetry.sdk.name", "tokenrouter"),
        text("telemetry.sdk.language", "rust"),
        text("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    attributes.retain(|ours| !settings.resource.iter().any(|(name, _)| *name == ours.key));
    attributes.extend(settings.resource.iter().map(|(name, value)| text(name, value)));
    Resource { attributes, ..Resource::default() }
}

/// Which part of it.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "tokenrouter".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
