//! `[conversations]`: what was asked and answered, kept only where somebody switches that on.

use regex_automata::nfa::thompson::{self, pikevm};
use regex_automata::util::syntax;

use super::section::Section;

/// The most patterns of an operator's own.
const MOST_PATTERNS: usize = 100;
/// The largest of them, compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// How conversations are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversations {
    /// Whether they are kept at all.
    pub enabled: bool,
    /// The most requests that are kept; the longest untouched conversations go first.
    pub max_items: u64,
    /// Days after which a conversation that nobody continued goes.
    pub max_age_days: u32,
    /// The most that they take up on the disk, in bytes.
    pub size_bytes: u64,
    /// The most that is kept of a request, and of an answer, beyond what its conversation has already, in bytes.
    pub exchange_bytes: usize,
    /// Whether those of programs on this machine without a key are kept too.
    pub loopback: bool,
    /// Regular expressions of what is secret besides.
    pub redact: Vec<String>,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            enabled: false,
            max_items: 5_000,
            max_age_days: 30,
            size_bytes: 2 << 30,
            exchange_bytes: 2 << 20,
            loopback: false,
            redact: Vec::new(),
        }
    }
}

impl Conversations {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut read = Self::default();
        section.set_bool("enabled", &mut read.enabled);
        section.set_integer("max_items", 1..1_000_000_001, &mut read.max_items);
        section.set_integer("max_age_days", 1..3_651, &mut read.max_age_days);
        if let Some(bytes) = section.take("size").and_then(|field| field.size(1 << 20..=1 << 42)) {
            read.size_bytes = bytes;
        }
        if let Some(bytes) = section.take("exchange").and_then(|field| field.size(1 << 10..=64 << 20)) {
            read.exchange_bytes = usize::try_from(bytes).unwrap_or(read.exchange_bytes);
        }
        section.set_bool("loopback", &mut read.loopback);
        if let Some(field) = section.take("redact") {
            for element in field.elements("a list of regular expressions, such as [\"EMP-[0-9]{6}\"]") {
                let Some(text) = element.string() else { continue };
                match pattern(text) {
                    Ok(_) if read.redact.len() >= MOST_PATTERNS => {
                        element.refuse(format!("there are more than {MOST_PATTERNS} patterns"), "join some with `|`");
                    }
                    Ok(_) => read.redact.push(text.to_owned()),
                    Err(why) => element
                        .refuse(format!("this is no regular expression: {why}"), "write one such as \"EMP-[0-9]{6}\""),
                }
            }
        }
        section.finish();
        read
    }
}

/// A pattern of an operator's own, ready to look for; letters, digits and blanks mean those of ASCII.
///
/// # Errors
///
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<pikevm::PikeVM, String> {
    pikevm::Builder::new()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_PATTERN_BYTES)))
        .build(text)
        .map_err(|e| {
            // The parser draws a picture; its last line is the sentence.
            let (mut why, mut source) = (e.to_string(), std::error::Error::source(&e));
            while let Some(inner) = source {
                (why, source) = (inner.to_string(), inner.source());
            }
            why.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
        })
}

/// What the test of every key says.
#[cfg(test)]
pub(super) fn example() -> Conversations {
    Conversations {
        enabled: true,
        max_items: 9,
        max_age_days: 8,
        size_bytes: 3 << 20,
        exchange_bytes: 4 << 10,
        loopback: true,
        redact: vec!["EMP-[0-9]{6}".to_owned()],
    }
}
