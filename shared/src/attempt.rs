//! Requests and attempts as reports list them, and the values that lists can be chosen by.

use serde::{Deserialize, Serialize};

use crate::Labels;
use crate::figures::{SHORTEST_SPEED_US, per_second};
use crate::usage_of::Buckets;

/// One attempt: a call to one endpoint, or a request that was refused before any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageAttempt {
    /// The attempt's number, which grows with time.
    pub id: String,
    /// The request that it belongs to: `req_…`.
    pub request: String,
    /// The client's own id of the request, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<String>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// From start to the first byte of the answer, in microseconds; absent: none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// The provider.
    pub provider: String,
    /// The model as sent upstream.
    pub model: String,
    /// The model as the client asked for it, where that was another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_asked: Option<String>,
    /// The token's id; absent: no key, on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_name: Option<String>,
    /// The run's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The agent's conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The program that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The labels of the token at the time.
    #[serde(default)]
    pub labels: Labels,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The label of the provider's key; for admins alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// What was asked for: `chat`, `messages`, …
    pub surface: String,
    /// What the client speaks.
    pub client_protocol: String,
    /// What the provider speaks.
    pub upstream_protocol: String,
    /// The HTTP status.
    pub status: u16,
    /// How it ended.
    pub outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Whether the counts are our estimate and not the provider's report.
    pub estimated: bool,
    /// Whether it is what its request counts as: what budgets count.
    pub counted: bool,
    /// Fields of the request that the provider was not told.
    pub degraded: u64,
    /// Their names, as `x-tokenrouter-degraded` told the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded_fields: Vec<String>,
    /// LLM tokens.
    pub counts: Buckets,
    /// What was charged, in nano-dollars.
    pub cost_nanos: u64,
    /// Whether that is by the price for unknown models.
    pub unpriced: bool,
    /// The version of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_version: Option<String>,
    /// The price, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// What prompt caches saved, in nano-dollars; below nothing: what they cost more.
    pub savings_nanos: i64,
    /// How long the provider says that it wrote, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_us: Option<u64>,
    /// How long it says that it read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_us: Option<u64>,
}

impl UsageAttempt {
    /// LLM tokens read and written a second, in thousandths: by the provider's own times, else by those of a stream that ended well;
    /// none where neither says anything.
    pub fn speeds_milli(&self) -> [Option<u64>; 2] {
        let counts = &self.counts;
        let input = [counts.input_uncached, counts.cache_read, counts.cache_write_5m, counts.cache_write_1h];
        let input = input.into_iter().fold(0, u64::saturating_add);
        let first_us = self.first_byte_us.filter(|_| self.stream && self.outcome == "ok");
        let rest_us = first_us.map(|first_us| self.total_us.saturating_sub(first_us));
        let of = |tokens: u64, told_us: Option<u64>, seen_us: Option<u64>| {
            let us = told_us.or(seen_us.filter(|us| *us >= SHORTEST_SPEED_US))?;
            if tokens == 0 { None } else { per_second(tokens, us) }
        };
        [of(input, self.prompt_us, first_us), of(counts.output, self.generation_us, rest_us)]
    }
}

/// A request of a client with its attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageRequest {
    /// `req_…`
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// Until its last attempt ended, in microseconds.
    pub total_us: u64,
    /// How its last attempt ended.
    pub outcome: String,
    /// What all of its attempts cost, in nano-dollars.
    pub cost_nanos: u64,
    /// Its attempts, in their order.
    pub attempts: Vec<UsageAttempt>,
}

/// A page of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageRequests {
    /// The newest first.
    pub requests: Vec<UsageRequest>,
    /// Where the next page starts; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One value of a dimension, for those who choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DimensionValue {
    /// The value, as filters take it.
    pub value: String,
    /// The same for people.
    pub name: String,
    /// Attempts in the span.
    pub attempts: u64,
    /// What they cost, in nano-dollars.
    pub cost_nanos: u64,
}

/// A page of values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DimensionPage {
    /// The most used first.
    pub values: Vec<DimensionValue>,
    /// Where the next page starts; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_those_that_the_provider_tells_else_those_of_a_stream() {
        let counts = Buckets { input_uncached: 300, cache_read: 100, output: 50, ..Buckets::default() };
        let stream = UsageAttempt {
            outcome: "ok".to_owned(),
            stream: true,
            first_byte_us: Some(200_000),
            total_us: 1_200_000,
            counts,
            ..UsageAttempt::default()
        };
        assert_eq!(stream.speeds_milli(), [Some(2_000_000), Some(50_000)]);
        let told = UsageAttempt { prompt_us: Some(100_000), generation_us: Some(500_000), ..stream.clone() };
        assert_eq!(told.speeds_milli(), [Some(4_000_000), Some(100_000)]);
        let of_one_piece = UsageAttempt { total_us: 200_500, ..stream.clone() };
        assert_eq!(of_one_piece.speeds_milli(), [Some(2_000_000), None]);
        for nothing in [
            UsageAttempt { stream: false, ..stream.clone() },
            UsageAttempt { outcome: "cut".to_owned(), ..stream.clone() },
            UsageAttempt { counts: Buckets::default(), ..told },
        ] {
            assert_eq!(nothing.speeds_milli(), [None, None]);
        }
    }
}
