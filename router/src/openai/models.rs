//! OpenAI's model list, read from upstreams. [`crate::catalog::listing`] writes it for clients.

use crate::catalog::listed::{self, Bounds};

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
