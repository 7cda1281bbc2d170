//! What a conversion could not keep: said, or refused.

use std::borrow::Cow;
use std::fmt;

use super::Field;
use crate::Protocol;
use crate::error::{Kind, Problem};

/// How many losses are told apart.
const MAX_LOSSES: usize = 256;
/// How much of a field's name is told in the header.
const MAX_NAME_CHARS: usize = 128;
/// How long the header may be: clients and proxies take some kilobytes for all of them.
const MAX_HEADER_BYTES: usize = 2048;

/// Something that did not reach the provider as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it is, in the words of the client's protocol.
    pub field: Cow<'static, str>,
    /// What became of it.
    pub what: What,
}

/// What became of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It was left out.
    Dropped,
    /// It was changed to something near.
    Changed,
    /// It was left out, and nobody will notice: a hint.
    Hint,
}

/// The losses of one request, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    list: Vec<Loss>,
    /// How many there are beyond [`MAX_LOSSES`].
    more: usize,
}

impl Losses {
    /// Notes that `field` was left out.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>) {
        self.add(field.into(), What::Dropped);
    }

    /// Notes that `field` was changed.
    pub fn changed(&mut self, field: impl Into<Cow<'static, str>>) {
        self.add(field.into(), What::Changed);
    }

    /// Notes that the hint `field` was left out.
    pub fn hint(&mut self, field: impl Into<Cow<'static, str>>) {
        self.add(field.into(), What::Hint);
    }

    fn add(&mut self, field: Cow<'static, str>, what: What) {
        if self.list.len() >= MAX_LOSSES {
            // Searching a list as long as a hostile body makes it would take a core for minutes.
            self.more += usize::from(what != What::Hint);
        } else if !self.list.iter().any(|loss| loss.field == field && loss.what == what) {
            self.list.push(Loss { field, what });
        }
    }

    /// Takes over what `others` noted.
    pub fn extend(&mut self, others: Self) {
        for loss in others.list {
            self.add(loss.field, loss.what);
        }
        self.more += others.more;
    }

    /// All of them that are told apart, hints included.
    pub fn all(&self) -> &[Loss] {
        &self.list
    }

    /// Those that a user might notice.
    pub fn felt(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter().filter(|loss| loss.what != What::Hint)
    }

    /// The value of `x-tokenrouter-degraded`; none if nothing was lost that a user might notice.
    ///
    /// Names come from the request's body: what no header can hold is shown as `?`, and what is too much is counted.
    pub fn header(&self) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        let mut bytes = 0;
        let mut more = self.more;
        for loss in self.felt() {
            let shown = |c: char| if c.is_ascii_graphic() && c != ',' || c == ' ' { c } else { '?' };
            let name: String = loss.field.chars().take(MAX_NAME_CHARS).map(shown).collect();
            if names.contains(&name) {
                continue;
            }
            if bytes + name.len() > MAX_HEADER_BYTES {
                more += 1;
                continue;
            }
            bytes += name.len() + 2;
            names.push(name);
        }
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        if names.is_empty() { None } else { Some(names.join(", ")) }
    }
}

/// A request that the target cannot serve without giving the user something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// The feature.
    pub field: Field,
    /// Its name, where only the client's own protocol has it.
    pub name: Option<String>,
    /// Who cannot.
    pub target: Protocol,
    /// Which part of it and why, as the end of a sentence; may be empty.
    pub why: Cow<'static, str>,
}

impl Impossible {
    /// `target` has nothing like `field`.
    pub fn new(field: Field, target: Protocol, why: impl Into<Cow<'static, str>>) -> Self {
        Self { field, name: None, target, why: why.into() }
    }

    /// `target` has nothing like the field `name` of the client's protocol.
    pub fn extra(name: impl Into<String>, target: Protocol) -> Self {
        Self { field: Field::Extra, name: Some(name.into()), target, why: Cow::Borrowed("") }
    }

    /// As the client of `protocol` is told it.
    pub fn problem(&self, protocol: Protocol) -> Problem {
        let name = self.name.clone().map_or(Cow::Borrowed(self.field.in_protocol(protocol)), Cow::Owned);
        let mut message = format!("`{name}` cannot be carried to a model behind the protocol \"{}\"", self.target);
        if !self.why.is_empty() {
            message.push_str(": ");
            message.push_str(&self.why);
        }
        let advice = "Leave it out, or name a model whose provider has it.";
        Problem::new(Kind::BadRequest, "not_convertible", message, advice).at_path(name)
    }
}

/// A request that is not what its protocol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// Where in the body, as a path: `messages[2].content`.
    pub path: String,
    /// What is wrong there, as a sentence without its end.
    pub why: Cow<'static, str>,
    /// The word for programs.
    pub code: &'static str,
}

impl BadRequest {
    /// `why` is wrong at `path`.
    pub fn new(path: impl Into<String>, why: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), why: why.into(), code: "invalid_request" }
    }

    /// With another word for programs.
    #[must_use]
    pub const fn with_code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// As the client is told it.
    pub fn problem(&self) -> Problem {
        let message =
            if self.path.is_empty() { self.why.to_string() } else { format!("`{}`: {}", self.path, self.why) };
        Problem::new(Kind::BadRequest, self.code, message, "").at_path(self.path.clone())
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl std::error::Error for BadRequest {}

/// Reads `body` as a `T`. Where it does not fit, it is read once more to find out where.
pub fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadRequest> {
    serde_json::from_slice(body).map_err(|first| {
        let mut again = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut again) {
            Ok(_) => BadRequest::new("", first.to_string()),
            Err(e) => {
                let path = e.path().to_string();
                let why = e.into_inner().to_string();
                // Line and column help nobody in a body that a program wrote.
                let why = why.split(" at line ").next().unwrap_or_default().to_owned();
                BadRequest::new(if path == "." { String::new() } else { path }, why)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_what_a_user_may_notice_once() {
        let mut losses = Losses::default();
        assert_eq!(losses.header(), None);
        losses.hint("verbosity");
        assert_eq!(losses.header(), None);
        losses.dropped("top_k");
        losses.dropped("top_k");
        losses.changed("temperature");
        assert_eq!(losses.header().unwrap(), "top_k, temperature");
        assert_eq!(losses.all().len(), 3);
    }

    #[test]
    fn the_header_can_be_sent_whatever_the_fields_are_called() {
        let mut losses = Losses::default();
        losses.dropped("größe\u{feff}\r\nx: y");
        assert_eq!(losses.header().unwrap(), "gr??e???x: y");
        for n in 0..10_000 {
            losses.dropped(format!("field_{n}"));
        }
        assert_eq!(losses.all().len(), MAX_LOSSES);
        let header = losses.header().unwrap();
        assert!(header.len() < MAX_HEADER_BYTES + 64 && header.ends_with(" more"), "{header}");
    }

    #[test]
    fn a_wrong_type_is_told_with_its_place() {
        #[derive(serde::Deserialize, Debug)]
        struct Inner {
            #[expect(dead_code, reason = "only read")]
            content: super::super::json::TextOr<u8>,
        }
        #[derive(serde::Deserialize, Debug)]
        struct Outer {
            #[expect(dead_code, reason = "only read")]
            messages: Vec<Inner>,
        }
        let e = read::<Outer>(br#"{"messages":[{"content":"a"},{"content":7}]}"#).unwrap_err();
        assert_eq!(e.path, "messages[1].content");
        assert_eq!(e.why, "invalid type: integer `7`, expected a string or a list");
    }
}
