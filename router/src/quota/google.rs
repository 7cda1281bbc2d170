//! Google tells of limits only when one is reached: the quotas that were exceeded stand in the error's details.

use std::borrow::Cow;

use serde::Deserialize;

use super::Unit;
use super::reset::{reset_ms, window_s};

/// The most quotas of one error.
const MOST: usize = 8;

/// A quota that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Google's name for it.
    pub name: String,
    /// In which time, in seconds; 0 where its name does not say.
    pub window_s: u32,
    /// What is counted.
    pub unit: Unit,
    /// How much there is in the window.
    pub limit: Option<u64>,
    /// In how many milliseconds to ask again.
    pub reset_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: Failure<'a>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(default, borrow)]
    details: Vec<Detail<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(default, borrow)]
    violations: Vec<Violation<'a>>,
    #[serde(default, borrow)]
    retry_delay: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Violation<'a> {
    #[serde(default, borrow)]
    quota_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    quota_value: Option<Cow<'a, str>>,
}

/// The quotas that the error in `body` says were exceeded; none where it is no such error.
pub fn exceeded(body: &[u8], now_unix_ms: i64) -> Vec<Exceeded> {
    // Most errors are not about this and need not be read.
    if memchr::memmem::find(body, b"quotaId").is_none() {
        return Vec::new();
    }
    // Google's own API answers with an object, its copy of OpenAI's with a list of one, which would do for an object too.
    let read = serde_json::from_slice::<[Body<'_>; 1]>(body).map(|[only]| only);
    let read = read.or_else(|_| serde_json::from_slice::<Body<'_>>(body));
    let Ok(Body { error }) = read else { return Vec::new() };
    let delay = error.details.iter().find_map(|detail| reset_ms(detail.retry_delay.as_deref()?, now_unix_ms));
    let violations = error.details.iter().flat_map(|detail| &detail.violations).take(MOST);
    violations.filter_map(|violation| exceeded_one(violation, delay)).collect()
}

fn exceeded_one(violation: &Violation<'_>, reset_ms: Option<u64>) -> Option<Exceeded> {
    let id = violation.quota_id.as_deref()?;
    // `GenerateRequestsPerDayPerProjectPerModel-FreeTier`
    let mut words = id.split("Per").skip(1).map(|word| word.split('-').next().unwrap_or_default().to_ascii_lowercase());
    let window = words.find_map(|word| window_s(&word));
    let name: String = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    Some(Exceeded {
        unit: if name.contains("Token") { Unit::Tokens } else { Unit::Requests },
        name,
        window_s: window.unwrap_or(0),
        limit: violation.quota_value.as_deref().and_then(|value| value.parse().ok()),
        reset_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
            {"quotaMetric":"generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaDimensions":{"location":"global","model":"gemini-2.5-pro"},"quotaValue":"50"},
            {"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier"}]},
        {"@type":"type.googleapis.com/google.rpc.Help","links":[]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"18.5s"}]}}"#;

    #[test]
    fn what_was_exceeded_is_told_by_both_of_its_surfaces() {
        for body in [ERROR.to_owned(), format!("[{ERROR}]")] {
            let all = exceeded(body.as_bytes(), 0);
            assert_eq!(all.len(), 2);
            assert_eq!(
                all[0],
                Exceeded {
                    name: "GenerateRequestsPerDayPerProjectPerModel-FreeTier".into(),
                    window_s: 86_400,
                    unit: Unit::Requests,
                    limit: Some(50),
                    reset_ms: Some(18_500),
                }
            );
            assert_eq!((all[1].unit, all[1].limit, all[1].window_s), (Unit::Tokens, None, 60));
        }
    }

    #[test]
    fn another_error_is_none_of_it() {
        for body in ["", "{}", "quotaId", r#"{"error":"quotaId"}"#, r#"[{"error":{"details":[{"quotaId":1}]}},2]"#] {
            assert_eq!(exceeded(body.as_bytes(), 0), Vec::new(), "{body}");
        }
    }
}
