//! The problems that the gateway itself finds in a request.

use tokenrouter::error::{Kind, Problem};
use tokenrouter::hidden::is_hidden;
use tokenrouter::peek::PeekError;
use tokenrouter::pick::name::Unknown;
use tokenrouter::protocol::Protocol;

/// The body cannot be routed.
pub fn unreadable(e: &PeekError) -> Problem {
    Problem::from(e)
}

/// The model means nothing here.
pub fn unknown_model(asked: &str, unknown: Unknown) -> Problem {
    let asked = shown(asked);
    let problem = match unknown {
        Unknown::NoProvider => {
            return Problem::new(
                Kind::Unavailable,
                "no_provider",
                "no provider is enabled",
                "Add one to torod.toml; `torod config check` shows what it reads.",
            );
        }
        Unknown::Disabled(name) => Problem::new(
            Kind::NotFound,
            "provider_disabled",
            format!("the provider \"{name}\" is switched off"),
            "Set `enabled = true` for it in torod.toml, or name another model.",
        ),
        Unknown::Model(closest) if closest.is_empty() => Problem::new(
            Kind::NotFound,
            "model_not_found",
            format!("no enabled provider lists the model \"{asked}\""),
            "GET /v1/models lists what there is; \"provider/model\" asks a provider for a model that it does not list.",
        ),
        Unknown::Model(closest) => Problem::new(
            Kind::NotFound,
            "model_not_found",
            format!("no enabled provider lists the model \"{asked}\""),
            format!("Did you mean \"{}\"?", closest.join("\", \"")),
        ),
    };
    problem.at_field(Some("model"))
}

/// The provider speaks other protocols than the client, and nothing translates between them.
pub fn not_spoken(provider: &str, protocol: Protocol) -> Problem {
    Problem::new(
        Kind::BadRequest,
        "protocol_not_supported",
        format!("the provider \"{provider}\" has no URL for the protocol \"{protocol}\""),
        format!("Add `protocols.{protocol}` for it in torod.toml, or name a model of a provider that speaks it."),
    )
}

/// Something of the request would be lost, which whoever asks does not want.
pub fn lossy(fields: &str, provider: &str, protocol: Protocol) -> Problem {
    Problem::new(
        Kind::BadRequest,
        "lossy_conversion",
        format!("not all of this request can be told to \"{provider}\" in the protocol \"{protocol}\": {fields}"),
        "Leave it out, name a model of a provider that speaks your protocol, or allow the loss (`lossy = \"warn\"`).",
    )
}

/// Every target of the alias is switched off.
pub fn no_target(asked: &str) -> Problem {
    Problem::new(
        Kind::Unavailable,
        "no_endpoint_available",
        format!("no provider of a target of \"{}\" is switched on", shown(asked)),
        "Set `enabled = true` for one in torod.toml, or give the alias another target.",
    )
    .with_status(503)
}

/// All that could serve the model is left alone for now, for `reasons`.
pub fn nobody(asked: &str, reasons: &str, limited: bool, retry_after_s: u32) -> Problem {
    let kind = if limited { Kind::RateLimited } else { Kind::Unavailable };
    Problem::new(
        kind,
        "no_endpoint_available",
        format!("nobody can serve \"{}\" at the moment ({reasons})", shown(asked)),
        format!("Try again in {retry_after_s} s; `torod route explain` shows why each provider is left alone."),
    )
    .retry_after(retry_after_s)
    .with_status(if limited { 429 } else { 503 })
}

/// A name led to a provider that is gone.
pub fn lost_provider() -> Problem {
    Problem::new(Kind::Internal, "internal_error", "the chosen provider does not exist", "Report this.")
}

/// No path that the gateway knows.
pub fn unknown_path(path: &str) -> Problem {
    Problem::new(
        Kind::NotFound,
        "path_not_found",
        format!("there is nothing at {}", shown(path)),
        "The API is at /v1: chat/completions, completions, embeddings, responses, messages, models.",
    )
}

/// As many `what` under way as the setting `key` allows.
pub fn full(what: &str, limit: usize, key: &str) -> Problem {
    Problem::new(
        Kind::Unavailable,
        "gateway_full",
        format!("{limit} {what} are under way already"),
        format!("Try again in a moment, or raise `{key}` in torod.toml."),
    )
    .retry_after(1)
    .with_status(503)
}

/// What a client sent, cut to a length that fits a sentence.
fn shown(text: &str) -> String {
    let mut cut: String = text.chars().filter(|c| !is_hidden(*c)).take(80).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
