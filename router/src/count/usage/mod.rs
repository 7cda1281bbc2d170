//! The usage objects of the providers, read leniently: a wrong number is no reason to lose the others.
//!
//! Field names: OpenAI Chat (`prompt_tokens` …), OpenAI Responses and Anthropic (`input_tokens` …). OpenAI's input includes
//! what was cached, Anthropic's does not. What other vendors add to OpenAI's form stands beside it in [`extra`].

pub(super) mod cohere;
mod extra;
pub(super) mod gemini;
mod lenient;

use serde_json::value::RawValue;

use self::extra::Extra;
use self::lenient::Lenient;
use super::{Counts, Media, Report, ServiceTier};
use crate::walk;

/// What is said of tokens in.
#[derive(Clone, Copy, Debug, Default)]
struct InputDetails {
    cached_tokens: Lenient,
    cache_write_tokens: Lenient,
    audio_tokens: Lenient,
    image_tokens: Lenient,
    audio_cached: Lenient,
    image_cached: Lenient,
    creation: Option<CacheCreation>,
}

/// What is said of tokens out.
#[derive(Clone, Copy, Debug, Default)]
struct OutputDetails {
    reasoning_tokens: Lenient,
    thinking_tokens: Lenient,
    audio_tokens: Lenient,
    image_tokens: Lenient,
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
                b"cache_write_tokens" | b"cache_creation_input_tokens" | b"cache_creation_tokens" => {
                    details.cache_write_tokens = Lenient::of(value);
                }
                b"audio_tokens" => details.audio_tokens = Lenient::of(value),
                b"image_tokens" => details.image_tokens = Lenient::of(value),
                b"cached_tokens_details" => {
                    let cached = Self::of(value).unwrap_or_default();
                    (details.audio_cached, details.image_cached) = (cached.audio_tokens, cached.image_tokens);
                }
                b"cache_creation" => details.creation = CacheCreation::of(value),
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
                b"audio_tokens" => details.audio_tokens = Lenient::of(value),
                b"image_tokens" => details.image_tokens = Lenient::of(value),
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

    /// How many of all the tokens written, `total` or else those told here, were written for five minutes and for an hour.
    fn split(self, total: Option<u64>) -> (u64, u64) {
        let long = self.ephemeral_1h_input_tokens.0.unwrap_or(0);
        let total = total.unwrap_or_else(|| self.ephemeral_5m_input_tokens.0.unwrap_or(0).saturating_add(long));
        let long = long.min(total);
        (total - long, long)
    }
}

/// The parts of `total` tokens in, of which `cached` are said to be from a cache, that were not and that were; the dearer
/// way where nothing is said.
fn parts(total: u64, cached: u64, counts: &Counts) -> (u64, u64) {
    let cached = cached.min(total).min(counts.cache_read);
    let fresh = (total - cached).min(counts.input_uncached);
    (fresh, (total - fresh).min(counts.cache_read))
}

/// The tier that a string of JSON names.
pub(super) fn tier(json: &[u8]) -> ServiceTier {
    let name = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    name.and_then(|name| str::from_utf8(name).ok()).map_or(ServiceTier::Standard, ServiceTier::of)
}

/// Seconds of sound, of which one that was begun is paid for.
pub(super) fn seconds(json: &[u8]) -> Option<u64> {
    lenient::whole(json).filter(|seconds| *seconds > 0)
}

/// A usage object of any of the OpenAI and Anthropic families.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    prompt_tokens: Lenient,
    completion_tokens: Lenient,
    total_tokens: Lenient,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    input_tokens: Lenient,
    output_tokens: Lenient,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
    cache_read_input_tokens: Lenient,
    cache_creation_input_tokens: Lenient,
    cache_creation: Option<CacheCreation>,
    extra: Extra,
}

/// Reads a usage object.
pub(crate) fn parse(usage: &RawValue) -> Option<Usage> {
    Usage::of(usage.get())
}

/// Counts of an OpenAI-shaped usage object.
pub(crate) fn openai(json: &str) -> Option<Counts> {
    Usage::of(json)?.openai().map(|report| report.counts)
}

/// Counts of a Gemini usage object.
pub(crate) fn gemini(json: &str) -> Option<Counts> {
    gemini::read(json.as_bytes()).map(|report| report.counts)
}

/// Counts of a Cohere usage object: the tokens, not what is billed, which may be fewer.
pub(crate) fn cohere(json: &str) -> Option<Counts> {
    cohere::read(json.as_bytes()).map(|report| report.counts)
}

/// Counts of an Anthropic usage object, over those that came `before` in the same stream.
pub(crate) fn anthropic(json: &str, before: Option<Counts>) -> Option<Counts> {
    let before = before.map(Report::of);
    Usage::of(json).map_or(before, |usage| usage.anthropic(before)).map(|report| report.counts)
}

impl Usage {
    /// Reads the object `json`, field by field: there is one in every answer, and a parser built for any shape of it
    /// takes three times as long.
    pub(crate) fn of(json: &str) -> Option<Self> {
        let mut usage = Self::default();
        for (name, value) in walk::top(json.as_bytes()) {
            match name {
                b"prompt_tokens" => usage.prompt_tokens = Lenient::of(value),
                b"completion_tokens" => usage.completion_tokens = Lenient::of(value),
                b"total_tokens" => usage.total_tokens = Lenient::of(value),
                b"prompt_tokens_details" => usage.prompt_tokens_details = InputDetails::of(value),
                b"completion_tokens_details" => usage.completion_tokens_details = OutputDetails::of(value),
                b"input_tokens" => usage.input_tokens = Lenient::of(value),
                b"output_tokens" => usage.output_tokens = Lenient::of(value),
                // Transcriptions leave out a letter.
                b"input_tokens_details" | b"input_token_details" => {
                    usage.input_tokens_details = InputDetails::of(value);
                }
                b"output_tokens_details" | b"output_token_details" => {
                    usage.output_tokens_details = OutputDetails::of(value);
                }
                b"cache_read_input_tokens" => usage.cache_read_input_tokens = Lenient::of(value),
                b"cache_creation_input_tokens" => usage.cache_creation_input_tokens = Lenient::of(value),
                b"cache_creation" => usage.cache_creation = CacheCreation::of(value),
                name => usage.extra.take(name, value),
            }
        }
        json.starts_with('{').then_some(usage)
    }

    /// What an OpenAI-shaped object, whose input includes what was cached, reports; none if it holds no number.
    pub(crate) fn openai(&self) -> Option<Report> {
        let extra = &self.extra;
        let input = self.prompt_tokens.0.or(self.input_tokens.0);
        let output = self.completion_tokens.0.or(self.output_tokens.0);
        let total = self.total_tokens.0;
        if input.is_none() && output.is_none() && total.is_none() && !extra.is_something() {
            return None;
        }
        let details = self.prompt_tokens_details.or(self.input_tokens_details).unwrap_or_default();
        let of_output = self.completion_tokens_details.or(self.output_tokens_details).unwrap_or_default();
        let mut input = input.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output.unwrap_or(0)));
        let mut output = output.unwrap_or(0);
        let mut reasoning = of_output.reasoning_tokens.0.unwrap_or(0);
        // Gemini's OpenAI endpoint and xAI count thoughts in the total only.
        let unlisted = total.unwrap_or(0).saturating_sub(input.saturating_add(output));
        // Mistral's total has the sound besides.
        let sound = if extra.seconds_in > 0 { unlisted } else { 0 };
        input = input.saturating_add(sound);
        output = output.saturating_add(unlisted - sound);
        reasoning = reasoning.max(unlisted - sound);
        // Perplexity counts what it read and thought beside its total.
        let (read, thought) = extra.beside_total();
        (input, output) = (input.saturating_add(read), output.saturating_add(thought));
        reasoning = reasoning.max(thought).min(output);

        let cached = details.cached_tokens.0.or(extra.cached_tokens()).or(self.cache_read_input_tokens.0);
        let cache_read = cached.unwrap_or(0).min(input);
        let creation = details.creation.or(self.cache_creation).unwrap_or_default();
        let written = details.cache_write_tokens.0.or(self.cache_creation_input_tokens.0);
        let (short, long) = creation.split(written);
        let long = long.min(input - cache_read);
        let short = short.min(input - cache_read - long);
        let counts = Counts {
            input_uncached: input - cache_read - short - long,
            cache_read,
            cache_write_5m: short,
            cache_write_1h: long,
            output,
            reasoning,
        };
        let number = |count: Lenient| count.0.unwrap_or(0);
        let audio = parts(number(details.audio_tokens).max(sound), number(details.audio_cached), &counts);
        let image = parts(number(details.image_tokens), number(details.image_cached), &counts);
        let media = Media {
            audio_in: audio.0,
            audio_cached: audio.1,
            audio_out: number(of_output.audio_tokens),
            image_in: image.0,
            image_cached: image.1,
            image_out: number(of_output.image_tokens),
            seconds_in: extra.seconds_in,
            web_searches: extra.searches(),
            ..Media::default()
        };
        Some(Report {
            counts,
            media: media.within(&counts),
            tier: extra.tier(),
            billed: None,
            told_nanos: extra.told_nanos(),
            prompt_us: extra.prompt_us,
            generation_us: extra.generation_us,
        })
    }

    /// What an Anthropic object reports, whose buckets are disjoint; a later report of a stream overrides `before` field by
    /// field, because its counts are cumulative.
    pub(crate) fn anthropic(&self, before: Option<Report>) -> Option<Report> {
        let (creation, detail) = (self.cache_creation_input_tokens.0, self.cache_creation);
        if self.input_tokens.0.is_none() && self.output_tokens.0.is_none() && creation.is_none() {
            return before;
        }
        let extra = &self.extra;
        let report = before.unwrap_or_default();
        let before = report.counts;
        let (write_5m, write_1h) = match (creation, detail) {
            (None, None) => (before.cache_write_5m, before.cache_write_1h),
            (total, Some(detail)) => detail.split(total),
            // The end of a stream tells the sum alone: what it was made of was told at its beginning. What was written
            // since is taken for what lives longer, if anything was.
            (Some(total), None) if before.cache_write_1h > 0 => {
                let short = before.cache_write_5m.min(total);
                (short, total - short)
            }
            (Some(total), None) => (total, 0),
        };
        let output = self.output_tokens.0.unwrap_or(before.output);
        let thinking = self.output_tokens_details.and_then(|d| d.thinking_tokens.0).unwrap_or(before.reasoning);
        let counts = Counts {
            input_uncached: self.input_tokens.0.unwrap_or(before.input_uncached),
            cache_read: self.cache_read_input_tokens.0.unwrap_or(before.cache_read),
            cache_write_5m: write_5m,
            cache_write_1h: write_1h,
            output,
            reasoning: thinking.min(output),
        };
        let web_searches = if extra.tells_searches() { extra.searches() } else { report.media.web_searches };
        Some(Report {
            counts: extra.with_compactions(counts),
            media: Media { web_searches, ..report.media },
            tier: if extra.tells_tier() { extra.tier() } else { report.tier },
            billed: None,
            told_nanos: extra.told_nanos().or(report.told_nanos),
            ..report
        })
    }
}

/// `report` with the times that stand in an object beside the usage: Cerebras's `time_info` in seconds, llama.cpp's
/// `timings` in milliseconds. What the usage itself says of them holds.
pub(super) fn timed(mut report: Report, times: &[u8]) -> Report {
    for (name, value) in walk::top(times) {
        let (kept, told) = match name {
            b"prompt_time" => (&mut report.prompt_us, lenient::micros(value)),
            b"prompt_ms" => (&mut report.prompt_us, lenient::millis(value)),
            b"completion_time" => (&mut report.generation_us, lenient::micros(value)),
            b"predicted_ms" => (&mut report.generation_us, lenient::millis(value)),
            _ => continue,
        };
        if *kept == 0 {
            *kept = told;
        }
    }
    report
}

#[cfg(test)]
mod tests;
