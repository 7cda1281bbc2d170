//! Reads a query string word by word; what means nothing is refused by name.

use std::str::FromStr;

use super::answer::Failure;

/// Bytes of a value that is repeated in an answer.
const SHOWN: usize = 60;

/// The words of a query string.
pub(super) struct Words {
    pairs: Vec<(String, String)>,
}

impl Words {
    /// Reads `query`; refuses words that are not among `known` or stand there twice.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Failure> {
        Self::read_lists(query, known, &[])
    }

    /// The same; words among `lists` may stand there again and again, also with an empty value.
    pub(super) fn read_lists(query: Option<&str>, known: &[&str], lists: &[&str]) -> Result<Self, Failure> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if lists.contains(&&*key) {
                pairs.push((key.into_owned(), value.into_owned()));
                continue;
            }
            if !known.contains(&&*key) {
                let all: Vec<&str> = known.iter().chain(lists).copied().collect();
                let advice = format!("The query may hold {}.", all.join(", "));
                return Err(Failure::bad_request(format!("`{}` means nothing here.", shown(&key)), advice));
            }
            let advice = format!("The query may hold {}, each once.", known.join(", "));
            if pairs.iter().any(|(before, _)| *before == key) {
                return Err(Failure::bad_request(format!("`{key}` stands there twice."), advice));
            }
            if !value.is_empty() {
                pairs.push((key.into_owned(), value.into_owned()));
            }
        }
        Ok(Self { pairs })
    }

    /// The text of a word; an empty one counts as none.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    /// The values of words of a list, in their order, each with its word.
    pub(super) fn lists<'a>(&'a self, names: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.pairs.iter().filter(|(key, _)| names.contains(&key.as_str()));
        pairs.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// A number, or whatever else has a text form.
    pub(super) fn parsed<T: FromStr>(&self, key: &str, example: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| unclear(key, &text, example))
    }

    /// A time, in milliseconds since 1970.
    pub(super) fn time_ms(&self, key: &str) -> Result<Option<i64>, Failure> {
        let example = "1800000000000";
        match self.parsed::<i64>(key, example)? {
            Some(ms) if ms < 0 => Err(unclear(key, &ms.to_string(), example)),
            ms => Ok(ms),
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                Err(unclear(key, &text, &words.join(", ")))
            }
        }
    }
}

fn unclear(key: &str, text: &str, example: &str) -> Failure {
    Failure::bad_request(format!("`{}` is no `{key}`.", shown(text)), format!("Write one such as: {example}."))
}

fn shown(text: &str) -> String {
    let end = text.floor_char_boundary(SHOWN);
    text.get(..end).unwrap_or_default().escape_debug().to_string()
}
