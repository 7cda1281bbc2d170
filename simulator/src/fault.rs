//! What is wrong with a request, told as each vendor tells it: the place, the fault, the code.
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::reply::Family;
use crate::shape::{Kind, Rule, snake};

/// One step from a value to one inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'v> {
    Name(&'v str),
    At(usize),
    /// The kind of a tagged object; a step in Anthropic's paths alone.
    Tag(&'v str),
}

/// A fault at a place.
pub(crate) enum Fault<'v> {
    /// A required field of the object at the place.
    Missing(&'v str),
    /// A field that the object at the place does not have.
    Unknown(&'v str),
    Type {
        rule: &'static Rule,
        got: &'v Value,
    },
    Word {
        got: &'v str,
        of: &'v [&'static str],
    },
    Tag {
        tag: &'static str,
        got: &'v str,
        kinds: &'static [Kind],
    },
    Low {
        least: f64,
        whole: bool,
        got: &'v Value,
    },
    High {
        most: f64,
        whole: bool,
        got: &'v Value,
    },
    Base64(&'v str),
    /// The vendor's own sentence for a rule of its own.
    Said(&'v str),
}

impl Fault<'_> {
    /// The 400 a vendor answers.
    pub(crate) fn problem(&self, family: Family, path: &[Step<'_>]) -> Problem {
        match family {
            Family::OpenAi => self.openai(path),
            Family::Anthropic => self.anthropic(path),
            Family::Gemini => self.gemini(path),
            Family::Cohere => self.cohere(path),
        }
    }

    /// The field the fault is about, where it is not the one at the place.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Missing(name) | Self::Unknown(name) => Some(name),
            Self::Tag { tag, .. } => Some(tag),
            _ => None,
        }
    }

    fn openai(&self, path: &[Step<'_>]) -> Problem {
        let place = brackets(path, self.field(), str::to_owned);
        let (message, code) = match self {
            Self::Missing(_) => (format!("Missing required parameter: '{place}'."), "missing_required_parameter"),
            Self::Unknown(_) => (format!("Unknown parameter: '{place}'."), "unknown_parameter"),
            Self::Type { rule, got } => {
                let (expected, got) = (openai_noun(rule), sort(got).0);
                (format!("Invalid type for '{place}': expected {expected}, but got {got} instead."), "invalid_type")
            }
            Self::Word { got, of } => {
                (format!("Invalid value: '{got}'. Supported values are: {}.", listed(of, "and")), "invalid_value")
            }
            Self::Tag { got, kinds, .. } => {
                let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
                (format!("Invalid value: '{got}'. Supported values are: {}.", listed(&names, "and")), "invalid_value")
            }
            Self::Low { least, whole, got } => {
                let (kind, code) = if *whole {
                    ("integer", "integer_below_min_value")
                } else {
                    ("decimal", "decimal_below_min_value")
                };
                (
                    format!(
                        "Invalid '{place}': {kind} below minimum value. Expected a value >= {least}, but got {got} instead."
                    ),
                    code,
                )
            }
            Self::High { most, whole, got } => {
                let (kind, code) = if *whole {
                    ("integer", "integer_above_max_value")
                } else {
                    ("decimal", "decimal_above_max_value")
                };
                (
                    format!(
                        "Invalid '{place}': {kind} above maximum value. Expected a value <= {most}, but got {got} instead."
                    ),
                    code,
                )
            }
            Self::Base64(_) => (format!("Invalid '{place}'. Expected valid base64 data."), "invalid_value"),
            Self::Said(said) => ((*said).to_owned(), "invalid_value"),
        };
        Problem::bad_request(message).with_param(place).with_code(code)
    }

    fn anthropic(&self, path: &[Step<'_>]) -> Problem {
        let place = dots(path, if matches!(self, Self::Tag { .. }) { None } else { self.field() });
        let said = match self {
            Self::Missing(_) => "Field required".to_owned(),
            Self::Unknown(_) => "Extra inputs are not permitted".to_owned(),
            Self::Type { rule, .. } => format!("Input should be {}", anthropic_noun(rule)),
            Self::Word { of, .. } => format!("Input should be {}", listed(of, "or")),
            Self::Tag { tag, got, kinds } => {
                let names: Vec<_> = kinds.iter().map(|(name, _)| format!("'{name}'")).collect();
                let names = names.join(", ");
                format!("Input tag '{got}' found using '{tag}' does not match any of the expected tags: {names}")
            }
            Self::Low { least, .. } => format!("Input should be greater than or equal to {least}"),
            Self::High { most, .. } => format!("Input should be less than or equal to {most}"),
            Self::Base64(_) => "Invalid base64 data".to_owned(),
            Self::Said(said) => (*said).to_owned(),
        };
        Problem::bad_request(if place.is_empty() { said } else { format!("{place}: {said}") })
    }

    fn gemini(&self, path: &[Step<'_>]) -> Problem {
        let place = brackets(path, None, snake);
        let field = brackets(path, self.field(), snake);
        let at = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
        let message = match self {
            Self::Missing(name) => format!("* GenerateContentRequest.{field}: {} is not specified", snake(name)),
            Self::Unknown(name) => {
                format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")
            }
            Self::Type { rule, got } => format!("Invalid value{at} ({}), {got}", gemini_noun(rule)),
            Self::Word { got, .. } | Self::Tag { got, .. } => format!("Invalid value{at} (TYPE_ENUM), \"{got}\""),
            Self::Low { least, got, .. } => {
                format!("* GenerateContentRequest.{place}: must be at least {least}, but is {got}")
            }
            Self::High { most, got, .. } => {
                format!("* GenerateContentRequest.{place}: must be at most {most}, but is {got}")
            }
            Self::Base64(got) => {
                format!("Invalid value{at} (TYPE_BYTES), Base64 decoding failed for \"{}\"", head(got))
            }
            Self::Said(said) => (*said).to_owned(),
        };
        let violation = json!({"field": place, "description": message});
        let detail = json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]});
        let problem = Problem::bad_request(message);
        // Rules of the model itself are told without details; those of the parser with them.
        if matches!(self, Self::Said(_)) { problem } else { problem.with_detail(detail) }
    }

    fn cohere(&self, path: &[Step<'_>]) -> Problem {
        let place = brackets(path, self.field(), str::to_owned);
        Problem::bad_request(match self {
            Self::Missing("model") => "a model parameter is required for this endpoint.".to_owned(),
            Self::Missing(_) => format!("invalid request: {place} is required."),
            Self::Unknown(_) => format!("unknown field: parameter '{place}' is not a valid field"),
            Self::Type { rule, got } => {
                let (got, expected) = (sort(got).1, cohere_noun(rule));
                format!("invalid type: parameter '{place}' is of type '{got}' but should be of type '{expected}'")
            }
            Self::Word { of, .. } => format!("invalid request: {place} must be one of {}.", of.join(", ")),
            Self::Tag { kinds, .. } => {
                let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
                format!("invalid request: {place} must be one of {}.", names.join(", "))
            }
            Self::Low { least, .. } => format!("invalid request: {place} must be at least {least}."),
            Self::High { most, .. } => format!("invalid request: {place} must be at most {most}."),
            Self::Base64(_) => format!("invalid request: {place} is not valid base64."),
            Self::Said(said) => (*said).to_owned(),
        })
    }
}

/// `a[0].b`, each name in the form the vendor writes it.
fn brackets(path: &[Step<'_>], field: Option<&str>, form: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for step in path.iter().copied().chain(field.map(Step::Name)) {
        match step {
            Step::Name(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&form(name));
            }
            Step::At(at) => text.push_str(&format!("[{at}]")),
            Step::Tag(_) => {}
        }
    }
    text
}

/// `a.0.kind.b`.
fn dots(path: &[Step<'_>], field: Option<&str>) -> String {
    let steps = path.iter().copied().chain(field.map(Step::Name));
    let names: Vec<_> = steps
        .map(|step| match step {
            Step::Name(name) | Step::Tag(name) => name.to_owned(),
            Step::At(at) => at.to_string(),
        })
        .collect();
    names.join(".")
}

/// `'a', 'b', and 'c'`.
fn listed(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => format!("'{one}'"),
        [one, two] => format!("'{one}' {last} '{two}'"),
        [others @ .., end] => {
            let others: Vec<_> = others.iter().map(|word| format!("'{word}'")).collect();
            format!("{}{} {last} '{end}'", others.join(", "), if last == "and" { "," } else { "" })
        }
    }
}

/// The beginning of a text that may be long.
fn head(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A value's JSON type as OpenAI and as Cohere name it.
fn sort(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("null", "null"),
        Value::Bool(_) => ("a boolean", "bool"),
        Value::Number(number) if number.is_f64() => ("a decimal", "float64"),
        Value::Number(_) => ("an integer", "int64"),
        Value::String(_) => ("a string", "string"),
        Value::Array(_) => ("an array", "array"),
        Value::Object(_) => ("an object", "object"),
    }
}

fn openai_noun(rule: &Rule) -> String {
    match rule {
        Rule::Any => "a value".to_owned(),
        Rule::Text | Rule::Base64 | Rule::Word(_) => "a string".to_owned(),
        Rule::Flag => "a boolean".to_owned(),
        Rule::Integer(..) => "an integer".to_owned(),
        Rule::Number(..) => "a decimal".to_owned(),
        Rule::Map | Rule::Object(_) | Rule::Values(_) | Rule::Kinds { .. } => "an object".to_owned(),
        Rule::Each(rule) => match openai_noun(rule).split_once(' ') {
            Some((_, noun)) => format!("an array of {noun}s"),
            None => "an array".to_owned(),
        },
        Rule::Either(rules) => {
            let nouns: Vec<_> = rules.iter().map(openai_noun).collect();
            format!("one of {}", nouns.join(" or "))
        }
    }
}

fn anthropic_noun(rule: &Rule) -> String {
    match rule {
        Rule::Any => "a valid value".to_owned(),
        Rule::Text | Rule::Base64 | Rule::Word(_) => "a valid string".to_owned(),
        Rule::Flag => "a valid boolean".to_owned(),
        Rule::Integer(..) => "a valid integer".to_owned(),
        Rule::Number(..) => "a valid number".to_owned(),
        Rule::Map | Rule::Object(_) | Rule::Values(_) | Rule::Kinds { .. } => "an object".to_owned(),
        Rule::Each(_) => "a valid list".to_owned(),
        Rule::Either(rules) => rules.iter().map(anthropic_noun).collect::<Vec<_>>().join(" or "),
    }
}

fn gemini_noun(rule: &Rule) -> &'static str {
    match rule {
        Rule::Text => "TYPE_STRING",
        Rule::Base64 => "TYPE_BYTES",
        Rule::Word(_) => "TYPE_ENUM",
        Rule::Flag => "TYPE_BOOL",
        Rule::Integer(..) => "TYPE_INT32",
        Rule::Number(..) => "TYPE_FLOAT",
        Rule::Each(rule) => gemini_noun(rule),
        Rule::Either([rule, ..]) => gemini_noun(rule),
        _ => "TYPE_MESSAGE",
    }
}

fn cohere_noun(rule: &Rule) -> String {
    match rule {
        Rule::Any => "any".to_owned(),
        Rule::Text | Rule::Base64 | Rule::Word(_) => "string".to_owned(),
        Rule::Flag => "bool".to_owned(),
        Rule::Integer(..) => "int64".to_owned(),
        Rule::Number(..) => "float64".to_owned(),
        Rule::Map | Rule::Object(_) | Rule::Values(_) | Rule::Kinds { .. } => "object".to_owned(),
        Rule::Each(_) => "array".to_owned(),
        Rule::Either(rules) => rules.iter().map(cohere_noun).collect::<Vec<_>>().join(" or "),
    }
}
