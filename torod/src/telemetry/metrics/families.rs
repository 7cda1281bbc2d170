//! Every family of numbers that the gateway shows to Prometheus.

use super::text::{Family, Kind};

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Histogram, labels, help }
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $family:expr;)*) => {
        $($(#[$doc])* pub static $name: Family = $family;)*

        /// All of them, in the order in which they are shown.
        pub static ALL: &[&Family] = &[$(&$name),*];
    };
}

families! {
    /// Which program this is.
    BUILD_INFO = gauge("tokenrouter_build_info", &["version", "commit"], "Always 1; which torod this is, and of which commit where its builder said so.");
    /// Counted from usage rows.
    REQUESTS = counter("tokenrouter_requests_total", &["surface", "provider", "model", "stream"], "Requests that were served, as budgets and reports count them; each by its last attempt.");
    /// Counted from usage rows.
    REQUEST_DURATION = histogram("tokenrouter_request_duration_seconds", &["surface", "provider", "model", "stream"], "From the beginning of the attempt that served a request to the last byte of the answer.");
    /// Counted from usage rows.
    ATTEMPTS = counter("tokenrouter_upstream_attempts_total", &["provider", "model", "outcome", "status_class"], "Calls to providers, each of which is one usage row.");
    /// Counted from usage rows.
    FIRST_TOKEN = histogram("tokenrouter_time_to_first_token_seconds", &["provider", "model"], "From the call to the first piece of a streamed answer.");
    /// Counted from usage rows.
    PER_TOKEN = histogram("tokenrouter_time_per_output_token_seconds", &["provider", "model"], "From the first piece of a streamed answer to its end, for each token after the first.");
    /// Counted from usage rows.
    TIMED_TOKENS = counter("tokenrouter_provider_timed_tokens_total", &["provider", "model", "phase"], "Tokens of calls of which the provider tells how long it took: prompt (to read the input), generation (to write).");
    /// Counted from usage rows.
    TIMED_SECONDS = counter("tokenrouter_provider_timed_seconds_total", &["provider", "model", "phase"], "How long that took, by the provider's own clock.");
    /// Counted from usage rows.
    TOKENS = counter("tokenrouter_tokens_total", &["provider", "model", "kind"], "LLM tokens in disjoint kinds, whose sum is what providers report as the total.");
    /// Counted from usage rows.
    REASONING = counter("tokenrouter_reasoning_tokens_total", &["provider", "model"], "Tokens of reasoning, which are a part of the kind output.");
    /// Counted from usage rows.
    ESTIMATED = counter("tokenrouter_estimated_attempts_total", &["provider", "model"], "Calls with tokens that the provider did not report, so that they are an estimate.");
    /// Counted from usage rows.
    COST = counter("tokenrouter_cost_usd_total", &["provider", "model"], "What was spent, in US dollars.");
    /// Counted from usage rows.
    COST_KINDS = counter("tokenrouter_cost_by_kind_usd_total", &["provider", "model", "kind"], "What was spent, by what was paid for, in US dollars; other is what is paid in pieces, such as images and searches.");
    /// Counted from usage rows.
    UNPRICED = counter("tokenrouter_unpriced_attempts_total", &["provider", "model"], "Calls whose price is not known, counted by the price for unknown models.");
    /// Counted from usage rows.
    CACHE_SAVINGS = counter("tokenrouter_cache_savings_usd_total", &["provider", "model"], "What calls cost less because the prompt cache was read, in US dollars.");
    /// Counted from usage rows.
    CACHE_PREMIUM = counter("tokenrouter_cache_write_premium_usd_total", &["provider", "model"], "What calls cost more because the prompt cache was written, in US dollars.");
    /// Counted from usage rows.
    DEGRADED = counter("tokenrouter_degraded_attempts_total", &["client_protocol", "upstream_protocol"], "Calls whose provider was not told all of the request.");
    /// Counted from usage rows.
    STREAM_ABORTS = counter("tokenrouter_stream_aborts_total", &["provider", "model", "side"], "Streams that did not come to their end, by who ended them.");
    /// Counted from usage rows.
    FALLBACKS = counter("tokenrouter_fallbacks_total", &["from", "to", "reason"], "Calls after a failed one for the same request, by the providers of both and by how the first ended.");
    /// Counted from usage rows.
    DECISIONS = counter("tokenrouter_router_decisions_total", &["virtual_model", "target", "difficulty", "source"], "Requests for a virtual model, by the model that served, how hard they were taken to be, and who chose (kept, rules, model, cache, unsure, default).");
    /// Counted from usage rows.
    DECISION_TIME = histogram("tokenrouter_router_decision_seconds", &["virtual_model"], "How long models took that were asked which one shall serve a request for a virtual model.");
    /// Counted from usage rows.
    DECISION_COST = counter("tokenrouter_router_decision_cost_usd_total", &["virtual_model"], "What such questions cost, in US dollars; a part of tokenrouter_cost_usd_total.");
    /// Counted when an answer is made.
    ERRORS = counter("tokenrouter_error_responses_total", &["code"], "Errors that the gateway itself answered with, by their code.");
    /// Counted as answers are made.
    LIMITS = counter("tokenrouter_limit_refusals_total", &["scope", "limit"], "Requests that were refused because of a limit, by whose it is (token, gateway, provider) and which.");
    /// Counted as requests are translated.
    LOSSES = counter("tokenrouter_translation_losses_total", &["field"], "Fields of requests that a provider was not told as they were sent; names that only the request has are other.");
    /// Sampled.
    OVERHEAD = histogram("tokenrouter_gateway_overhead_seconds", &["stage"], "What the gateway takes before a call, of one request in 64: admit (who asks, and may he), prepare (route, reserve, translate).");
    /// Read at the scrape.
    IN_FLIGHT = gauge("tokenrouter_requests_in_flight", &[], "Requests under way.");
    /// Read at the scrape.
    STREAMS = gauge("tokenrouter_streams_in_flight", &[], "Streams under way.");
    /// Read at the scrape.
    WAITING = gauge("tokenrouter_requests_waiting", &[], "Requests that wait for a place.");
    /// Read at the scrape.
    PROVIDER_IN_FLIGHT = gauge("tokenrouter_provider_requests_in_flight", &["provider"], "Calls under way to a provider.");
    /// Read at the scrape.
    PROVIDER_UP = gauge("tokenrouter_provider_up", &["provider"], "Whether the last call to a provider was answered: 1 if so or if there was none, else 0.");
    /// Read at the scrape.
    PROVIDER_MODELS = gauge("tokenrouter_provider_models", &["provider"], "Models that a provider lists; none as long as its list is not known.");
    /// Read at the scrape.
    CIRCUIT = gauge("tokenrouter_circuit_state", &["provider", "scope"], "The worst breaker of a provider: 0 closed, 1 half-open, 2 open.");
    /// Read at the scrape.
    CIRCUIT_TURNS = counter("tokenrouter_circuit_transitions_total", &["provider", "scope", "to"], "How often a breaker of a provider opened, and how often one closed again.");
    /// Read at the scrape.
    QUOTA_LEFT = gauge("tokenrouter_provider_quota_remaining_ratio", &["provider", "limit"], "What is left of a limit of a provider, from 0 to 1, as it was last told; of several keys and models what the least has.");
    /// Read at the scrape.
    BALANCE = gauge("tokenrouter_provider_balance", &["provider", "unit"], "What is left in a provider's account, in whole units, where the vendor tells; of several keys the least.");
    /// Read at the scrape.
    TOKEN_BUDGET = gauge("tokenrouter_token_budget_remaining_usd", &["token", "name"], "What a token may still spend, in US dollars, by its own budgets and those above it; where `token_budgets` is on, of the thousand with the least left.");
    /// Read at the scrape.
    ENDPOINTS_OPEN = gauge("tokenrouter_endpoints_unavailable", &["provider", "reason"], "Endpoints that are left alone, by the reason.");
    /// Read at the scrape.
    RELOADS = counter("tokenrouter_config_reloads_total", &["result"], "Readings of the configuration since the start.");
    /// Read at the scrape.
    LAST_RELOAD = gauge("tokenrouter_config_last_reload_success_timestamp_seconds", &[], "When the configuration in force was read.");
    /// Read at the scrape.
    WRITTEN = counter("tokenrouter_usage_records_written_total", &[], "Usage rows written since the start.");
    /// Read at the scrape.
    DROPPED = counter("tokenrouter_usage_records_dropped_total", &[], "Usage records lost because too many waited for the database.");
    /// Read at the scrape.
    QUEUE = gauge("tokenrouter_usage_queue_depth", &[], "Usage records that wait for the database.");
    /// Read at the scrape.
    BEHIND = gauge("tokenrouter_usage_behind_seconds", &[], "How long the oldest of them has been waiting.");
    /// Read at the scrape.
    DATABASE_UP = gauge("tokenrouter_database_up", &[], "Whether the database takes what is written: 1 or 0.");
    /// Read at the scrape.
    LOG_DROPPED = counter("tokenrouter_log_lines_dropped_total", &[], "Lines of the log that the database does not have because too many waited.");
    /// Read at the scrape.
    EXPORTED = counter("tokenrouter_otlp_items_exported_total", &["signal"], "Spans and metric points that the collector took.");
    /// Read at the scrape.
    EXPORT_LOST = counter("tokenrouter_otlp_items_dropped_total", &["signal"], "Spans and metric points that never reached the collector.");
    /// Read at the scrape.
    STARTED = gauge("process_start_time_seconds", &[], "When torod started, in seconds since 1970.");
    /// Read at the scrape.
    CPU = counter("process_cpu_seconds_total", &[], "CPU time that torod has used, in seconds.");
    /// Read at the scrape.
    RESIDENT = gauge("process_resident_memory_bytes", &[], "Memory that torod has resident, in bytes.");
    /// Read at the scrape.
    OPEN_FDS = gauge("process_open_fds", &[], "Files and connections that torod has open.");
    /// Read at the scrape.
    MAX_FDS = gauge("process_max_fds", &[], "How many it may have.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_rules_of_prometheus() {
        let mut seen = std::collections::HashSet::new();
        for family in ALL {
            let name = family.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(name.starts_with("tokenrouter_") || name.starts_with("process_"), "{name}");
            assert!(family.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}: the unit");
            assert!(family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{name}: {}", family.help);
            assert!(!family.labels.contains(&"le"), "{name}");
        }
    }
}
