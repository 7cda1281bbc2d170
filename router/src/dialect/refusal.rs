//! Recognises answers that refuse a parameter because the model does not take it, and says how to ask again without it.
//!
//! Careful rather than clever: the sentence must be one that refuses, and what it is about must be a [`Parameter`].
//! Whatever refuses a value that nobody takes, or something that changes what is asked, is the client's to know.

use super::Dialect;
use super::finding::{Finding, Remedy, value_of};
use super::parameter::{Meaning, Parameter, meaning};
use super::told::{self, Told};
use crate::Protocol;
use crate::chat::request::Level;

/// An answer that refuses parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    refused: Vec<Refused>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    parameter: Parameter,
    /// The other field that it may not stand beside; none where it is refused by itself.
    beside: Option<&'static str>,
    /// The sentence, in small letters.
    said: String,
}

/// What sentences that refuse a parameter say.
const REFUSES: &[&str] = &[
    "not supported",
    "unsupported",
    "not support",
    "n't support",
    "unknown parameter",
    "unknown field",
    "unknown name",
    "unknown argument",
    "unrecognized",
    "unexpected keyword argument",
    "unexpected parameter",
    "unexpected field",
    "not permitted",
    "extra_forbidden",
    "extraneous key",
    "not enabled for",
    "not available for",
    "is deprecated for this model",
    "is not a valid field",
    "is not allowed",
    "only 1 is allowed",
    "only the default",
    "may only be set to 1",
    "must be unset",
    "or unset when",
    "can't be disabled",
    "cannot be disabled",
    "cannot both be specified",
    "only works in thinking mode",
    "cannot be set to 0",
    "unknown variant",
    "does not match any of the expected tags",
    "is not one of",
    "must be verified to",
    "not recognized",
];
/// Codes that say the same.
const CODES: &[&str] = &["unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"];
/// What names one thing to leave out, better than the sentence before it.
const REMOVE: &[&str] = &["remove "];
/// Behind these a list may stand.
const LISTS: &[&str] = &["arguments supplied:", "parameters:", "unknown name"];
/// Names in words.
const SPOKEN: [(&str, &str); 3] = [
    ("thinking level", "thinking_level"),
    ("thinking budget", "thinking_budget"),
    ("reasoning effort", "reasoning_effort"),
];
/// A model that cannot do without thinking.
const ALWAYS: &[&str] = &["can't be disabled", "cannot be disabled", "only works in thinking mode"];
/// From here on a sentence says beside what or for whom it is so.
const TAILS: &[&str] = &[" when ", " with ", " if ", " while ", " unless "];
/// What a parameter may not stand beside.
const BESIDE: &[&str] = &["thinking", "tools", "temperature", "top_p", "response_format", "reasoning_effort", "stream"];

impl Refusal {
    /// The refusal that an error answer with `status` is; none where it says anything else, or refuses something that
    /// no request can do without. A `status` of 0 stands for an error inside a stream.
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        if !matches!(status, 0 | 200 | 400 | 422) {
            return None;
        }
        let mut refused: Vec<Refused> = Vec::new();
        for told in told::read(body) {
            match subjects(&told) {
                Subjects::None => {}
                Subjects::Kept => return None,
                Subjects::These(these) => {
                    for one in these {
                        if !refused.iter().any(|known| known.parameter == one.parameter) {
                            refused.push(one);
                        }
                    }
                }
            }
        }
        (!refused.is_empty()).then_some(Self { refused })
    }

    /// What is learnt from it of whoever refused `sent`, a request in `protocol`; nothing that the request did not say.
    pub fn findings(&self, protocol: Protocol, sent: &[u8]) -> Vec<Finding> {
        let findings = self.refused.iter().map(|refused| refused.finding(protocol, sent));
        findings.filter(|finding| finding.concerns(protocol, sent)).collect()
    }
}

impl Refused {
    fn finding(&self, protocol: Protocol, sent: &[u8]) -> Finding {
        let Self { parameter, beside, said } = self;
        // Gemini is told not to think by a budget of nothing.
        let is_budget = protocol == Protocol::Gemini && *parameter == Parameter::Thinking && self.is_always();
        let parameter = if is_budget { &Parameter::ThinkingBudget } else { parameter };
        let plain = |remedy| Finding { parameter: *parameter, value: None, beside: *beside, remedy };
        match parameter {
            Parameter::OldLimit => return plain(Remedy::Rename("max_completion_tokens")),
            Parameter::NewLimit => return plain(Remedy::Rename("max_tokens")),
            Parameter::DeveloperRole => return plain(Remedy::Say("\"system\"".into())),
            _ => {}
        }
        let Some(value) = value_of(*parameter, protocol, sent).filter(|value| self.is_about(value)) else {
            return plain(Remedy::LeaveOut);
        };
        let only = |remedy| Finding { value: Some(value.as_str().into()), ..plain(remedy) };
        if *parameter == Parameter::Thinking && value == "enabled" && said.contains("adaptive") {
            return only(Remedy::Say(r#"{"type":"adaptive"}"#.into()));
        }
        match self.nearest(&value) {
            Some(level) => only(Remedy::Say(format!("\"{level}\"").into())),
            None => only(Remedy::LeaveOut),
        }
    }

    fn is_always(&self) -> bool {
        ALWAYS.iter().any(|always| self.said.contains(always))
    }

    /// Whether it refuses this value and perhaps no other.
    fn is_about(&self, value: &str) -> bool {
        let is_any = ["only the default", "only 1 is allowed", "may only be set to 1"];
        if value.len() > 64 || is_any.iter().any(|said| self.said.contains(said)) {
            return false;
        }
        let value = value.to_ascii_lowercase();
        if value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-')) {
            // Numbers stand in names of models, too.
            let is_budget = matches!(self.parameter, Parameter::ThinkingBudget | Parameter::Thinking);
            return is_budget && (words(&self.said).any(|word| word == value) || value == "0" && self.is_always());
        }
        let is_off = matches!(value.as_str(), "none" | "disabled" | "minimal");
        let is_word = |word: &str| word == value || word.rsplit('.').next() == Some(value.as_str());
        words(&self.said).any(is_word) && !matches!(value.as_str(), "true" | "false") || is_off && self.is_always()
    }

    /// The level next to `value` of those that it says are known.
    fn nearest(&self, value: &str) -> Option<String> {
        if !matches!(self.parameter, Parameter::Effort | Parameter::ThinkingLevel | Parameter::Thinking) {
            return None;
        }
        let starts = ["supported values", "supported levels", "allowed values", "valid values", "expected one of"];
        let (_, list) = starts.iter().find_map(|start| self.said.split_once(start))?;
        let known: Vec<Level> = words(list).filter_map(level).collect();
        let wanted = level(&value.to_ascii_lowercase())?;
        if known.is_empty() || known.contains(&wanted) {
            return None;
        }
        let nearest = Dialect::default().knowing(&known).nearest(wanted);
        let name = LEVELS.iter().find(|(_, level)| *level == nearest)?.0;
        // Gemini shouts.
        let is_upper = value.bytes().all(|b| !b.is_ascii_lowercase());
        Some(if is_upper { name.to_ascii_uppercase() } else { name.to_owned() })
    }
}

const LEVELS: [(&str, Level); 7] = [
    ("none", Level::None),
    ("minimal", Level::Minimal),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("xhigh", Level::XHigh),
    ("max", Level::Max),
];

fn level(word: &str) -> Option<Level> {
    LEVELS.iter().find(|(name, _)| *name == word).map(|(_, level)| *level)
}

/// What a sentence is about.
enum Subjects {
    /// It refuses nothing, or nobody knows what.
    None,
    /// It refuses something that stays.
    Kept,
    /// It refuses these.
    These(Vec<Refused>),
}

fn subjects(told: &Told) -> Subjects {
    let mut said = told.message.to_ascii_lowercase();
    for (words, name) in SPOKEN {
        said = said.replace(words, name);
    }
    let is_refused = CODES.contains(&told.code.as_str()) || REFUSES.iter().any(|phrase| said.contains(phrase));
    // A word that nobody knows is a slip of the client.
    if !is_refused || told.code == "invalid_value" {
        return Subjects::None;
    }
    if is_about_developer(&said) {
        let one = Refused { parameter: Parameter::DeveloperRole, beside: None, said };
        return Subjects::These(vec![one]);
    }
    if said.starts_with("encrypted content is not supported") {
        return Subjects::These(vec![Refused { parameter: Parameter::Include, beside: None, said }]);
    }
    let refused = |parameter, beside| Refused { parameter, beside, said: said.clone() };
    let sentence = sentence(&said);
    let (head, tail) = TAILS
        .iter()
        .filter_map(|tail| sentence.split_once(tail))
        .min_by_key(|(head, _)| head.len())
        .unwrap_or((sentence, ""));
    let beside = tokens(tail).find_map(|(word, _)| BESIDE.iter().copied().find(|name| *name == word));
    match meaning(&told.param, true) {
        Some(Meaning::Kept) => return Subjects::Kept,
        Some(Meaning::Droppable(parameter)) => return Subjects::These(vec![refused(parameter, beside)]),
        None => {}
    }
    let named: Vec<Meaning> = tokens(head).filter_map(|(word, is_quoted)| meaning(word, is_quoted)).collect();
    if said.contains("cannot both be specified") {
        // The one that says less of the two.
        let [Meaning::Droppable(first), .., Meaning::Droppable(last)] = named.as_slice() else { return Subjects::None };
        let beside = first.places(Protocol::Anthropic).first().copied();
        return Subjects::These(vec![refused(*last, beside)]);
    }
    let wanted = if LISTS.iter().any(|list| sentence.contains(list)) { named.len() } else { 1 };
    let mut these = Vec::new();
    for meaning in named.into_iter().take(wanted) {
        match meaning {
            Meaning::Kept => return Subjects::Kept,
            Meaning::Droppable(parameter) => these.push(refused(parameter, beside)),
        }
    }
    if these.is_empty() { Subjects::None } else { Subjects::These(these) }
}

/// The role `developer` is not known: it stands in the path of a message, or in a list of roles.
fn is_about_developer(said: &str) -> bool {
    words(said).any(|word| word == "developer") && said.contains("role")
}

/// The sentence that says it: what to remove, or else the first that refuses.
fn sentence(said: &str) -> &str {
    // Google has one for each field.
    if said.matches("unknown name").nth(1).is_some() {
        return said;
    }
    let sentences = || said.split(['\n', ';']).flat_map(|line| line.split(". "));
    let removes = sentences().find_map(|s| {
        let (_, rest) = REMOVE.iter().find_map(|remove| s.split_once(remove))?;
        (rest.contains("from your request") || rest.contains("try again")).then_some(rest)
    });
    let refuses = || sentences().find(|s| REFUSES.iter().any(|phrase| s.contains(phrase)));
    removes.or_else(refuses).unwrap_or(said)
}

/// The words of `text` as names are made of them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).map(|(word, _)| word)
}

/// The same, and whether each stands in quotes or says before a colon what its sentence is about.
fn tokens(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let start = from + rest.find(is_name)?;
        let word = text.get(start..)?;
        let word = word.get(..word.find(|c| !is_name(c)).unwrap_or(word.len()))?;
        from = start + word.len();
        let before = text.get(..start).unwrap_or_default();
        let after = text.get(from..).unwrap_or_default();
        let is_quote = |c: char| matches!(c, '\'' | '"' | '`');
        let is_quoted = before.ends_with(is_quote) && (after.starts_with(is_quote) || word.ends_with(['.', ']']));
        let is_place = start == 0 && after.starts_with(": ");
        Some((word.trim_matches(|c| matches!(c, '.' | '[' | ']' | '-')), is_quoted || is_place))
    })
    .filter(|(word, _)| !word.is_empty())
}

#[cfg(test)]
mod tests;
