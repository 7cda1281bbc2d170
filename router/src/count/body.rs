//! The usage that an answer in one piece reports.
//!
//! ```
//! use tokenrouter::Protocol;
//! use tokenrouter::count::body;
//!
//! let answer = br#"{"content":[],"usage":{"input_tokens":5,"cache_read_input_tokens":70,"output_tokens":2}}"#;
//! let counts = body::read(Protocol::Anthropic, answer).ok_or("no usage")?.counts;
//! assert_eq!((counts.input_uncached, counts.cache_read, counts.output, counts.total()), (5, 70, 2, 77));
//! // A provider that reports nothing is estimated.
//! let counts = body::estimate(br#"{"messages":[{"content":"Hello"}]}"#, br#"{"content":"Hello there"}"#);
//! assert!(counts.input() > 0 && counts.output > 0);
//! # Ok::<(), &str>(())
//! ```

use memchr::memmem;

use super::usage::{self, Usage};
use super::{Counts, Media, Report, estimate, scan};
use crate::protocol::Protocol;
use crate::walk;

/// What `answer` reports; none where it is no JSON, or holds no usage.
///
/// What does not count is stepped over and not parsed: it is most of an answer.
pub fn read(protocol: Protocol, answer: &[u8]) -> Option<Report> {
    match protocol {
        Protocol::Gemini => gemini(answer),
        Protocol::Cohere => {
            let units = walk::last(answer, "usage").or_else(|| named(answer, "meta"));
            usage::cohere::read(units?)
        }
        Protocol::Anthropic => Usage::of(text_of(walk::last(answer, "usage")?)?)?.anthropic(None),
        Protocol::Responses => {
            let mut report = openai(answer)?;
            let output = if has(answer, b"\"web_search_call\"") { walk::last(answer, "output") } else { None };
            report.media.web_searches = report.media.web_searches.max(output.map_or(0, scan::searches));
            Some(report)
        }
        Protocol::OpenAi => {
            let report = openai(answer);
            if report.is_some_and(|report| report.counts != Counts::default()) {
                report
            } else {
                pieces(answer, report)
            }
        }
    }
}

/// OpenAI's form, with the tier and the times that stand beside the usage.
fn openai(answer: &[u8]) -> Option<Report> {
    let told = if answer.len() <= SMALL { Told::walked(answer) } else { Told::sought(answer) };
    let report = Usage::of(text_of(told.usage?)?)?.openai()?;
    let tier = told.tier.map(usage::tier).unwrap_or_default();
    let report = Report { tier: report.tier.max(tier), ..report };
    Some(told.times.map_or(report, |times| usage::timed(report, times)))
}

/// Bytes of an answer that is walked through once sooner than it is searched for each of some names.
const SMALL: usize = 2_048;

/// What OpenAI's form says of usage.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told<'a> {
    usage: Option<&'a [u8]>,
    tier: Option<&'a [u8]>,
    times: Option<&'a [u8]>,
}

impl<'a> Told<'a> {
    fn walked(answer: &'a [u8]) -> Self {
        let (mut told, mut timings) = (Self::default(), None);
        for (name, value) in walk::top(answer) {
            let place = match name {
                b"usage" => &mut told.usage,
                b"service_tier" => &mut told.tier,
                b"time_info" => &mut told.times,
                b"timings" => &mut timings,
                _ => continue,
            };
            *place = Some(value);
        }
        told.times = told.times.or(timings);
        told
    }

    fn sought(answer: &'a [u8]) -> Self {
        Self {
            usage: walk::last(answer, "usage"),
            tier: named(answer, "service_tier"),
            times: named(answer, "time_info").or_else(|| named(answer, "timings")),
        }
    }
}

fn gemini(answer: &[u8]) -> Option<Report> {
    // Gemini streams a list to clients that do not ask for events.
    let is_list = answer.trim_ascii_start().starts_with(b"[");
    let last = if is_list { walk::elements(answer).last()? } else { answer };
    let mut report = usage::gemini::read(walk::last(last, "usageMetadata")?)?;
    report.media.web_searches = if is_list && has(answer, b"\"webSearchQueries\"") {
        walk::elements(answer).map(usage::gemini::searches).max().unwrap_or(0)
    } else {
        usage::gemini::searches(last)
    };
    Some(report)
}

/// What an answer without tokens was made of: images, rankings, seconds of sound.
fn pieces(answer: &[u8], report: Option<Report>) -> Option<Report> {
    let told = report.unwrap_or_default();
    if has(answer, b"\"b64_json\"") || has(answer, b"\"url\"") {
        let is_image = |one: &&[u8]| walk::top(one).any(|(name, _)| matches!(name, b"b64_json" | b"url"));
        let images = named(answer, "data").map_or(0, |list| walk::elements(list).filter(is_image).count() as u64);
        if images > 0 {
            return Some(Report { media: Media { images, ..told.media }, ..told });
        }
    }
    if let Some(units) = named(answer, "meta").filter(|meta| has(meta, b"\"billed_units\"")) {
        return usage::cohere::read(units);
    }
    if told.media.seconds_in == 0
        && let Some(seconds_in) = named(answer, "duration").and_then(usage::seconds)
    {
        return Some(Report { media: Media { seconds_in, ..told.media }, ..told });
    }
    report
}

/// The value of a field that is rarely there.
fn named<'a>(answer: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if has(answer, [b"\"", name.as_bytes(), b"\""].concat().as_slice()) { walk::last(answer, name) } else { None }
}

fn has(answer: &[u8], text: &[u8]) -> bool {
    memmem::find(answer, text).is_some()
}

fn text_of(json: &[u8]) -> Option<&str> {
    str::from_utf8(json).ok()
}

/// Our estimate of what an exchange cost whose provider reported nothing.
pub fn estimate(request: &[u8], answer: &[u8]) -> Counts {
    Counts {
        input_uncached: estimate::request_tokens(request),
        output: estimate::answer_tokens(answer),
        ..Counts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_by_protocol() {
        let body = br#"{"id":"x","usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":2}}"#;
        let counts = |protocol, body| read(protocol, body).unwrap().counts;
        assert_eq!(counts(Protocol::Anthropic, body).input(), 12);
        assert_eq!(counts(Protocol::Responses, body).input(), 5);
        let list = br#"[{"usageMetadata":{"promptTokenCount":1}},{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2}}]"#;
        assert_eq!(counts(Protocol::Gemini, list).total(), 11);
        let cohere = br#"{"usage":{"tokens":{"input_tokens":3,"output_tokens":1}}}"#;
        assert_eq!(counts(Protocol::Cohere, cohere).total(), 4);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":null}"#), None);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":[1]}"#), None);
        assert_eq!(read(Protocol::OpenAi, b"<html>"), None);
        let said = br#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":7}","usage":{"prompt_tokens":8}}}],"usage":{"prompt_tokens":9}} "#;
        assert_eq!(counts(Protocol::OpenAi, said).total(), 9);
    }

    #[test]
    fn times_beside_the_usage_are_read() {
        let of = |body: &[u8]| read(Protocol::OpenAi, body).map(|report| (report.prompt_us, report.generation_us));
        let cerebras = br#"{"usage":{"prompt_tokens":9},"time_info":{"queue_time":0.1,"prompt_time":0.0010744,"completion_time":0.0056,"total_time":0.2}}"#;
        assert_eq!(of(cerebras), Some((1_074, 5_600)));
        let llama = br#"{"usage":{"prompt_tokens":9},"timings":{"prompt_n":9,"prompt_ms":12.5,"predicted_n":3,"predicted_ms":1000.25}}"#;
        assert_eq!(of(llama), Some((12_500, 1_000_250)));
        let both =
            br#"{"usage":{"prompt_tokens":9,"prompt_time":2},"time_info":{"prompt_time":1,"completion_time":"soon"}}"#;
        assert_eq!(of(both), Some((2_000_000, 0)));
        assert_eq!(of(br#"{"usage":{"prompt_tokens":9},"timings":7,"time_info":null}"#), Some((0, 0)));
    }

    #[test]
    fn a_walk_finds_what_a_search_finds() {
        let names = ["usage", "service_tier", "time_info", "timings", "choices", "us\\\"age"];
        let values = ["1", "null", r#""usage""#, r#"{"usage":{"timings":2}}"#, r#"[{"service_tier":"\\"}]"#, " [ ] "];
        // Every object of three such fields.
        for n in 0..(names.len() * values.len()).pow(3) {
            let field = |n: usize| format!("\"{}\" :{}", names[n % 6], values[n / 6 % 6]);
            let json = format!("{{{},{} , {}}} ", field(n), field(n / 36), field(n / 36 / 36));
            assert_eq!(Told::walked(json.as_bytes()), Told::sought(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn what_is_no_text_is_read_too() {
        let of = |body: &[u8]| read(Protocol::OpenAi, body).unwrap();
        let images = of(br#"{"created":1,"data":[{"b64_json":"aa"},{"url":"http://h/x","revised_prompt":"p"}]}"#);
        assert_eq!((images.media.images, images.counts), (2, Counts::default()));
        assert_eq!(of(br#"{"text":"hi","usage":{"type":"duration","seconds":12}}"#).media.seconds_in, 12);
        assert_eq!(of(br#"{"task":"transcribe","duration":8.47,"text":"hi"}"#).media.seconds_in, 9);
        assert_eq!(of(br#"{"results":[],"meta":{"billed_units":{"search_units":3}}}"#).media.queries, 3);
        assert_eq!(read(Protocol::OpenAi, br#"{"data":[{"embedding":[1]}]}"#), None);
        let flex = of(br#"{"service_tier":"flex","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
        assert_eq!(flex.tier, super::super::ServiceTier::Flex);
        let body = br#"{"output":[{"type":"web_search_call","action":{"type":"search"}},{"action":{"type":"open_page"},"type":"web_search_call"},{"type":"message","content":"\"web_search_call\""}],"service_tier":"priority","usage":{"input_tokens":1,"output_tokens":2}}"#;
        let searched = read(Protocol::Responses, body).unwrap();
        assert_eq!((searched.media.web_searches, searched.tier), (1, super::super::ServiceTier::Priority));
    }
}
