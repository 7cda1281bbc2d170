//! Every family of headers in which providers tell their limits, read in one pass over the headers and without allocating.

use http::HeaderMap;

use super::reset::{decimal, reset_ms, window_s};
use super::{Unit, left_permille, structured};
use crate::pick::verdict::{LONGEST_MS, Limits};

/// The most limits that one answer tells of.
pub const MOST: usize = 16;
/// Headers beyond these are not looked at.
const MOST_HEADERS: usize = 256;
/// When a limit is set back that does not say so, in milliseconds.
const USUAL_RESET_MS: u64 = 60_000;

/// One limit as an answer tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told<'h> {
    /// What the vendor sets apart by the beginning of the header: `priority`, `unified`; empty for the usual.
    pub group: &'static str,
    /// What is limited in the vendor's words: `requests`, `input-tokens`; empty where it does not say.
    pub name: &'h str,
    /// In which time, in seconds; 0 where it does not say.
    pub window_s: u32,
    /// How much there is in the window.
    pub limit: Option<u64>,
    /// What is left of it.
    pub left: Option<u64>,
    /// What was used of it, where that is told.
    pub used: Option<u64>,
    /// What was used of it, in thousandths, where only that is told.
    pub used_permille: Option<u64>,
    /// In how many milliseconds it is set back.
    pub reset_ms: Option<u64>,
}

impl Told<'_> {
    /// What is counted.
    pub fn unit(&self) -> Unit {
        if self.used_permille.is_some() || self.group == "unified" {
            Unit::Percent
        } else if self.name.contains("token") {
            Unit::Tokens
        } else {
            Unit::Requests
        }
    }

    /// How much there is in the window.
    pub fn limit(&self) -> Option<u64> {
        if self.unit() == Unit::Percent { Some(1_000) } else { self.limit }
    }

    /// What is left of it.
    pub fn left(&self) -> Option<u64> {
        let unused = self.used_permille.map(|used| 1_000_u64.saturating_sub(used));
        let rest = || Some(self.limit?.saturating_sub(self.used?));
        let left = self.left.or(unused).or_else(rest)?;
        Some(self.limit().map_or(left, |limit| left.min(limit)))
    }

    /// The same in thousandths.
    pub fn left_permille(&self) -> Option<u32> {
        left_permille(self.limit(), self.left())
    }

    fn is_said(&self) -> bool {
        // A limit of nothing is how some say that there is none.
        self.left().is_some() && self.limit != Some(0)
    }
}

/// What one answer tells of limits.
#[derive(Clone, Debug)]
pub struct Reading<'h> {
    all: [Told<'h>; MOST],
    count: usize,
}

impl<'h> Reading<'h> {
    const fn new() -> Self {
        const NOTHING: Told<'static> = Told {
            group: "",
            name: "",
            window_s: 0,
            limit: None,
            left: None,
            used: None,
            used_permille: None,
            reset_ms: None,
        };
        Self { all: [NOTHING; MOST], count: 0 }
    }

    /// Each limit.
    pub fn told(&self) -> impl Iterator<Item = &Told<'h>> {
        self.all.iter().take(self.count).filter(|told| told.is_said())
    }

    /// Whether it tells of none.
    pub fn is_empty(&self) -> bool {
        self.told().next().is_none()
    }

    /// The limit that is nearest, as choosing goes by it.
    pub fn nearest(&self) -> Option<Limits> {
        let each = self.told().filter_map(|told| {
            let reset_ms = told.reset_ms.unwrap_or(USUAL_RESET_MS).min(LONGEST_MS);
            Some(Limits { left_permille: told.left_permille()?, reset_ms })
        });
        each.min_by_key(|limits| limits.left_permille)
    }

    /// The entry of this limit; none where too many were told of.
    pub(super) fn entry(&mut self, group: &'static str, name: &'h str, window_s: u32) -> Option<&mut Told<'h>> {
        self.found(Told { group, name, window_s, ..Told::default() }, |told, wanted| told.window_s == wanted.window_s)
    }

    /// The entry of this policy, whatever is known of its window.
    pub(super) fn policy(&mut self, name: &'h str) -> Option<&mut Told<'h>> {
        self.found(Told { group: POLICY, name, ..Told::default() }, |_, _| true)
    }

    fn found(&mut self, wanted: Told<'h>, too: impl Fn(&Told<'_>, &Told<'_>) -> bool) -> Option<&mut Told<'h>> {
        let is_it = |told: &Told<'_>| told.group == wanted.group && told.name == wanted.name && too(told, &wanted);
        let at = self.all.iter().take(self.count).position(is_it).unwrap_or(self.count);
        let entry = self.all.get_mut(at)?;
        if at == self.count {
            *entry = wanted;
            self.count += 1;
        }
        Some(entry)
    }
}

/// What part of a limit a header tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Limit,
    Left,
    Used,
    Reset,
    Utilization,
    Status,
}

impl Part {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "limit" => Self::Limit,
            "remaining" => Self::Left,
            "used" => Self::Used,
            "reset" => Self::Reset,
            "utilization" => Self::Utilization,
            "status" => Self::Status,
            _ => return None,
        })
    }
}

/// How the names of a family begin, and what that sets apart.
const FAMILIES: [(&str, &str); 11] = [
    // OpenAI, Azure, Groq, Cerebras, Mistral, xAI, OpenRouter, Fireworks, Together and most others.
    ("x-ratelimit-", ""),
    ("ratelimit-", ""),
    ("x-rate-limit-", ""),
    ("anthropic-ratelimit-unified-", "unified"),
    ("anthropic-ratelimit-", ""),
    ("anthropic-priority-", "priority"),
    ("anthropic-fast-", "fast"),
    // Mistral and Together, for tokens.
    ("x-ratelimitbysize-", "tokens"),
    ("ratelimitbysize-", "tokens"),
    ("x-tokenlimit-", "tokens"),
    // Cohere.
    ("x-trial-endpoint-call-", "trial"),
];
/// Limits that structured fields tell.
const POLICY: &str = "policy";
/// Cohere's calls of a month.
const MONTHLY: &str = "x-endpoint-monthly-call-";

/// What `headers` tell of limits.
pub fn read(headers: &HeaderMap, now_unix_ms: i64) -> Reading<'_> {
    let mut reading = Reading::new();
    for (name, value) in headers.iter().take(MOST_HEADERS) {
        let name = name.as_str();
        // Most headers are told from these by their first letters.
        if !matches!(name.as_bytes().first(), Some(b'x' | b'r' | b'a')) {
            continue;
        }
        if matches!(name, "ratelimit" | "ratelimit-policy") {
            if let Ok(text) = value.to_str() {
                structured::read(&mut reading, text, now_unix_ms);
            }
            continue;
        }
        let family = FAMILIES.into_iter().find_map(|(start, group)| Some((name.strip_prefix(start)?, group)));
        let (rest, group, window) = match (family, name.strip_prefix(MONTHLY)) {
            (Some((rest, group)), _) => (rest, group, 0),
            (None, Some(rest)) => (rest, "", 2_592_000),
            (None, None) => continue,
        };
        if let Ok(text) = value.to_str() {
            note(&mut reading, rest, group, window, text.trim(), now_unix_ms);
        }
    }
    reading
}

/// Notes what the header `rest`, without the name of its family, tells.
fn note<'h>(reading: &mut Reading<'h>, rest: &'h str, group: &'static str, window: u32, text: &str, now_ms: i64) {
    let Some((part, subject)) = split(rest) else { return };
    let (name, window_s) = match subject.rsplit_once('-') {
        _ if window > 0 => ("requests", window),
        Some((name, last)) => window_s(last).map_or((subject, 0), |s| (name, s)),
        None => window_s(subject).map_or((subject, 0), |s| ("", s)),
    };
    let (group, name) = match (group, name) {
        // Their tokens are tokens like any other's.
        ("tokens", _) => ("", "tokens"),
        (group, "req" | "request") => (group, "requests"),
        (group, "token") => (group, "tokens"),
        (group, name) => (group, name),
    };
    let number = || number(text);
    let reset = if part == Part::Reset { reset_ms(text, now_ms) } else { None };
    let is_refused = part == Part::Status && matches!(text, "rejected" | "exceeded" | "blocked");
    let utilization = if part == Part::Utilization { fraction(text) } else { None };
    let said = match part {
        Part::Limit | Part::Left | Part::Used => number(),
        Part::Reset => reset,
        Part::Utilization => utilization,
        Part::Status => is_refused.then_some(0),
    };
    let Some(said) = said else { return };
    let Some(entry) = reading.entry(group, name, window_s) else { return };
    match part {
        Part::Limit => entry.limit = Some(said),
        Part::Left | Part::Status => entry.left = Some(entry.left.map_or(said, |left| left.min(said))),
        Part::Used => entry.used = Some(said),
        Part::Reset => entry.reset_ms = Some(said),
        Part::Utilization => entry.used_permille = Some(said),
    }
}

/// `limit-requests-day` and `requests-limit` alike: the part, and what it is a part of.
fn split(rest: &str) -> Option<(Part, &str)> {
    if let Some(part) = Part::named(rest) {
        return Some((part, ""));
    }
    let first = rest.split_once('-').and_then(|(word, rest)| Some((Part::named(word)?, rest)));
    first.or_else(|| rest.rsplit_once('-').and_then(|(rest, word)| Some((Part::named(word)?, rest))))
}

/// A number of things: the first of a list such as `10, 10;w=60`.
fn number(text: &str) -> Option<u64> {
    let first = text.split([',', ';']).next()?.trim();
    match first.parse::<u64>() {
        Ok(whole) => Some(whole),
        Err(_) => decimal(first.parse::<f64>().ok()?.floor()),
    }
}

/// A share of one, in thousandths; more than all is all.
fn fraction(text: &str) -> Option<u64> {
    decimal(text.parse::<f64>().ok()? * 1_000.0).map(|used| used.min(1_000))
}

#[cfg(test)]
mod tests;
