//! What a question for models says beside its path: which part of the list, or which models.

use std::borrow::Cow;

use tokenrouter::catalog::listing::{MOST, Selection, Shape, Unclear, Window};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelQuery {
    /// In which form.
    pub shape: Shape,
    /// Which models, in which order; only clients of OpenAI's form may choose.
    pub selection: Selection,
    limit: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

impl ModelQuery {
    /// Reads `query` as a client of `protocol` means it.
    pub fn read(protocol: Protocol, query: &str) -> Result<Self, Problem> {
        let mut read = Self {
            shape: Shape::of(protocol),
            selection: Selection::default(),
            limit: None,
            after: None,
            before: None,
        };
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(query.as_bytes()).collect();
        let has = |name: &str, value: Option<&str>| {
            pairs.iter().any(|(key, said)| key == name && value.is_none_or(|value| said == value))
        };
        if read.shape == Shape::OpenAi && has("client_version", None) {
            // Codex, and nobody else, names its version.
            read.shape = Shape::Codex { is_whole: has("catalog", Some("whole")) };
        }
        for (key, value) in &pairs {
            match (read.shape, &**key) {
                (Shape::OpenAi | Shape::Codex { .. }, key) => {
                    read.selection.set(key, value).map_err(|e| unclear(key, &e))?;
                }
                (Shape::Anthropic, "limit") | (Shape::Gemini, "pageSize") | (Shape::Cohere, "page_size") => {
                    read.limit = page_size(read.shape, key, value)?;
                }
                (Shape::Anthropic, "after_id") | (Shape::Gemini, "pageToken") | (Shape::Cohere, "page_token") => {
                    read.after = Some(value.clone().into_owned()).filter(|id| !id.is_empty());
                }
                (Shape::Anthropic, "before_id") => {
                    read.before = Some(value.clone().into_owned()).filter(|id| !id.is_empty());
                }
                _ => {}
            }
        }
        Ok(read)
    }

    /// The part of the list. Who does not say how long gets all of it: nobody lists so much that pages would help, and
    /// not every client asks for the second.
    pub fn window(&self) -> Window<'_> {
        Window { limit: self.limit, after: self.after.as_deref(), before: self.before.as_deref() }
    }

    /// The answer to a page that begins at a model which is not there.
    pub fn lost(&self) -> Problem {
        let edge = self.after.as_deref().or(self.before.as_deref()).unwrap_or_default();
        Problem::new(
            Kind::BadRequest,
            "page_unknown",
            format!("there is no model {} any more, where this page begins", crate::upstreams::unserved::shown(edge)),
            "Ask for the first page again.",
        )
    }
}

/// Anthropic refuses what is out of bounds; Google and Cohere take the nearest, and 0 for the usual.
fn page_size(shape: Shape, key: &str, value: &str) -> Result<Option<usize>, Problem> {
    match value.parse::<usize>() {
        Ok(0) if shape != Shape::Anthropic => Ok(None),
        Ok(size) if size > 0 && (size <= MOST || shape != Shape::Anthropic) => Ok(Some(size.min(MOST))),
        _ => Err(Problem::new(
            Kind::BadRequest,
            "page_size_invalid",
            format!("`{key}` is no number from 1 to {MOST}"),
            "Leave it out to get every model.",
        )
        .at_path(key.to_owned())),
    }
}

fn unclear(key: &str, unclear: &Unclear) -> Problem {
    let advice = match unclear.closest.as_slice() {
        [] => "Leave it out to get every model.".to_owned(),
        words => format!("What can be said there: {}.", words.join(", ")),
    };
    Problem::new(Kind::BadRequest, "filter_invalid", unclear.message.clone(), advice).at_path(key.to_owned())
}
