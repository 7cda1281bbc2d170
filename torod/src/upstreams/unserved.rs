//! Why nobody serves a request, and whether it is worth waiting: the same for who is refused and for who asks why.

use std::sync::Arc;

use tokenrouter::error::{Kind, Problem};
use tokenrouter::hidden::is_hidden;
use tokenrouter::pick::endpoint::{Endpoint, Ready, Why};
use tokenrouter::pick::name::Unknown;
use tokenrouter::pick::order::Candidate;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::provider::Provider;
use super::snapshot::Snapshot;

/// Who finds no key may come back so soon, in seconds.
const NO_KEY_S: u32 = 5;

/// Whether `provider` could serve a request for `surface` with its key at `credential`, if it can be called.
pub fn fits(provider: &Provider, credential: usize, surface: Surface) -> bool {
    provider.enabled && provider.serves_surface(surface) && provider.has_key(credential)
}

/// Endpoints of which none can be called now.
pub struct Shut<'a> {
    /// The world.
    pub live: &'a Snapshot,
    /// Everything that the name stands for.
    pub all: &'a [Candidate],
    /// What of it could serve the request.
    pub fitting: Vec<&'a Arc<Endpoint>>,
    /// What is asked for.
    pub surface: Surface,
    /// The time.
    pub now_ms: u64,
}

impl Shut<'_> {
    /// Why nobody serves `asked`.
    pub fn problem(&self, asked: &str) -> Problem {
        if self.fitting.is_empty() {
            let named = |c: &Candidate| Some((c.endpoint.credential, self.live.providers.get(c.endpoint.provider)?));
            let mut keyless = self.all.iter().filter_map(named).filter(|(credential, provider)| {
                provider.enabled && provider.serves_surface(self.surface) && !provider.has_key(*credential)
            });
            if let Some((_, provider)) = keyless.next() {
                return no_key(provider);
            }
            return match self.all.iter().find_map(named).map(|(_, provider)| provider) {
                Some(provider) => not_spoken(&provider.name, self.surface.protocol()),
                None => no_target(asked),
            };
        }
        let ready = || self.fitting.iter().map(|endpoint| (endpoint, endpoint.ready(self.now_ms)));
        let limited = ready().all(|(_, ready)| matches!(ready, Ready::No(_, Why::Limited)));
        let reason = |(endpoint, ready): (&&Arc<Endpoint>, Ready)| match ready {
            Ready::No(_, why) => {
                let provider = self.live.providers.get(endpoint.provider)?;
                Some(format!("{}: {}", provider.name, why.as_str()))
            }
            Ready::Yes | Ready::Probe => None,
        };
        let mut reasons: Vec<String> = ready().filter_map(reason).collect();
        reasons.dedup();
        reasons.truncate(3);
        nobody(asked, &reasons.join(", "), limited, self.soonest_s().unwrap_or(1))
    }

    /// Until somebody may serve it again, in seconds.
    pub fn soonest_s(&self) -> Option<u32> {
        let soonest = self.fitting.iter().filter_map(|endpoint| match endpoint.ready(self.now_ms) {
            Ready::No(until, _) => Some(until.saturating_sub(self.now_ms)),
            Ready::Yes | Ready::Probe => None,
        });
        soonest.min().and_then(|ms| u32::try_from(ms.div_ceil(1_000).max(1)).ok())
    }
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
            "Set `enabled = true` for it in torod.toml, or name another model; where it is, `torod config check` says why its key \
             could not be read.",
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

/// The provider's key is not there yet, or not any more.
pub fn no_key(provider: &Provider) -> Problem {
    let needs_sign_in = provider.credentials().iter().any(|key| key.held.state().needs_sign_in);
    let advice = if needs_sign_in {
        format!("Somebody must sign in there: `torod provider login {}`.", provider.name)
    } else {
        "It is fetched again and again; /v1/status says what fails.".to_owned()
    };
    let message = format!("this gateway has no key for the provider \"{}\" at the moment", provider.name);
    Problem::new(Kind::Unavailable, "upstream_key_missing", message, advice).retry_after(NO_KEY_S).with_status(503)
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

/// The model takes less than was asked, and whoever asks does not want to lose it.
pub fn not_taken(lost: &[String], provider: &str, model: &str) -> Problem {
    Problem::new(
        Kind::BadRequest,
        "lossy_conversion",
        format!("the model \"{}\" of \"{provider}\" does not take {}", shown(model), lost.join(", ")),
        "Leave it out, name another model, or allow the loss (`lossy = \"warn\"`).",
    )
    .at_path(lost.first().cloned().unwrap_or_default())
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
fn nobody(asked: &str, reasons: &str, limited: bool, retry_after_s: u32) -> Problem {
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

/// What a client sent, cut to a length that fits a sentence.
pub fn shown(text: &str) -> String {
    let mut cut: String = text.chars().filter(|c| !is_hidden(*c)).take(80).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
