//! What providers list: their models with all that they tell of them, from any vendor's form into one.
//!
//! Nothing that a provider sends is believed without bounds: names that no request can carry are left out, a model is
//! there once, numbers that cannot be are dropped. A field of another type than expected is as good as none.
//!
//! Forms that are read: OpenAI's `data[]` and all that copied it, Anthropic's pages, Google's `models[]`, Cohere's,
//! Ollama's `/api/tags`, LM Studio's `/api/v0/models`, and the bare array. Where vendors name the same thing differently
//! (`context_length`, `max_model_len`, `inputTokenLimit`, …), every name is known; see the vendors' API references.

mod details;
mod entry;
mod known;
mod nanos;
mod node;
mod paging;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use details::{Details, llama_props, ollama_question, ollama_show};
pub use paging::{MAX_PAGES, Next, first_page, next_page};

use self::node::Node;

/// One model of a provider's list.
///
/// ```
/// use tokenrouter::catalog::listed::{Bounds, Listed, read};
///
/// let page = read(br#"{"data":[{"id":"a","context_length":8192,"pricing":{"prompt":"0.0000025"}}]}"#, Bounds::default())?;
/// let Listed { id, context_window, prices, .. } = &page.models[0];
/// assert_eq!((id.as_str(), *context_window), ("a", Some(8192)));
/// assert_eq!(prices.input_nanos, Some(2_500_000_000));
/// # Ok::<(), tokenrouter::catalog::listed::ListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listed {
    /// The name that requests use.
    pub id: String,
    /// The name for people, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_s: Option<i64>,
    /// How many tokens fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// How many tokens it writes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// What it takes; empty where nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Modality>,
    /// What it gives; empty where nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Modality>,
    /// What it costs there.
    #[serde(skip_serializing_if = "Prices::is_unknown")]
    pub prices: Prices,
    /// What it can do.
    #[serde(skip_serializing_if = "Abilities::is_unknown")]
    pub abilities: Abilities,
    /// Tells this build of a model from others of its name: Ollama's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Listed {
    /// A model of which only the name is known.
    pub fn named(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Takes over what another list of the same server says of the same model, which knows better.
    pub fn complete(&mut self, better: &Self) {
        self.context_window = better.context_window.or(self.context_window);
        self.max_output = better.max_output.or(self.max_output);
        self.abilities = better.abilities.or(self.abilities);
        for (known, more) in [(&mut self.input, &better.input), (&mut self.output, &better.output)] {
            if !more.is_empty() {
                known.clone_from(more);
            }
        }
        for (known, more) in [(&mut self.display_name, &better.display_name), (&mut self.revision, &better.revision)] {
            if more.is_some() {
                known.clone_from(more);
            }
        }
    }

    /// Adds what is not known yet from `details`; a context window that was set up goes before what the model could do.
    pub fn learn(&mut self, details: &Details) {
        self.context_window = details.context_in_use.or(self.context_window).or(details.context_window);
        self.abilities = self.abilities.or(details.abilities);
        for (known, more) in [(&mut self.input, &details.input), (&mut self.output, &details.output)] {
            if known.is_empty() {
                known.clone_from(more);
            }
        }
    }
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Documents such as PDF.
    File,
    /// Vectors.
    Embedding,
}

/// Prices in nano-dollars per million tokens, exact to the nano-dollar; none where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// Of input that no cache had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_nanos: Option<u64>,
    /// Of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_nanos: Option<u64>,
    /// Of input that a cache had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_nanos: Option<u64>,
    /// Of input that is put in a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_nanos: Option<u64>,
    /// Of reasoning, where it is not output like any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_nanos: Option<u64>,
    /// Of sound in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_nanos: Option<u64>,
    /// Of a million requests, beside their tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_nanos: Option<u64>,
    /// Of a million searches in the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search_nanos: Option<u64>,
}

impl Prices {
    /// Each price as whoever of both asks more for it asks.
    fn dearest(self, other: Self) -> Self {
        Self {
            input_nanos: self.input_nanos.max(other.input_nanos),
            output_nanos: self.output_nanos.max(other.output_nanos),
            cache_read_nanos: self.cache_read_nanos.max(other.cache_read_nanos),
            cache_write_nanos: self.cache_write_nanos.max(other.cache_write_nanos),
            reasoning_nanos: self.reasoning_nanos.max(other.reasoning_nanos),
            audio_nanos: self.audio_nanos.max(other.audio_nanos),
            request_nanos: self.request_nanos.max(other.request_nanos),
            web_search_nanos: self.web_search_nanos.max(other.web_search_nanos),
        }
    }

    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What a model can do; none where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Abilities {
    /// It calls tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// It sees pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
    /// It thinks before it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// It keeps to a JSON schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
}

impl Abilities {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The same with what `other` knows beyond it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools.or(other.tools),
            vision: self.vision.or(other.vision),
            reasoning: self.reasoning.or(other.reasoning),
            structured_output: self.structured_output.or(other.structured_output),
        }
    }
}

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The largest list, in bytes.
    pub bytes: usize,
    /// The most models of it; what comes after them is left out.
    pub models: usize,
}

impl Default for Bounds {
    /// More than any vendor lists.
    fn default() -> Self {
        Self { bytes: 16 << 20, models: 20_000 }
    }
}

/// A list, or one page of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The models in the provider's order, each once.
    pub models: Vec<Listed>,
    /// Entries that are no models: without a usable name, switched off, or there already.
    pub skipped: usize,
    /// Whether there were more than [`Bounds::models`].
    pub is_cut: bool,
    /// Where it goes on; none at its end.
    pub next: Option<Next>,
}

/// Why something is no model list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    /// Longer than allowed.
    TooLarge(usize),
    /// A page instead of a list.
    Html,
    /// Something else than JSON.
    NotJson,
    /// JSON without a list in it.
    NoList,
}

impl std::fmt::Display for ListError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "the model list is larger than {bytes} bytes"),
            Self::Html => f.write_str("HTML instead of a model list: the URL is probably not that of an API"),
            Self::NotJson => f.write_str("the model list is not valid JSON"),
            Self::NoList => f.write_str("the answer is JSON, but holds no list of models"),
        }
    }
}

impl std::error::Error for ListError {}

/// The fields under which vendors have their list.
const LISTS: [&str; 3] = ["data", "models", "result"];

/// Reads a provider's answer to the question for its models.
///
/// ```
/// use tokenrouter::catalog::listed::{Bounds, ListError, read};
///
/// let page = read(br#"{"data":[{"id":"a"},{"id":"a"},{"id":7},{"id":"b"}]}"#, Bounds::default())?;
/// let ids: Vec<_> = page.models.iter().map(|model| model.id.as_str()).collect();
/// assert_eq!((ids, page.skipped), (vec!["a", "b"], 2));
/// assert_eq!(read(b"<!doctype html>", Bounds::default()), Err(ListError::Html));
/// # Ok::<(), ListError>(())
/// ```
///
/// # Errors
///
/// Why it is no list. A list without models is none of them.
pub fn read(body: &[u8], bounds: Bounds) -> Result<Page, ListError> {
    if body.len() > bounds.bytes {
        return Err(ListError::TooLarge(bounds.bytes));
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let not_json = || if body.trim_ascii_start().starts_with(b"<") { ListError::Html } else { ListError::NotJson };
    let whole: &RawValue = serde_json::from_slice(body).map_err(|_| not_json())?;
    if whole.get().starts_with('[') {
        // Some providers answer with the bare array.
        return entries(whole, bounds).ok_or(ListError::NoList);
    }
    let root = Node::of(whole).ok_or(ListError::NoList)?;
    let mut best: Option<Page> = None;
    for list in LISTS.iter().filter_map(|name| root.raw(name)) {
        // Ollama says `null` where there is nothing.
        let page = if list.get() == "null" { Some(Page::default()) } else { entries(list, bounds) };
        // llama.cpp has two lists, of which the second is Ollama's form and says less.
        if page.is_some() && best.as_ref().is_none_or(|best| best.models.is_empty()) {
            best = page;
        }
    }
    let mut page = best.ok_or(ListError::NoList)?;
    page.next = paging::next(&root);
    Ok(page)
}

fn entries(list: &RawValue, bounds: Bounds) -> Option<Page> {
    let mut page = Page::default();
    let mut known: HashSet<String> = HashSet::new();
    node::each(list, |raw| {
        if page.models.len() >= bounds.models {
            page.is_cut = true;
            return;
        }
        match entry::read(raw) {
            Some(model) if known.insert(model.id.clone()) => page.models.push(model),
            _ => page.skipped += 1,
        }
    })?;
    Some(page)
}

#[cfg(test)]
mod tests;
