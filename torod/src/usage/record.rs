//! What is kept of one attempt.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokenrouter::Protocol;
use tokenrouter::count::{Counts, Report, Source};
use tokenrouter::pick::verdict::Blame;
use tokenrouter_shared::ids::{AttemptId, ExchangeId, ms_of};

use super::charge::Charge;
use super::picked::Picked;
use super::trace::Trace;
use crate::store::agent_sessions::AgentSession;
use crate::store::origins::Origin;
use crate::store::spend::Sum;
use crate::store::usage::{PriceRow, Tally, UsageRow};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Ok,
    /// The client hung up.
    ClientAbort,
    /// The provider answered with an error, in the status or inside the stream.
    UpstreamError,
    /// The provider was silent for too long.
    Timeout,
    /// No connection came about.
    ConnectFailed,
    /// The answer broke off.
    Cut,
    /// We refused it before any call.
    Refused,
}

impl Outcome {
    /// Every outcome, in the order of their numbers in the database. Only ever added to.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ClientAbort,
        Self::UpstreamError,
        Self::Timeout,
        Self::ConnectFailed,
        Self::Cut,
        Self::Refused,
    ];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientAbort => "client_abort",
            Self::UpstreamError => "upstream_error",
            Self::Timeout => "timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Cut => "cut",
            Self::Refused => "refused",
        }
    }

    /// The number in the database.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::ClientAbort => 1,
            Self::UpstreamError => 2,
            Self::Timeout => 3,
            Self::ConnectFailed => 4,
            Self::Cut => 5,
            Self::Refused => 6,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A protocol's number in the database. Only ever added to.
const fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::OpenAi => 0,
        Protocol::Responses => 1,
        Protocol::Anthropic => 2,
        Protocol::Gemini => 3,
        Protocol::Cohere => 4,
    }
}

/// The number in the database of why an attempt failed. Only ever added to; `shared::figures` has the words.
pub const fn class_number(blame: Blame) -> u8 {
    match blame {
        Blame::Nobody => 0,
        Blame::Request => 1,
        Blame::Missing => 2,
        Blame::Connection => 3,
        Blame::Endpoint => 4,
        Blame::Limit => 5,
        Blame::Credential => 6,
        Blame::Forbidden => 7,
        Blame::Exhausted => 8,
    }
}

/// One call to one endpoint, or one request that was refused before any.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id, from the [`Sequence`](super::Sequence).
    pub id: AttemptId,
    /// The client request it belongs to.
    pub exchange_id: ExchangeId,
    /// The client's own id of the request, if it gave one.
    pub request_id: Option<Box<str>>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// From start to the first byte of the answer, in microseconds; 0: none came.
    pub first_byte_us: u64,
    /// The access token's number; 0: no key, on loopback.
    pub token_id: i64,
    /// The provider's name.
    pub provider: Arc<str>,
    /// The model as sent upstream.
    pub model: Arc<str>,
    /// The model as the client asked for it, when different.
    pub model_asked: Option<Arc<str>>,
    /// Which surface the client used: `chat`, `completions`, `embeddings`, `responses`, `messages`, …
    pub surface: &'static str,
    /// What the client speaks.
    pub client_protocol: Protocol,
    /// What the provider speaks.
    pub upstream_protocol: Protocol,
    /// HTTP status: the provider's, or ours when it gave none.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// LLM tokens.
    pub counts: Counts,
    /// Who says so.
    pub source: Source,
    /// The whole of what the provider reported, where that is more than the counts.
    pub detail: Option<Box<Report>>,
    /// What it cost.
    pub charge: Charge,
    /// Whether it is the one request that its exchange counts as.
    pub counted: bool,
    /// The conversation that it belongs to.
    pub session: Option<Arc<AgentSession>>,
    /// The program that asked, in a short word.
    pub agent: Option<Arc<str>>,
    /// The label of the provider's key, never the key; empty: none.
    pub credential: Arc<str>,
    /// Where the client asks from.
    pub address: Option<IpAddr>,
    /// What its program calls itself, shortened.
    pub user_agent: Option<Arc<str>>,
    /// The token's labels and those of the tokens above it at this time, as JSON.
    pub labels: Option<Arc<str>>,
    /// Whether it is the first attempt at what the client asked.
    pub first: bool,
    /// How many fields of the request its provider was not told.
    pub degraded: u16,
    /// Their names as the client was told them, shortened; none where there are none.
    pub degraded_fields: Option<Arc<str>>,
    /// Why it failed, as [`class_number`] says; 0: it did not, or nobody is to blame.
    pub error_class: u8,
    /// What the prompt cache saved, in nano-dollars; negative: what writing to it cost more.
    pub savings_nanos: i64,
    /// How long the provider says that it wrote, in microseconds; 0: it did not say.
    pub generation_us: u32,
    /// How long it says that it read the input, in microseconds; 0: it did not say.
    pub prompt_us: u32,
    /// What it has to do with the choice of a model for a virtual one; the database does not keep it.
    pub picked: Option<Picked>,
    /// The trace that its request belongs to, where there is somebody to see it.
    pub trace: Option<Arc<Trace>>,
}

impl Record {
    /// A record of which nothing is known yet but when it was: a request that went well at once.
    pub fn new(id: AttemptId, exchange_id: ExchangeId, started_ms: i64) -> Self {
        Self {
            id,
            exchange_id,
            request_id: None,
            started_ms,
            total_us: 0,
            first_byte_us: 0,
            token_id: 0,
            provider: Arc::default(),
            model: Arc::default(),
            model_asked: None,
            surface: "chat",
            client_protocol: Protocol::OpenAi,
            upstream_protocol: Protocol::OpenAi,
            status: 200,
            outcome: Outcome::Ok,
            stream: false,
            counts: Counts::default(),
            source: Source::Reported,
            detail: None,
            charge: Charge::default(),
            counted: true,
            session: None,
            agent: None,
            credential: Arc::default(),
            address: None,
            user_agent: None,
            labels: None,
            first: true,
            degraded: 0,
            degraded_fields: None,
            error_class: 0,
            savings_nanos: 0,
            generation_us: 0,
            prompt_us: 0,
            picked: None,
            trace: None,
        }
    }

    /// When it ended, in milliseconds since 1970.
    pub fn ended_ms(&self) -> i64 {
        self.started_ms.saturating_add(i64::try_from(self.total_us / 1_000).unwrap_or(i64::MAX))
    }

    /// Whether there was something to be paid for and nobody knew the price, also where unknown prices count as nothing.
    pub fn is_unpriced(&self) -> bool {
        self.charge.tariff.is_none() && (self.charge.nanos > 0 || self.counts.total() > 0)
    }

    /// Its counts (input uncached, cache read, cache write for 5 minutes and for an hour, output, reasoning) and what it cost in
    /// nano-dollars, exactly as the row says.
    pub fn figures(&self) -> ([u64; 6], u64) {
        self.row().figures()
    }

    /// What it takes from its token's budgets, exactly as the row will say.
    pub fn sum(&self) -> Sum {
        self.row().sum()
    }

    /// Adds it to `tally`, exactly as its row will say.
    pub fn tally(&self, tally: &mut Tally) {
        tally.add(&self.row());
    }

    /// The row that keeps it.
    pub(super) fn row(&self) -> UsageRow<'_> {
        let counts = &self.counts;
        UsageRow {
            id: self.id.0,
            exchange_id: self.exchange_id.0,
            skew_ms: self.started_ms.saturating_sub(ms_of(self.id.0)),
            total_us: self.total_us,
            first_byte_us: self.first_byte_us,
            token_id: self.token_id,
            provider: &self.provider,
            model: &self.model,
            model_asked: self.model_asked.as_ref(),
            surface: self.surface,
            client_protocol: protocol_number(self.client_protocol),
            upstream_protocol: protocol_number(self.upstream_protocol),
            status: self.status,
            outcome: self.outcome.number(),
            stream: self.stream,
            estimated: self.source == Source::Estimated,
            counts: [
                counts.input_uncached,
                counts.cache_read,
                counts.cache_write_5m,
                counts.cache_write_1h,
                counts.output,
                counts.reasoning,
            ],
            request_id: self.request_id.as_deref(),
            cost_nanos: self.charge.nanos,
            cost_assumed: self.charge.assumed,
            price: self
                .charge
                .tariff
                .as_ref()
                .map(|tariff| PriceRow { version: &tariff.version, rates: &*tariff.price }),
            counted: self.counted,
            session: self.session.as_ref(),
            agent: self.agent.as_ref(),
            detail: self.detail.as_deref(),
            credential: &self.credential,
            origin: Origin {
                address: self.address,
                user_agent: self.user_agent.as_ref(),
                labels: self.labels.as_ref(),
            },
            is_first: self.first,
            error_class: self.error_class,
            degraded: self.degraded,
            degraded_fields: self.degraded_fields.as_ref(),
            savings_nanos: self.savings_nanos,
            generation_us: self.generation_us,
            prompt_us: self.prompt_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter_shared::figures::{ERROR_CLASSES, OUTCOMES, PROTOCOLS};

    #[test]
    fn reports_have_the_same_words() {
        assert_eq!(
            Outcome::ALL.map(|outcome| OUTCOMES[usize::from(outcome.number())]),
            Outcome::ALL.map(Outcome::as_str)
        );
        assert_eq!(
            Protocol::ALL.map(|protocol| PROTOCOLS[usize::from(protocol_number(protocol))]),
            Protocol::ALL.map(Protocol::as_str)
        );
        let blames = [
            Blame::Request,
            Blame::Missing,
            Blame::Connection,
            Blame::Endpoint,
            Blame::Limit,
            Blame::Credential,
            Blame::Forbidden,
            Blame::Exhausted,
        ];
        assert_eq!(blames.map(|blame| ERROR_CLASSES[usize::from(class_number(blame))]), blames.map(Blame::as_str));
        assert_eq!(class_number(Blame::Nobody), 0);
    }

    #[test]
    fn numbers_in_the_database_stay_what_they_are() {
        let numbers: Vec<_> = Outcome::ALL.iter().map(|outcome| (outcome.number(), outcome.as_str())).collect();
        let expected = [
            (0, "ok"),
            (1, "client_abort"),
            (2, "upstream_error"),
            (3, "timeout"),
            (4, "connect_failed"),
            (5, "cut"),
            (6, "refused"),
        ];
        assert_eq!(numbers, expected);
        assert_eq!(Protocol::ALL.map(protocol_number), [0, 1, 2, 3, 4]);
    }
}
