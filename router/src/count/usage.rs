//! The usage objects of the providers, read leniently: a wrong number is no reason to lose the others.
//!
//! Field names: OpenAI Chat (`prompt_tokens` …), OpenAI Responses and Anthropic (`input_tokens` …), DeepSeek
//! (`prompt_cache_hit_tokens`). OpenAI's input includes what was cached, Anthropic's does not.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Counts;
use crate::walk;

/// A token count that may be missing, null, a float, or nonsense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lenient(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl<'de> Visitor<'de> for AnyNumber {
            type Value = Lenient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token count")
            }
            fn visit_u64<E>(self, n: u64) -> Result<Lenient, E> {
                Ok(Lenient(Some(n)))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Lenient, E> {
                Ok(Lenient(u64::try_from(n).ok()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Lenient, E> {
                #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
                Ok(Lenient((n.is_finite() && (0.0..1e15).contains(&n)).then_some(n as u64)))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
                Ok(Lenient(text.parse().ok()))
            }
            fn visit_unit<E>(self) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
        }
        from.deserialize_any(AnyNumber)
    }
}

impl Lenient {
    /// The count that `json` is; plain digits, which they nearly all are, without a parser.
    fn of(json: &[u8]) -> Self {
        if !json.is_empty() && json.len() <= 15 && json.iter().all(u8::is_ascii_digit) {
            return Self(Some(json.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))));
        }
        serde_json::from_slice(json).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct InputDetails {
    cached_tokens: Lenient,
    cache_write_tokens: Lenient,
}

#[derive(Clone, Copy, Debug, Default)]
struct OutputDetails {
    reasoning_tokens: Lenient,
    thinking_tokens: Lenient,
}

#[derive(Clone, Copy, Debug, Default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Lenient,
    ephemeral_1h_input_tokens: Lenient,
}

impl InputDetails {
    fn of(json: &[u8]) -> Option<Self> {
        let mut details = Self::default();
        for (name, value) in walk::top(json) {
            match name {
                b"cached_tokens" => details.cached_tokens = Lenient::of(value),
                b"cache_write_tokens" => details.cache_write_tokens = Lenient::of(value),
                _ => {}
            }
        }
        json.starts_with(b"{").then_some(details)
    }
}

impl OutputDetails {
    fn of(json: &[u8]) -> Option<Self> {
        let mut details = Self::default();
        for (name, value) in walk::top(json) {
            match name {
                b"reasoning_tokens" => details.reasoning_tokens = Lenient::of(value),
                b"thinking_tokens" => details.thinking_tokens = Lenient::of(value),
                _ => {}
            }
        }
        json.starts_with(b"{").then_some(details)
    }
}

impl CacheCreation {
    fn of(json: &[u8]) -> Option<Self> {
        let mut creation = Self::default();
        for (name, value) in walk::top(json) {
            match name {
                b"ephemeral_5m_input_tokens" => creation.ephemeral_5m_input_tokens = Lenient::of(value),
                b"ephemeral_1h_input_tokens" => creation.ephemeral_1h_input_tokens = Lenient::of(value),
                _ => {}
            }
        }
        json.starts_with(b"{").then_some(creation)
    }
}

/// A usage object of any of the OpenAI and Anthropic families.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    prompt_tokens: Lenient,
    completion_tokens: Lenient,
    total_tokens: Lenient,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    prompt_cache_hit_tokens: Lenient,
    input_tokens: Lenient,
    output_tokens: Lenient,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
    cache_read_input_tokens: Lenient,
    cache_creation_input_tokens: Lenient,
    cache_creation: Option<CacheCreation>,
}

/// Reads a usage object.
pub(crate) fn parse(usage: &RawValue) -> Option<Usage> {
    Usage::of(usage.get())
}

/// Counts of an OpenAI-shaped usage object.
pub(crate) fn openai(json: &str) -> Option<Counts> {
    Usage::of(json)?.openai()
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Gemini {
    prompt_token_count: Lenient,
    candidates_token_count: Lenient,
    thoughts_token_count: Lenient,
    tool_use_prompt_token_count: Lenient,
    cached_content_token_count: Lenient,
}

/// Counts of a Gemini usage object: the prompt includes what was cached, the candidates exclude the thoughts.
pub(crate) fn gemini(json: &str) -> Option<Counts> {
    let usage: Gemini = if json.starts_with('{') { serde_json::from_str(json).ok()? } else { return None };
    if usage.prompt_token_count.0.is_none() && usage.candidates_token_count.0.is_none() {
        return None;
    }
    let prompt = usage.prompt_token_count.0.unwrap_or(0);
    let input = prompt.saturating_add(usage.tool_use_prompt_token_count.0.unwrap_or(0));
    let cache_read = usage.cached_content_token_count.0.unwrap_or(0).min(input);
    let reasoning = usage.thoughts_token_count.0.unwrap_or(0);
    Some(Counts {
        input_uncached: input - cache_read,
        cache_read,
        output: usage.candidates_token_count.0.unwrap_or(0).saturating_add(reasoning),
        reasoning,
        ..Counts::default()
    })
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Cohere {
    tokens: Option<CohereTokens>,
    billed_units: Option<CohereTokens>,
    cached_tokens: Lenient,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CohereTokens {
    input_tokens: Lenient,
    output_tokens: Lenient,
}

/// Counts of a Cohere usage object: the tokens, not what is billed, which may be fewer.
pub(crate) fn cohere(json: &str) -> Option<Counts> {
    let usage: Cohere = if json.starts_with('{') { serde_json::from_str(json).ok()? } else { return None };
    let tokens = usage.tokens.or(usage.billed_units)?;
    if tokens.input_tokens.0.is_none() && tokens.output_tokens.0.is_none() {
        return None;
    }
    let input = tokens.input_tokens.0.unwrap_or(0);
    let cache_read = usage.cached_tokens.0.unwrap_or(0).min(input);
    let output = tokens.output_tokens.0.unwrap_or(0);
    Some(Counts { input_uncached: input - cache_read, cache_read, output, ..Counts::default() })
}

/// Counts of an Anthropic usage object, over those that came `before` in the same stream.
pub(crate) fn anthropic(json: &str, before: Option<Counts>) -> Option<Counts> {
    Usage::of(json).map_or(before, |usage| usage.anthropic(before))
}

impl Usage {
    /// Reads the object `json`, field by field: there is one in every answer, and a parser built for any shape of it
    /// takes three times as long.
    fn of(json: &str) -> Option<Self> {
        let mut usage = Self::default();
        for (name, value) in walk::top(json.as_bytes()) {
            match name {
                b"prompt_tokens" => usage.prompt_tokens = Lenient::of(value),
                b"completion_tokens" => usage.completion_tokens = Lenient::of(value),
                b"total_tokens" => usage.total_tokens = Lenient::of(value),
                b"prompt_tokens_details" => usage.prompt_tokens_details = InputDetails::of(value),
                b"completion_tokens_details" => usage.completion_tokens_details = OutputDetails::of(value),
                b"prompt_cache_hit_tokens" => usage.prompt_cache_hit_tokens = Lenient::of(value),
                b"input_tokens" => usage.input_tokens = Lenient::of(value),
                b"output_tokens" => usage.output_tokens = Lenient::of(value),
                b"input_tokens_details" => usage.input_tokens_details = InputDetails::of(value),
                b"output_tokens_details" => usage.output_tokens_details = OutputDetails::of(value),
                b"cache_read_input_tokens" => usage.cache_read_input_tokens = Lenient::of(value),
                b"cache_creation_input_tokens" => usage.cache_creation_input_tokens = Lenient::of(value),
                b"cache_creation" => usage.cache_creation = CacheCreation::of(value),
                _ => {}
            }
        }
        json.starts_with('{').then_some(usage)
    }

    /// Counts of an OpenAI-shaped report, whose input includes what was cached; none if it holds no number.
    pub(crate) fn openai(&self) -> Option<Counts> {
        let input = self.prompt_tokens.0.or(self.input_tokens.0);
        let output = self.completion_tokens.0.or(self.output_tokens.0);
        let total = self.total_tokens.0;
        if input.is_none() && output.is_none() && total.is_none() {
            return None;
        }
        let details = self.prompt_tokens_details.or(self.input_tokens_details).unwrap_or_default();
        let input = input.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output.unwrap_or(0)));
        let mut output = output.unwrap_or(0);
        let mut reasoning = self
            .completion_tokens_details
            .or(self.output_tokens_details)
            .and_then(|d| d.reasoning_tokens.0)
            .unwrap_or(0);
        // Gemini's OpenAI endpoint counts thoughts in the total only.
        let unlisted = total.unwrap_or(0).saturating_sub(input.saturating_add(output));
        output = output.saturating_add(unlisted);
        reasoning = reasoning.saturating_add(unlisted.saturating_sub(reasoning)).min(output);
        let cache_read = details.cached_tokens.0.or(self.prompt_cache_hit_tokens.0).unwrap_or(0).min(input);
        let cache_write_5m = details.cache_write_tokens.0.unwrap_or(0).min(input - cache_read);
        Some(Counts {
            input_uncached: input - cache_read - cache_write_5m,
            cache_read,
            cache_write_5m,
            cache_write_1h: 0,
            output,
            reasoning,
        })
    }

    /// Counts of an Anthropic report, whose buckets are disjoint; a later report of a stream overrides `before`
    /// field by field, because its counts are cumulative.
    pub(crate) fn anthropic(&self, before: Option<Counts>) -> Option<Counts> {
        let (creation, detail) = (self.cache_creation_input_tokens.0, self.cache_creation);
        if self.input_tokens.0.is_none() && self.output_tokens.0.is_none() && creation.is_none() {
            return before;
        }
        let before = before.unwrap_or_default();
        let (write_5m, write_1h) = match (creation, detail) {
            (None, None) => (before.cache_write_5m, before.cache_write_1h),
            (total, detail) => {
                let detail = detail.unwrap_or_default();
                let one_hour = detail.ephemeral_1h_input_tokens.0.unwrap_or(0);
                let five = detail.ephemeral_5m_input_tokens.0.unwrap_or(0);
                let total = total.unwrap_or_else(|| five.saturating_add(one_hour));
                let one_hour = one_hour.min(total);
                (total - one_hour, one_hour)
            }
        };
        let output = self.output_tokens.0.unwrap_or(before.output);
        let thinking = self.output_tokens_details.and_then(|d| d.thinking_tokens.0).unwrap_or(before.reasoning);
        Some(Counts {
            input_uncached: self.input_tokens.0.unwrap_or(before.input_uncached),
            cache_read: self.cache_read_input_tokens.0.unwrap_or(before.cache_read),
            cache_write_5m: write_5m,
            cache_write_1h: write_1h,
            output,
            reasoning: thinking.min(output),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai(json: &str) -> Option<Counts> {
        Usage::of(json).unwrap().openai()
    }

    fn counts(buckets: [u64; 6]) -> Counts {
        let [input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning] = buckets;
        Counts { input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning }
    }

    #[test]
    fn buckets_are_disjoint_and_sum_to_the_providers_total() {
        for (json, expected, total) in [
            (r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, [10, 0, 0, 0, 5, 0], 15),
            (
                r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":80,"cache_write_tokens":15},"completion_tokens_details":{"reasoning_tokens":30}}"#,
                [5, 80, 15, 0, 50, 30],
                150,
            ),
            (
                r#"{"input_tokens":20,"input_tokens_details":{"cached_tokens":8},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":23}"#,
                [12, 8, 0, 0, 3, 1],
                23,
            ),
            (r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"completion_tokens":1}"#, [5, 4, 0, 0, 1, 0], 10),
            (r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":40}"#, [10, 0, 0, 0, 30, 25], 40),
            (r#"{"prompt_tokens":8,"total_tokens":8}"#, [8, 0, 0, 0, 0, 0], 8),
            (r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#, [0; 6], 0),
            // Nonsense stays within bounds.
            (
                r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":99,"cache_write_tokens":9}}"#,
                [0, 5, 0, 0, 1, 0],
                6,
            ),
            (r#"{"prompt_tokens":5.0,"completion_tokens":"7","total_tokens":{"a":[1]}}"#, [5, 0, 0, 0, 7, 0], 12),
        ] {
            let found = openai(json).unwrap();
            assert_eq!(found, counts(expected), "{json}");
            assert_eq!(found.total(), total, "{json}");
        }
        assert_eq!(openai("{}"), None);
        assert_eq!(openai(r#"{"prompt_tokens":null,"completion_tokens":-3}"#), None);
        let odd = r#"{ "prompt_tokens" : "12" , "completion_tokens":3.0,"x":[{"completion_tokens":9}],"prompt_tokens_details":null, "completion_tokens_details" :7}"#;
        assert_eq!(openai(odd), Some(counts([12, 0, 0, 0, 3, 0])));
    }

    #[test]
    fn gemini_and_cohere_reports_become_disjoint() {
        let json = r#"{"promptTokenCount":100,"candidatesTokenCount":20,"thoughtsTokenCount":30,"toolUsePromptTokenCount":5,"cachedContentTokenCount":80,"totalTokenCount":155}"#;
        let found = gemini(json).unwrap();
        assert_eq!((found, found.total()), (counts([25, 80, 0, 0, 50, 30]), 155));
        let json = r#"{"billed_units":{"input_tokens":2406.0},"tokens":{"input_tokens":2935.0,"output_tokens":7.0},"cached_tokens":2928.0}"#;
        assert_eq!(cohere(json), Some(counts([7, 2928, 0, 0, 7, 0])));
        assert_eq!((gemini("{}"), cohere("{}"), gemini("[]")), (None, None, None));
    }

    #[test]
    fn anthropic_reports_are_disjoint_already_and_later_ones_win() {
        let start = Usage::of(
            r#"{"input_tokens":3,"cache_read_input_tokens":9511,"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40},"output_tokens":1}"#,
        )
        .unwrap();
        let started = start.anthropic(None);
        assert_eq!(started, Some(counts([3, 9511, 60, 40, 1, 0])));
        let end = Usage::of(r#"{"output_tokens":77,"output_tokens_details":{"thinking_tokens":50}}"#).unwrap();
        assert_eq!(end.anthropic(started), Some(counts([3, 9511, 60, 40, 77, 50])));
        assert_eq!(Usage::default().anthropic(started), started);
    }
}
