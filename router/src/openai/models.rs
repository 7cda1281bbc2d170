//! OpenAI's model list: written for clients, read from upstreams.

use serde::Serialize;

use crate::catalog::listed::{self, Bounds};

/// One entry of a model list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model<'a> {
    /// The name that requests use.
    pub id: &'a str,
    /// Always `model`.
    pub object: &'static str,
    /// Unix seconds; 0 where the provider does not say.
    pub created: i64,
    /// The provider.
    pub owned_by: &'a str,
    /// How many tokens fit, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
}

impl<'a> Model<'a> {
    /// An entry without a date.
    pub const fn new(id: &'a str, owned_by: &'a str, context_window: Option<u64>) -> Self {
        Self { id, object: "model", created: 0, owned_by, context_window }
    }
}

/// The model ids in an upstream's list, in its order; none if the body is no such list. [`listed::read`] tells more.
pub fn read_list(body: &[u8]) -> Option<Vec<String>> {
    let page = listed::read(body, Bounds::default()).ok()?;
    Some(page.models.into_iter().map(|model| model.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lists_of_several_vendors() {
        assert_eq!(read_list(br#"{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}"#).unwrap(), ["a", "b"]);
        assert_eq!(read_list(br#"[{"id":"a"}]"#).unwrap(), ["a"]);
        assert_eq!(read_list(br#"{"models":[{"name":"models/gemini-2.5-pro"}]}"#).unwrap(), ["gemini-2.5-pro"]);
        assert_eq!(read_list(b"<html>"), None);
    }
}
