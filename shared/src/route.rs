//! Who would get a request, and who got it: the answers of `/admin/api/routes`.

use serde::{Deserialize, Serialize};

use crate::routing::AliasView;

/// Who would get a request, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteExplained {
    /// The model as asked for.
    pub model: String,
    /// What is asked for: `chat`, `responses`, `messages`, `generate`, `cohere_chat`, `completions`, `embeddings`.
    pub surface: String,
    /// The protocol that its clients speak.
    pub protocol: String,
    /// By which rule the name was found: `alias`, `prefix`, `listed`, `default`, `first`; none where it was not.
    pub how: Option<String>,
    /// The alias, with the targets that hold now.
    pub alias: Option<AliasView>,
    /// What decides between its endpoints, the weightiest first.
    pub order: Vec<String>,
    /// The conversation that the request belongs to, if it says so.
    pub conversation: Option<Conversation>,
    /// Every endpoint that the name stands for, the preferred tier first.
    pub candidates: Vec<CandidateView>,
    /// Which of `candidates` would be called, from 0.
    pub chosen: Option<usize>,
    /// What decided.
    pub why: Option<WhyChosen>,
    /// So long the request would wait before it is tried again, because nobody can serve it at once, in milliseconds.
    pub would_wait_ms: Option<u64>,
    /// What the client would be told, because nobody can serve it.
    pub would_refuse: Option<RefusalView>,
    /// Whether this is what a running gateway sees; otherwise nothing is known of health, speed and model lists.
    pub is_live: bool,
}

/// The conversation of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// By what it was recognised: a header's name, `prompt_cache_key`, `previous_response_id`, `metadata.user_id`,
    /// `beginning`.
    pub sign: String,
    /// Whether this is a short first request, which is placed anew.
    pub is_opening: bool,
    /// Which of the candidates it was served by last.
    pub home: Option<usize>,
}

/// Why the chosen one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhyChosen {
    /// The criterion, `only` or `fallback`, as in the header `x-tokenrouter-route`.
    pub by: String,
    /// The same as a sentence.
    pub sentence: String,
    /// Whether the call would find out if the endpoint has recovered.
    pub is_probe: bool,
}

/// What a client would be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusalView {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// When to come again, in seconds.
    pub retry_after_s: Option<u32>,
}

/// An endpoint that may serve a request, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateView {
    /// Its provider.
    pub provider: String,
    /// The label of its credential; none where the provider wants no key.
    pub credential: Option<String>,
    /// The model as the provider knows it.
    pub model: String,
    /// The protocol in which it would be asked; none where it speaks none that fits.
    pub protocol: Option<String>,
    /// Whether the request would pass as it is; otherwise it is translated.
    pub is_native: bool,
    /// Its tier, from 1: a later one is looked at only when nobody in those before can be called.
    pub tier: usize,
    /// Its place among the targets of the alias, from 0; the same for all that share the traffic.
    pub rank: u32,
    /// Its provider's `priority`: smaller is tried first.
    pub priority: i32,
    /// What a million tokens in and a million out cost, in nano-dollars; none while unknown.
    pub price_nanos: Option<u64>,
    /// Its share where traffic is split by weight.
    pub weight: u64,
    /// What is left of its credential's limits, in thousandths: all of it where nothing is known.
    pub left_permille: u64,
    /// Whether it can serve the request at all.
    pub fits: bool,
    /// Why it does not fit, or cannot be called now, in words; none where it can.
    pub why_not: Option<String>,
    /// Fields of the request that would not reach it as they were sent, because it is translated.
    pub degraded: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
}

/// How an endpoint stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Standing {
    /// `up`, `unused`, `half_open`, `failing`, `unreachable`, `credential_refused` or `rate_limited`.
    pub state: String,
    /// Failures in a row: of its model, its provider's connections or its credential, whichever are most.
    pub failures: u64,
    /// Until when it is left alone, in Unix milliseconds.
    pub open_until_ms: Option<i64>,
    /// Calls under way.
    pub in_flight: u32,
    /// What to expect until its first byte, in milliseconds; none while nothing was observed.
    pub latency_ms: Option<u64>,
    /// Calls made.
    pub calls: u64,
    /// Those of them that failed by its fault.
    pub failed: u64,
}

/// Who got a request: one of the last thousand decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteDecision {
    /// The request's id, as the header `x-request-id` tells it.
    pub request_id: String,
    /// When it came, in Unix milliseconds.
    pub at_ms: i64,
    /// The model as asked for.
    pub model: String,
    /// By which rule the name was found.
    pub how: String,
    /// By what its conversation was recognised.
    pub conversation: Option<String>,
    /// How many endpoints the name stood for.
    pub candidates: usize,
    /// The calls that were made, in order; none where nobody could be called.
    pub attempts: Vec<AttemptView>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttemptView {
    /// Whom.
    pub provider: String,
    /// With which credential.
    pub credential: Option<String>,
    /// The model there.
    pub model: String,
    /// Why it was chosen.
    pub by: String,
    /// Whether it was to find out if the endpoint has recovered.
    pub is_probe: bool,
    /// The status; none where none came.
    pub status: Option<u16>,
    /// Whose fault a failure was: `unreachable`, `failed`, `rate_limited`, `credential_refused`, `out_of_credit`,
    /// `model_missing`, `refused`; none where there was none.
    pub fault: Option<String>,
    /// What of the request it went without, as `x-tokenrouter-degraded` says it; none where it went whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Until the answer or the failure, in milliseconds.
    pub took_ms: u64,
}
