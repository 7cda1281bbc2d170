//! Lists of models in the form that clients of each kind expect.
//!
//! ```
//! use tokenrouter::catalog::Facts;
//! use tokenrouter::catalog::listing::{self, Card, Page, Shape};
//!
//! let cards = [Card::new("openai/gpt-5", "openai").with_facts(Facts::default().with_context(400_000))];
//! let gemini = listing::list(Shape::Gemini, Page::whole(&cards));
//! assert!(gemini.starts_with(br#"{"models":[{"name":"models/openai/gpt-5""#));
//! let anthropic = listing::one(Shape::Anthropic, &cards[0]);
//! assert!(anthropic.starts_with(br#"{"type":"model","id":"openai/gpt-5""#));
//! ```

mod anthropic;
mod card;
mod codex;
mod cohere;
mod gemini;
mod openai;
mod select;
#[cfg(test)]
mod tests;
mod window;

use bytes::Bytes;
use serde::Serialize;

pub use card::{Card, Quote};
pub use select::{Need, Selection, Sort, Unclear};
pub use window::{MOST, Page, Window};

use crate::protocol::Protocol;

/// Who reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Clients of OpenAI's API.
    OpenAi,
    /// Clients of Anthropic's.
    Anthropic,
    /// Clients of Google's.
    Gemini,
    /// Clients of Cohere's.
    Cohere,
    /// Codex, which wants to know how each model is used.
    Codex {
        /// Also models that Codex knows itself, where its own are not there.
        is_whole: bool,
    },
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Gemini,
        Self::Cohere,
        Self::Codex { is_whole: false },
        Self::Codex { is_whole: true },
    ];

    /// What clients of `protocol` read.
    pub const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::OpenAi | Protocol::Responses => Self::OpenAi,
            Protocol::Anthropic => Self::Anthropic,
            Protocol::Gemini => Self::Gemini,
            Protocol::Cohere => Self::Cohere,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    OpenAi(Box<openai::Model<'a>>),
    Anthropic(Box<anthropic::Model<'a>>),
    Gemini(gemini::Model<'a>),
    Cohere(cohere::Model<'a>),
}

fn entry(shape: Shape, card: &Card) -> Entry<'_> {
    match shape {
        Shape::OpenAi | Shape::Codex { .. } => Entry::OpenAi(Box::new(openai::model(card))),
        Shape::Anthropic => Entry::Anthropic(Box::new(anthropic::model(card))),
        Shape::Gemini => Entry::Gemini(gemini::model(card)),
        Shape::Cohere => Entry::Cohere(cohere::model(card)),
    }
}

#[derive(Default, Serialize)]
struct List<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<Entry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<Entry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_more: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_id: Option<Option<&'a str>>,
    #[serde(rename = "nextPageToken", skip_serializing_if = "Option::is_none")]
    next_token_of_google: Option<&'a str>,
    #[serde(rename = "next_page_token", skip_serializing_if = "Option::is_none")]
    next_token_of_cohere: Option<&'a str>,
}

/// The list of a `page`'s models. Codex's catalogue has no pages.
pub fn list(shape: Shape, page: Page<'_>) -> Bytes {
    let cards = page.cards;
    let entries = || Some(cards.iter().map(|card| entry(shape, card)).collect());
    let list = match shape {
        Shape::Codex { is_whole } => return codex::catalogue(cards, is_whole),
        Shape::OpenAi => List { object: Some("list"), data: entries(), ..List::default() },
        Shape::Anthropic => List {
            data: entries(),
            has_more: Some(page.has_more),
            first_id: Some(cards.first().map(|card| card.id.as_str())),
            last_id: Some(cards.last().map(|card| card.id.as_str())),
            ..List::default()
        },
        Shape::Gemini => List { models: entries(), next_token_of_google: page.next(), ..List::default() },
        Shape::Cohere => List { models: entries(), next_token_of_cohere: page.next(), ..List::default() },
    };
    crate::error::json(&list)
}

/// One model.
pub fn one(shape: Shape, card: &Card) -> Bytes {
    crate::error::json(&entry(shape, card))
}
