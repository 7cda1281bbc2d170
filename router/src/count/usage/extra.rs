//! What vendors add to a usage object: tiers, searches, seconds, the cost in their own words.

use super::lenient::{Lenient, micros, nanos, ticks, whole};
use crate::count::{Counts, ServiceTier};
use crate::walk;

/// What one object said beside the usual counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extra {
    /// Moonshot, Together.
    cached_tokens: Lenient,
    /// DeepSeek.
    prompt_cache_hit_tokens: Lenient,
    /// Perplexity: what it read, what it thought, how it searched.
    citation_tokens: Lenient,
    reasoning_tokens: Lenient,
    search_queries: Lenient,
    searched: bool,
    /// xAI: sources of its live search.
    sources: Lenient,
    /// Searches of tools that the provider runs itself.
    tool_searches: Option<u64>,
    tier: Option<ServiceTier>,
    fast: bool,
    told_nanos: Option<u64>,
    upstream_nanos: Option<u64>,
    own_key: bool,
    /// Seconds of sound in.
    pub(super) seconds_in: u64,
    /// Groq and others: how long reading and writing took, in microseconds.
    pub(super) prompt_us: u32,
    pub(super) generation_us: u32,
    /// Anthropic: what summing up a long conversation cost beside the answer.
    compactions: Option<Counts>,
}

impl Extra {
    /// Takes in one field.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"cached_tokens" => self.cached_tokens = Lenient::of(value),
            b"prompt_cache_hit_tokens" => self.prompt_cache_hit_tokens = Lenient::of(value),
            b"citation_tokens" => self.citation_tokens = Lenient::of(value),
            b"reasoning_tokens" => self.reasoning_tokens = Lenient::of(value),
            b"num_search_queries" => self.search_queries = Lenient::of(value),
            b"search_context_size" => self.searched = value.starts_with(b"\""),
            b"num_sources_used" => self.sources = Lenient::of(value),
            b"server_tool_use" | b"server_side_tool_usage_details" | b"server_side_tool_usage" => {
                self.tool_searches = searches(value).or(self.tool_searches);
            }
            b"service_tier" if value.starts_with(b"\"") => self.tier = Some(super::tier(value)),
            b"speed" => self.fast = value == b"\"fast\"",
            b"cost" if value.starts_with(b"{") => {
                self.told_nanos = walk::last(value, "total_cost").and_then(nanos);
            }
            b"cost" | b"estimated_cost" | b"total_cost" => self.told_nanos = nanos(value).or(self.told_nanos),
            b"cost_in_usd_ticks" => self.told_nanos = ticks(value),
            b"cost_details" => self.upstream_nanos = walk::last(value, "upstream_inference_cost").and_then(nanos),
            b"is_byok" => self.own_key = value == b"true",
            b"seconds" | b"prompt_audio_seconds" => self.seconds_in = whole(value).unwrap_or(0),
            b"prompt_time" => self.prompt_us = micros(value),
            b"completion_time" => self.generation_us = micros(value),
            b"iterations" => self.compactions = compactions(value),
            _ => {}
        }
    }

    /// Whether there is something to pay for or to compare, whatever the counts.
    pub(super) const fn is_something(&self) -> bool {
        self.seconds_in > 0 || self.told_nanos.is_some()
    }

    pub(super) fn cached_tokens(&self) -> Option<u64> {
        self.cached_tokens.0.or(self.prompt_cache_hit_tokens.0)
    }

    /// Tokens in and out that are paid for and are no part of the total.
    pub(super) fn beside_total(&self) -> (u64, u64) {
        match self.citation_tokens.0 {
            Some(read) => (read, self.reasoning_tokens.0.unwrap_or(0)),
            None => (0, 0),
        }
    }

    pub(super) const fn tells_searches(&self) -> bool {
        self.tool_searches.is_some()
    }

    /// Searches in the web, in the unit that the vendor asks money for.
    pub(super) fn searches(&self) -> u64 {
        let told = self.tool_searches.or(self.search_queries.0).or(self.sources.0.filter(|sources| *sources > 0));
        told.unwrap_or(u64::from(self.searched))
    }

    pub(super) const fn tells_tier(&self) -> bool {
        self.tier.is_some() || self.fast
    }

    pub(super) fn tier(&self) -> ServiceTier {
        if self.fast { ServiceTier::Fast } else { self.tier.unwrap_or_default() }
    }

    /// What the provider says that it costs; with a key of one's own, its fee and what the key is charged.
    pub(super) fn told_nanos(&self) -> Option<u64> {
        let told = self.told_nanos?;
        Some(told.saturating_add(self.upstream_nanos.filter(|_| self.own_key).unwrap_or(0)))
    }

    /// `counts` with what summing up cost, which the object's own sums leave out.
    pub(super) fn with_compactions(&self, counts: Counts) -> Counts {
        let Some(more) = self.compactions else { return counts };
        Counts {
            input_uncached: counts.input_uncached.saturating_add(more.input_uncached),
            cache_read: counts.cache_read.saturating_add(more.cache_read),
            cache_write_5m: counts.cache_write_5m.saturating_add(more.cache_write_5m),
            cache_write_1h: counts.cache_write_1h.saturating_add(more.cache_write_1h),
            output: counts.output.saturating_add(more.output),
            reasoning: counts.reasoning,
        }
    }
}

/// How often tools of the provider searched: Anthropic's `web_search_requests`, xAI's calls by kind.
fn searches(json: &[u8]) -> Option<u64> {
    let mut found = None;
    for (name, value) in walk::top(json) {
        if matches!(name, b"web_search_requests" | b"web_search_calls" | b"x_search_calls") {
            let more = Lenient::of(value).0.unwrap_or(0);
            found = Some(found.unwrap_or(0_u64).saturating_add(more));
        }
    }
    found
}

/// The sum of those steps of Anthropic's that summed up a conversation.
fn compactions(json: &[u8]) -> Option<Counts> {
    let steps = walk::elements(json).filter(|step| walk::last(step, "type") == Some(b"\"compaction\""));
    let steps = steps.filter_map(|step| super::anthropic(str::from_utf8(step).ok()?, None));
    steps.reduce(|all, step| Extra { compactions: Some(step), ..Extra::default() }.with_compactions(all))
}

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::*;
    use crate::count::Report;

    fn read(json: &str) -> Report {
        Usage::of(json).unwrap().openai().unwrap()
    }

    #[test]
    fn each_vendor_says_what_it_costs_in_its_own_way() {
        for (json, nanos) in [
            (
                r#"{"prompt_tokens":1,"cost":0.00014,"is_byok":false,"cost_details":{"upstream_inference_cost":null}}"#,
                140_000,
            ),
            (
                r#"{"prompt_tokens":1,"cost":0.000005,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0001}}"#,
                105_000,
            ),
            (
                r#"{"prompt_tokens":1,"cost":{"input_tokens_cost":0.1,"request_cost":0.005,"total_cost":0.006}}"#,
                6_000_000,
            ),
            (r#"{"prompt_tokens":1,"cost_in_usd_ticks":1625000}"#, 162_500),
            (r#"{"prompt_tokens":1,"estimated_cost":2.3e-06}"#, 2_300),
        ] {
            assert_eq!(read(json).told_nanos, Some(nanos), "{json}");
        }
        assert_eq!(read(r#"{"prompt_tokens":1,"cost":"much"}"#).told_nanos, None);
    }

    #[test]
    fn searches_and_seconds_are_counted_in_the_unit_that_is_paid() {
        for (json, searches) in [
            (r#"{"prompt_tokens":1,"num_sources_used":4}"#, 4),
            (
                r#"{"prompt_tokens":1,"server_side_tool_usage_details":{"web_search_calls":2,"x_search_calls":1,"code_interpreter_calls":9}}"#,
                3,
            ),
            (r#"{"prompt_tokens":1,"search_context_size":"low"}"#, 1),
            (r#"{"prompt_tokens":1,"search_context_size":"low","num_search_queries":18}"#, 18),
            (r#"{"prompt_tokens":1,"server_tool_use":{"web_search_requests":0}}"#, 0),
        ] {
            assert_eq!(read(json).media.web_searches, searches, "{json}");
        }
        assert_eq!(read(r#"{"type":"duration","seconds":11.2}"#).media.seconds_in, 12);
    }

    #[test]
    fn what_perplexity_read_and_thought_is_paid_beside_its_total() {
        let json = r#"{"prompt_tokens":33,"completion_tokens":7163,"total_tokens":7196,"citation_tokens":20016,"num_search_queries":18,"reasoning_tokens":73997}"#;
        let counts = read(json).counts;
        assert_eq!((counts.input_uncached, counts.output, counts.reasoning), (33 + 20_016, 7_163 + 73_997, 73_997));
    }

    #[test]
    fn vendors_of_openais_form_tell_caches_in_many_ways() {
        for (json, buckets) in [
            (r#"{"prompt_tokens":9,"cached_tokens":4,"completion_tokens":1}"#, [5, 4, 0, 0]),
            (
                r#"{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":2,"cache_creation_input_tokens":3},"completion_tokens":1}"#,
                [4, 2, 3, 0],
            ),
            (
                r#"{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":2,"cache_creation":{"ephemeral_1h_input_tokens":5}}}"#,
                [2, 2, 0, 5],
            ),
            (r#"{"prompt_tokens":9,"cache_read_input_tokens":3,"cache_creation_input_tokens":2}"#, [4, 3, 2, 0]),
        ] {
            let counts = read(json).counts;
            let found = [counts.input_uncached, counts.cache_read, counts.cache_write_5m, counts.cache_write_1h];
            assert_eq!(found, buckets, "{json}");
        }
    }

    #[test]
    fn summing_up_a_conversation_is_paid_beside_the_answer() {
        let json = r#"{"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":3500},{"type":"message","input_tokens":23000,"output_tokens":1000}]}"#;
        let counts = Usage::of(json).unwrap().anthropic(None).unwrap().counts;
        assert_eq!((counts.input_uncached, counts.output), (203_000, 4_500));
    }

    #[test]
    fn a_tier_is_the_one_that_served() {
        for (json, tier) in [
            (r#"{"input_tokens":1,"service_tier":"priority"}"#, ServiceTier::Priority),
            (r#"{"input_tokens":1,"service_tier":"standard","speed":"fast"}"#, ServiceTier::Fast),
            (r#"{"input_tokens":1,"service_tier":null}"#, ServiceTier::Standard),
        ] {
            assert_eq!(Usage::of(json).unwrap().anthropic(None).unwrap().tier, tier, "{json}");
        }
    }
}
