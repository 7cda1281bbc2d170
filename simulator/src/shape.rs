//! Tables that say what a request may hold, and the walk that holds a request against them.
use serde_json::{Map, Value};

use crate::base64;
use crate::fault::{Fault, Step};
use crate::problem::Problem;
use crate::reply::Family;

/// What a value must be.
pub(crate) enum Rule {
    Any,
    Text,
    /// Bytes as base64.
    Base64,
    Flag,
    /// A whole number between two bounds, both allowed.
    Integer(i64, i64),
    /// A number between two bounds, both allowed.
    Number(f64, f64),
    /// One of these texts.
    Word(&'static [&'static str]),
    /// An object with any fields.
    Map,
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// An object whose fields depend on the text in its field `tag`.
    Kinds {
        tag: &'static str,
        kinds: &'static [Kind],
        /// What an object without the tag is; none where the tag is required.
        untagged: Option<&'static [Field]>,
    },
    /// An object with any names and such values.
    Values(&'static Rule),
    /// A list of such values.
    Each(&'static Rule),
    /// The first of these that fits the value's JSON type.
    Either(&'static [Rule]),
}

/// A value of the tag, and the fields beside it.
pub(crate) type Kind = (&'static str, &'static [Field]);

/// A field of an object.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    rule: Rule,
    needed: bool,
}

/// A field that has to be there.
pub(crate) const fn must(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, needed: true }
}

/// A field that may be missing or null.
pub(crate) const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, needed: false }
}

/// In the place of a field: any others may stand beside those that are named.
pub(crate) const OPEN: Field = may("*", Rule::Any);

/// A whole number from this on.
pub(crate) const fn from(least: i64) -> Rule {
    Rule::Integer(least, i64::MAX)
}

/// Any number.
pub(crate) const NUMBER: Rule = Rule::Number(f64::MIN, f64::MAX);
/// A list of texts.
pub(crate) const TEXTS: Rule = Rule::Each(&Rule::Text);

/// The values of a list in a field; none where there is no list.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text in a field; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What stands in a field, null apart.
pub(crate) fn given<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// Letters, digits, underscores and hyphens, from one of them to `most`.
pub(crate) fn is_plain_name(name: &str, most: usize) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"_-".contains(&letter);
    (1..=most).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Where in a request one is, and in whose words faults are told.
pub(crate) struct Walk<'v> {
    family: Family,
    path: Vec<Step<'v>>,
}

impl<'v> Walk<'v> {
    pub(crate) fn new(family: Family) -> Self {
        Self { family, path: Vec::new() }
    }

    /// The same further inside.
    pub(crate) fn at(family: Family, path: &[Step<'v>]) -> Self {
        Self { family, path: path.to_vec() }
    }

    fn refuse(&self, fault: &Fault<'_>) -> Problem {
        fault.problem(self.family, &self.path)
    }

    fn inside(&mut self, step: Step<'v>, value: &'v Value, rule: &'static Rule) -> Result<(), Problem> {
        self.path.push(step);
        let result = self.check(value, rule);
        self.path.pop();
        result
    }

    /// Holds a value against a rule; the first fault is the answer.
    pub(crate) fn check(&mut self, value: &'v Value, rule: &'static Rule) -> Result<(), Problem> {
        match rule {
            Rule::Any => Ok(()),
            Rule::Either(rules) => match rules.iter().find(|rule| self.fits(value, rule)) {
                Some(rule) => self.check(value, rule),
                None => Err(self.refuse(&Fault::Type { rule, got: value })),
            },
            _ if !self.fits(value, rule) => Err(self.refuse(&Fault::Type { rule, got: value })),
            Rule::Text | Rule::Flag | Rule::Map => Ok(()),
            Rule::Base64 => match value.as_str() {
                Some(text) if !base64::is_valid(text) => Err(self.refuse(&Fault::Base64(text))),
                _ => Ok(()),
            },
            Rule::Integer(least, most) => self.within(value, *least as f64, *most as f64, true),
            Rule::Number(least, most) => self.within(value, *least, *most, false),
            Rule::Word(words) => match value.as_str() {
                Some(text) if !self.is_word(words, text) => Err(self.refuse(&Fault::Word { got: text, of: words })),
                _ => Ok(()),
            },
            Rule::Object(fields) => self.fields(value, fields, None),
            Rule::Values(rule) => self.values(value, rule),
            Rule::Kinds { tag, kinds, untagged } => self.kinds(value, tag, kinds, *untagged),
            Rule::Each(rule) => match value.as_array() {
                Some(items) => {
                    items.iter().enumerate().try_for_each(|(at, item)| self.inside(Step::At(at), item, rule))
                }
                None => self.check(value, rule),
            },
        }
    }

    /// Whether the JSON type is right; what is inside comes later.
    fn fits(&self, value: &Value, rule: &'static Rule) -> bool {
        let google = self.family == Family::Gemini;
        match rule {
            Rule::Any => true,
            Rule::Text | Rule::Base64 => value.is_string(),
            Rule::Word(_) => value.is_string() || google && value.is_number(),
            Rule::Flag => value.is_boolean(),
            // Proto-JSON takes numbers as text too.
            Rule::Integer(..) | Rule::Number(..) if google && value.is_string() => {
                value.as_str().is_some_and(|text| text.parse::<f64>().is_ok())
            }
            Rule::Integer(..) => {
                value.is_i64() || value.is_u64() || google && value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Rule::Number(..) => value.is_number(),
            Rule::Map | Rule::Object(_) | Rule::Values(_) | Rule::Kinds { .. } => value.is_object(),
            // Proto-JSON takes one value for a list of one.
            Rule::Each(rule) => value.is_array() || google && self.fits(value, rule),
            Rule::Either(rules) => rules.iter().any(|rule| self.fits(value, rule)),
        }
    }

    /// Google reads its words in any case.
    fn is_word(&self, words: &[&str], text: &str) -> bool {
        words.iter().any(|word| *word == text || self.family == Family::Gemini && word.eq_ignore_ascii_case(text))
    }

    fn within(&self, value: &Value, least: f64, most: f64, whole: bool) -> Result<(), Problem> {
        let Some(number) = value.as_f64() else { return Ok(()) };
        if number < least {
            return Err(self.refuse(&Fault::Low { least, whole, got: value }));
        }
        if number > most {
            return Err(self.refuse(&Fault::High { most, whole, got: value }));
        }
        Ok(())
    }

    /// Google counts the entries of a map as it counts those of a list.
    fn values(&mut self, value: &'v Value, rule: &'static Rule) -> Result<(), Problem> {
        for (at, (name, value)) in value.as_object().into_iter().flatten().enumerate() {
            let counted = self.family == Family::Gemini;
            if counted {
                self.path.push(Step::At(at));
            }
            self.inside(Step::Name(if counted { "value" } else { name }), value, rule)?;
            if counted {
                self.path.pop();
            }
        }
        Ok(())
    }

    fn kinds(
        &mut self,
        value: &'v Value,
        tag: &'static str,
        kinds: &'static [Kind],
        untagged: Option<&'static [Field]>,
    ) -> Result<(), Problem> {
        let said = match value.get(tag) {
            None | Some(Value::Null) => {
                let Some(fields) = untagged else { return Err(self.refuse(&Fault::Missing(tag))) };
                return self.fields(value, fields, Some(tag));
            }
            Some(Value::String(said)) => said,
            Some(other) => return self.inside(Step::Name(tag), other, &Rule::Text),
        };
        let Some((_, fields)) = kinds.iter().find(|(kind, _)| kind == said) else {
            return Err(self.refuse(&Fault::Tag { tag, got: said, kinds }));
        };
        self.path.push(Step::Tag(said));
        let result = self.fields(value, fields, Some(tag));
        self.path.pop();
        result
    }

    fn fields(&mut self, value: &'v Value, fields: &'static [Field], tag: Option<&str>) -> Result<(), Problem> {
        let Some(object) = value.as_object() else { return Ok(()) };
        let missing = fields.iter().find(|field| field.needed && self.look(object, field.name).is_none());
        if let Some(field) = missing {
            return Err(self.refuse(&Fault::Missing(field.name)));
        }
        for (name, value) in object {
            if tag == Some(name.as_str()) {
                continue;
            }
            match fields.iter().find(|field| self.is_name(field.name, name)) {
                None if fields.iter().any(|field| field.name == OPEN.name) => {}
                None => return Err(self.refuse(&Fault::Unknown(name))),
                Some(field) if value.is_null() && !field.needed => {}
                Some(field) => self.inside(Step::Name(name), value, &field.rule)?,
            }
        }
        Ok(())
    }

    fn look<'o>(&self, object: &'o Map<String, Value>, name: &str) -> Option<&'o Value> {
        if self.family != Family::Gemini {
            return object.get(name);
        }
        object.iter().find(|(key, _)| self.is_name(name, key)).map(|(_, value)| value)
    }

    /// Google takes each name in two forms: as in its tables, and with underscores.
    fn is_name(&self, name: &str, sent: &str) -> bool {
        name == sent || self.family == Family::Gemini && sent.contains('_') && camel(sent) == name
    }
}

/// `a_name` to `aName`.
pub(crate) fn camel(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut raise = false;
    for letter in name.chars() {
        match letter {
            '_' if !text.is_empty() => raise = true,
            _ if std::mem::take(&mut raise) => text.push(letter.to_ascii_uppercase()),
            _ => text.push(letter),
        }
    }
    text
}

/// `aName` to `a_name`.
pub(crate) fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TABLE: Rule = Rule::Object(&[
        must("a", Rule::Integer(1, 3)),
        may(
            "list",
            Rule::Each(&Rule::Kinds { tag: "type", kinds: &[("text", &[must("text", Rule::Text)])], untagged: None }),
        ),
    ]);

    #[test]
    fn names_each_fault_and_its_place() {
        for (value, said) in [
            (json!({"a": 1, "list": [{"type": "text", "text": "x"}]}), None),
            (json!({"a": 2, "list": null}), None),
            (json!({}), Some("Missing required parameter: 'a'.")),
            (json!({"a": 1, "b": 1}), Some("Unknown parameter: 'b'.")),
            (json!({"a": 4}), Some("Invalid 'a': integer above maximum value.")),
            (json!({"a": "1"}), Some("Invalid type for 'a': expected an integer, but got a string instead.")),
            (json!({"a": 1, "list": [{"text": "x"}]}), Some("Missing required parameter: 'list[0].type'.")),
            (json!({"a": 1, "list": [{"type": "text"}]}), Some("Missing required parameter: 'list[0].text'.")),
            (json!({"a": 1, "list": [{"type": "odd"}]}), Some("Invalid value: 'odd'.")),
        ] {
            let problem = Walk::new(Family::OpenAi).check(&value, &TABLE).err().map(|problem| problem.message);
            assert_eq!(problem.is_some(), said.is_some(), "{value} {problem:?}");
            assert!(problem.unwrap_or_default().starts_with(said.unwrap_or_default()), "{value}");
        }
    }

    #[test]
    fn google_takes_both_names_numbers_as_text_and_one_for_many() {
        const GOOGLE: Rule = Rule::Object(&[may("topK", from(1)), may("stopSequences", TEXTS)]);
        for value in [json!({"topK": 1}), json!({"top_k": "1"}), json!({"stop_sequences": "x"})] {
            assert!(Walk::new(Family::Gemini).check(&value, &GOOGLE).is_ok(), "{value}");
            assert!(Walk::new(Family::OpenAi).check(&value, &GOOGLE).is_ok() == (value == json!({"topK": 1})));
        }
        assert_eq!((camel("a_name"), snake("aName")), ("aName".to_owned(), "a_name".to_owned()));
        assert_eq!(camel("_x"), "_x");
    }
}
