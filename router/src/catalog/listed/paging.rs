//! Lists that come in pages: Anthropic's (`has_more`, `after_id`), Google's (`nextPageToken`), Cohere's
//! (`next_page_token`).

use std::borrow::Cow;

use super::node::Node;
use crate::protocol::Protocol;

/// The most pages that are worth asking for: at the vendors' page sizes far more than any of them lists.
pub const MAX_PAGES: usize = 50;
/// The longest mark of a page.
const MAX_MARK_BYTES: usize = 1024;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    parameter: &'static str,
    mark: String,
}

/// What the answer `root` says of a page after it. A mark that no URL should carry is none.
pub(super) fn next(root: &Node<'_>) -> Option<Next> {
    let found = |parameter, mark: Option<Cow<'_, str>>| Some(Next { parameter, mark: mark?.into_owned() });
    let next = found("pageToken", root.text(&["nextPageToken"]))
        .or_else(|| found("page_token", root.text(&["next_page_token"])))
        .or_else(|| found("after_id", root.text(&["last_id"]).filter(|_| root.flag(&["has_more"]) == Some(true))));
    next.filter(|next| next.mark.len() <= MAX_MARK_BYTES)
}

/// The URL of a list's first page, so that it has as few pages as its vendor allows.
pub fn first_page(url: &str, protocol: Protocol) -> String {
    match protocol {
        Protocol::OpenAi | Protocol::Responses => url.to_owned(),
        Protocol::Anthropic => with(url, "limit", "1000"),
        Protocol::Gemini => with(url, "pageSize", "1000"),
        Protocol::Cohere => with(url, "page_size", "1000"),
    }
}

/// The URL of the page after the one at `url`. Nothing in a mark can leave its parameter.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::catalog::listed::{Bounds, first_page, next_page, read};
///
/// let url = first_page("https://api.anthropic.com/v1/models", Protocol::Anthropic);
/// let page = read(br#"{"data":[{"id":"claude-a"}],"has_more":true,"last_id":"claude-a"}"#, Bounds::default())?;
/// let second = page.next.map(|next| next_page(&url, &next));
/// assert_eq!(second.as_deref(), Some("https://api.anthropic.com/v1/models?limit=1000&after_id=claude-a"));
/// # Ok::<(), tokenrouter::catalog::listed::ListError>(())
/// ```
pub fn next_page(url: &str, next: &Next) -> String {
    with(url, next.parameter, &next.mark)
}

/// `url` with a parameter in its query, in the place of one of the same name.
fn with(url: &str, name: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let is_other = |pair: &&str| !pair.is_empty() && pair.split('=').next() != Some(name);
    let mut url = path.to_owned();
    let mut mark = '?';
    for pair in query.split('&').filter(is_other) {
        url.push(mark);
        url.push_str(pair);
        mark = '&';
    }
    url.push(mark);
    url.push_str(name);
    url.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::super::{Bounds, read};
    use super::*;

    fn second(first: &str, body: &str) -> Option<String> {
        Some(next_page(first, &read(body.as_bytes(), Bounds::default()).unwrap().next?))
    }

    #[test]
    fn each_vendor_says_in_its_own_words_that_there_is_more() {
        let google = first_page("https://g/v1beta/models?key=k", Protocol::Gemini);
        assert_eq!(google, "https://g/v1beta/models?key=k&pageSize=1000");
        assert_eq!(
            second(&google, r#"{"models":[],"nextPageToken":"a/b&c=d"}"#).as_deref(),
            Some("https://g/v1beta/models?key=k&pageSize=1000&pageToken=a%2Fb%26c%3Dd")
        );
        let cohere = first_page("https://c/v1/models", Protocol::Cohere);
        let then = second(&cohere, r#"{"models":[],"next_page_token":"2"}"#).unwrap();
        assert_eq!(then, "https://c/v1/models?page_size=1000&page_token=2");
        // The next mark takes the place of the last one.
        assert_eq!(
            second(&then, r#"{"models":[],"next_page_token":"3"}"#).as_deref(),
            Some("https://c/v1/models?page_size=1000&page_token=3")
        );
        assert_eq!(first_page("http://h/v1/models", Protocol::OpenAi), "http://h/v1/models");
    }

    #[test]
    fn the_last_page_is_the_last() {
        let long = "x".repeat(MAX_MARK_BYTES + 1);
        for body in [
            r#"{"data":[],"has_more":false,"last_id":"a"}"#.to_owned(),
            r#"{"data":[],"has_more":true,"last_id":null}"#.to_owned(),
            r#"{"data":[],"last_id":"a"}"#.to_owned(),
            r#"{"models":[],"nextPageToken":""}"#.to_owned(),
            r#"{"models":[],"next_page_token":7}"#.to_owned(),
            format!(r#"{{"models":[],"nextPageToken":"{long}"}}"#),
        ] {
            assert_eq!(second("http://h", &body), None, "{body}");
        }
    }
}
