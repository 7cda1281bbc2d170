//! What usage objects come to.

use super::*;

fn openai(json: &str) -> Option<Counts> {
    super::openai(json)
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
    let buckets = |report: Option<Report>| report.unwrap().counts;
    assert_eq!(buckets(started), counts([3, 9511, 60, 40, 1, 0]));
    let end = Usage::of(r#"{"output_tokens":77,"output_tokens_details":{"thinking_tokens":50}}"#).unwrap();
    assert_eq!(buckets(end.anthropic(started)), counts([3, 9511, 60, 40, 77, 50]));
    assert_eq!(Usage::default().anthropic(started), started);
    // The sum alone: what was written for an hour at the beginning was, and what came since is taken for dear.
    for (json, short, long) in [
        (r#"{"output_tokens":9,"cache_creation_input_tokens":100}"#, 60, 40),
        (r#"{"output_tokens":9,"cache_creation_input_tokens":150}"#, 60, 90),
        (r#"{"output_tokens":9,"cache_creation_input_tokens":50}"#, 50, 0),
    ] {
        let found = buckets(Usage::of(json).unwrap().anthropic(started));
        assert_eq!((found.cache_write_5m, found.cache_write_1h), (short, long), "{json}");
    }
}

#[test]
fn what_is_told_beside_the_counts_is_kept_to_the_end() {
    let start = Usage::of(
        r#"{"input_tokens":3,"output_tokens":1,"service_tier":"batch","server_tool_use":{"web_search_requests":1}}"#,
    );
    let started = start.unwrap().anthropic(None);
    let end = Usage::of(r#"{"output_tokens":7,"server_tool_use":{"web_search_requests":3}}"#).unwrap();
    let ended = end.anthropic(started).unwrap();
    assert_eq!((ended.tier, ended.media.web_searches), (ServiceTier::Batch, 3));
    let ended = Usage::of(r#"{"output_tokens":7}"#).unwrap().anthropic(started).unwrap();
    assert_eq!((ended.tier, ended.media.web_searches), (ServiceTier::Batch, 1));
}

#[test]
fn sound_and_images_are_parts_of_their_buckets() {
    let json = r#"{"prompt_tokens":300,"completion_tokens":90,"total_tokens":390,
        "prompt_tokens_details":{"cached_tokens":100,"audio_tokens":150,"image_tokens":60,"cached_tokens_details":{"audio_tokens":80}},
        "completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":70}}"#;
    let media = Usage::of(json).unwrap().openai().unwrap().media;
    assert_eq!((media.audio_in, media.audio_cached, media.image_in, media.audio_out), (70, 80, 60, 70));
    // More than there is stays within it.
    let json = r#"{"input_tokens":10,"output_tokens":5,"input_token_details":{"audio_tokens":99},"output_tokens_details":{"image_tokens":99}}"#;
    let media = Usage::of(json).unwrap().openai().unwrap().media;
    assert_eq!((media.audio_in, media.audio_cached, media.image_out), (10, 0, 5));
}
