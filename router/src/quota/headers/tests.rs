//! Every family of headers as its vendor writes it, and what no vendor should.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_700_000_000_000;

fn headers(text: &str) -> HeaderMap {
    let pairs = text.lines().filter_map(|line| line.trim().split_once(": "));
    pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

/// Each limit in short: `group/name@window left/limit reset`.
fn shown(text: &str) -> Vec<String> {
    let headers = headers(text);
    let reading = read(&headers, NOW);
    let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut all: Vec<String> = reading
        .told()
        .map(|told| {
            let (left, limit) = (number(told.left()), number(told.limit()));
            let Told { group, name, window_s, .. } = told;
            format!("{group}/{name}@{window_s} {left}/{limit} {} {}", told.unit().as_str(), number(told.reset_ms))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_family_is_read_as_its_vendor_writes_it() {
    let families: [(&str, &str, &[&str]); 16] = [
        (
            "OpenAI",
            "x-ratelimit-limit-requests: 60
             x-ratelimit-limit-tokens: 150000
             x-ratelimit-remaining-requests: 59
             x-ratelimit-remaining-tokens: 149984
             x-ratelimit-reset-requests: 1s
             x-ratelimit-reset-tokens: 6m0s",
            &["/requests@0 59/60 requests 1000", "/tokens@0 149984/150000 tokens 360000"],
        ),
        (
            "Anthropic",
            "anthropic-ratelimit-requests-limit: 50
             anthropic-ratelimit-requests-remaining: 49
             anthropic-ratelimit-requests-reset: 2023-11-14T22:13:30Z
             anthropic-ratelimit-input-tokens-limit: 30000
             anthropic-ratelimit-input-tokens-remaining: 28000
             anthropic-ratelimit-input-tokens-reset: 2023-11-14T22:14:20Z
             anthropic-priority-output-tokens-limit: 1000
             anthropic-priority-output-tokens-remaining: 7
             anthropic-ratelimit-tokens-limit: 80000
             anthropic-ratelimit-tokens-remaining: 80000",
            &[
                "/input-tokens@0 28000/30000 tokens 60000",
                "/requests@0 49/50 requests 10000",
                "/tokens@0 80000/80000 tokens ?",
                "priority/output-tokens@0 7/1000 tokens ?",
            ],
        ),
        (
            "Anthropic's windows of a subscription",
            "anthropic-ratelimit-unified-status: allowed_warning
             anthropic-ratelimit-unified-reset: 1700000600
             anthropic-ratelimit-unified-5h-status: allowed
             anthropic-ratelimit-unified-5h-utilization: 0.423
             anthropic-ratelimit-unified-5h-reset: 1700000600
             anthropic-ratelimit-unified-7d-utilization: 1.02
             anthropic-ratelimit-unified-7d-reset: 1700060000
             anthropic-ratelimit-unified-representative-claim: five_hour",
            &["unified/@18000 577/1000 percent 600000", "unified/@604800 0/1000 percent 60000000"],
        ),
        (
            "the same when it is refused",
            "anthropic-ratelimit-unified-status: rejected
             anthropic-ratelimit-unified-reset: 1700000600",
            &["unified/@0 0/1000 percent 600000"],
        ),
        (
            "Groq",
            "x-ratelimit-limit-requests: 14400
             x-ratelimit-limit-tokens: 18000
             x-ratelimit-remaining-requests: 14370
             x-ratelimit-remaining-tokens: 17997
             x-ratelimit-reset-requests: 2m59.56s
             x-ratelimit-reset-tokens: 7.66s
             retry-after: 2",
            &["/requests@0 14370/14400 requests 179560", "/tokens@0 17997/18000 tokens 7660"],
        ),
        (
            "Cerebras",
            "x-ratelimit-limit-requests-day: 1000000000
             x-ratelimit-limit-tokens-minute: 1000000000
             x-ratelimit-remaining-requests-day: 999997455
             x-ratelimit-remaining-tokens-minute: 999994057
             x-ratelimit-reset-requests-day: 33011.382867
             x-ratelimit-reset-tokens-minute: 11.38",
            &["/requests@86400 999997455/1000000000 requests 33011383", "/tokens@60 999994057/1000000000 tokens 11380"],
        ),
        (
            "Mistral",
            "x-ratelimit-limit-req-minute: 60
             x-ratelimit-remaining-req-minute: 58
             x-ratelimit-limit-tokens-month: 1000000
             x-ratelimit-remaining-tokens-month: 999000
             x-ratelimit-tokens-query-cost: 12
             x-ratelimitbysize-limit-minute: 500000
             x-ratelimitbysize-remaining-minute: 499000
             ratelimitbysize-reset: 31
             ratelimitbysize-query-cost: 32003",
            &[
                "/requests@60 58/60 requests ?",
                "/tokens@2592000 999000/1000000 tokens ?",
                "/tokens@60 499000/500000 tokens ?",
            ],
        ),
        (
            "Hugging Face",
            "ratelimit: \"api\";r=489;t=189
             ratelimit-policy: \"fixed window\";\"api\";q=500;w=300",
            &["policy/api@300 489/500 requests 189000"],
        ),
        (
            "the IETF's draft, with two policies",
            "ratelimit-policy: \"burst\";q=100;w=60,\"daily\";q=1000;w=86400
             ratelimit: \"burst\";r=0;t=5, \"daily\";r=900;t=7200",
            &["policy/burst@60 0/100 requests 5000", "policy/daily@86400 900/1000 requests 7200000"],
        ),
        ("the draft before", "ratelimit: limit=100, remaining=50, reset=30", &["/@0 50/100 requests 30000"]),
        (
            "the first draft",
            "ratelimit-limit: 10, 10;w=1, 50;w=60\nratelimit-remaining: 1\nratelimit-reset: 7",
            &["/@0 1/10 requests 7000"],
        ),
        (
            "Azure, which does not tell the whole",
            "x-ratelimit-remaining-requests: 0\nx-ratelimit-remaining-tokens: 11",
            &["/requests@0 0/? requests ?", "/tokens@0 11/? tokens ?"],
        ),
        (
            "OpenRouter",
            "x-ratelimit-limit: 20\nx-ratelimit-remaining: 19\nx-ratelimit-reset: 1700000009000",
            &["/@0 19/20 requests 9000"],
        ),
        (
            "Fireworks",
            "x-ratelimit-limit-tokens-prompt: 60000
             x-ratelimit-remaining-tokens-prompt: 59000
             x-ratelimit-over-limit: no",
            &["/tokens-prompt@0 59000/60000 tokens ?"],
        ),
        (
            "Together",
            "x-ratelimit-limit: 10
             x-ratelimit-remaining: 9
             x-ratelimit-reset: 1
             x-tokenlimit-limit: 3000
             x-tokenlimit-remaining: 2998",
            &["/@0 9/10 requests 1000", "/tokens@0 2998/3000 tokens ?"],
        ),
        (
            "Cohere",
            "x-trial-endpoint-call-limit: 40
             x-trial-endpoint-call-remaining: 38
             x-endpoint-monthly-call-limit: 1000
             x-endpoint-monthly-call-remaining: 990",
            &["/requests@2592000 990/1000 requests ?", "trial/@0 38/40 requests ?"],
        ),
    ];
    for (vendor, text, expected) in families {
        assert_eq!(shown(text), expected, "{vendor}");
    }
}

#[test]
fn nonsense_tells_nothing() {
    for (limit, left) in [
        ("NaN", "NaN"),
        ("-1", "-1"),
        ("", ""),
        ("inf", "-inf"),
        ("0", "0"),
        ("100", "-5"),
        ("100", "many"),
        ("0x10", "0x1"),
        ("\u{e9}", "\u{e9}"),
    ] {
        let text = format!("x-ratelimit-limit-requests: {limit}\nx-ratelimit-remaining-requests: {left}");
        assert_eq!(shown(&text), Vec::<String>::new(), "{limit} {left}");
    }
    assert_eq!(shown("x-ratelimit-reset: 5\nx-ratelimit-limit: 9\nx-request-id: 1\nanthropic-version: 2"), [""; 0]);
    assert_eq!(
        shown("x-ratelimit-limit: 1e999\nx-ratelimit-remaining: 99999999999999999999999999"),
        ["/@0 1000000000000000/? requests ?"],
        "however much, it is a number"
    );
    let huge = shown("x-ratelimit-limit: 18446744073709551615\nx-ratelimit-remaining: 18446744073709551615");
    assert_eq!(huge, ["/@0 18446744073709551615/18446744073709551615 requests ?"]);
}

#[test]
fn ten_thousand_headers_cost_no_more_than_a_few() {
    let mut many = HeaderMap::new();
    for n in 0..10_000 {
        let name: HeaderName = format!("x-ratelimit-remaining-thing-{n}").parse().unwrap();
        many.insert(name, HeaderValue::from_static("1"));
    }
    assert!(read(&many, NOW).told().count() <= MOST);
}

#[test]
fn the_nearest_limit_is_what_choosing_goes_by() {
    let headers = headers(
        "x-ratelimit-limit-requests: 100
         x-ratelimit-remaining-requests: 50
         x-ratelimit-limit-tokens: 1000
         x-ratelimit-remaining-tokens: 49
         x-ratelimit-reset-tokens: 9999h",
    );
    assert_eq!(read(&headers, NOW).nearest(), Some(Limits { left_permille: 49, reset_ms: LONGEST_MS }));
    let unknown = self::headers("x-ratelimit-remaining-tokens: 11");
    assert_eq!(read(&unknown, NOW).nearest(), None, "of what it is a part nobody knows");
}

proptest! {
    #[test]
    fn whatever_is_sent_is_read_within_bounds(
        pairs in proptest::collection::vec((0..FAMILIES.len(), "[a-z0-9-]{0,24}", "[ -~]{0,40}"), 0..40),
        fields in proptest::collection::vec("[ -~]{0,80}", 0..4),
    ) {
        let mut headers = HeaderMap::new();
        for (family, rest, value) in pairs {
            if let Ok(name) = format!("{}{rest}", FAMILIES[family].0).parse::<HeaderName>() {
                headers.append(name, HeaderValue::from_str(&value).unwrap());
            }
        }
        for value in fields {
            headers.append("ratelimit", HeaderValue::from_str(&value).unwrap());
        }
        let reading = read(&headers, NOW);
        prop_assert!(reading.told().count() <= MOST);
        for told in reading.told() {
            prop_assert!(told.left_permille().is_none_or(|left| left <= 1_000));
            prop_assert!(told.reset_ms.is_none_or(|ms| ms <= super::super::reset::FURTHEST_MS));
        }
    }
}
