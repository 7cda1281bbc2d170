//! Versions: a change says in `If-Match` for which one it is made, answers tell in `ETag` which one they show.

use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::Failure;

const ADVICE: &str = "It looks like \"3\": what the header `ETag` of a GET says; `*` stands for any version.";

/// For which version of a thing a change is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing was said.
    Unsaid,
    /// Whichever it is.
    Any,
    /// This one alone.
    Version(String),
}

impl Expected {
    /// What `If-Match` says. A proxy that has packed an answer marks its version as weak, which is no other one.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut values = headers.get_all(IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(Self::Unsaid) };
        let text = value.to_str().unwrap_or_default().trim();
        if values.next().is_some() || text.contains(',') {
            return Err(Failure::bad_request("`If-Match` names more than one version.", ADVICE));
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let tag = text.strip_prefix("W/").unwrap_or(text);
        let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
        let is_one = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if !is_one {
            return Err(Failure::bad_request("`If-Match` names no version.", ADVICE));
        }
        Ok(Self::Version(tag.to_owned()))
    }

    /// With what the body says, which must not be another.
    pub(super) fn and(self, body: Option<String>) -> Result<Self, Failure> {
        match (self, body) {
            (Self::Unsaid | Self::Any, Some(body)) => Ok(Self::Version(body)),
            (Self::Version(header), Some(body)) if header != body => {
                Err(Failure::bad_request("Body and `If-Match` name different versions.", "Name one of them."))
            }
            (said, _) => Ok(said),
        }
    }

    /// The version that is asked for; any will do where there is none.
    pub(super) fn version(self) -> Option<String> {
        match self {
            Self::Unsaid | Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }

    /// The same; refuses who has said nothing.
    pub(super) fn required(self) -> Result<Option<String>, Failure> {
        if self == Self::Unsaid {
            let said = "The change does not say for which version it is made.";
            let advice = "Send the `version` in the body, or what `ETag` said as `If-Match`.";
            return Err(Failure::new(StatusCode::PRECONDITION_REQUIRED, "version_required", said, advice));
        }
        Ok(self.version())
    }

    /// The version of a token.
    pub(super) fn number(self) -> Result<Option<i64>, Failure> {
        let Some(version) = self.version() else { return Ok(None) };
        let number = version.parse().map(Some);
        number.map_err(|_| Failure::bad_request("`If-Match` names no version of a token.", ADVICE))
    }
}

/// `answer` with the version that it shows.
pub(super) fn tagged(version: Option<&str>, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    let tag = version.and_then(|version| HeaderValue::try_from(format!("\"{version}\"")).ok());
    if let Some(tag) = tag {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Expected, Failure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        Expected::read(&headers)
    }

    #[test]
    fn one_version_is_named_or_any() {
        let version = |text: &str| Expected::Version(text.to_owned());
        for (said, expected) in [
            (&[][..], Expected::Unsaid),
            (&["*"], Expected::Any),
            (&["\"3\""], version("3")),
            (&[" W/\"0f\" "], version("0f")),
            (&["3"], version("3")),
        ] {
            assert_eq!(read(said).unwrap(), expected, "{said:?}");
        }
        for wrong in [&["\"1\", \"2\""][..], &["\"1\"", "\"2\""], &[""], &["\"\""], &["\"a b\""], &["\"a\"b\""], &["ä"]]
        {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn body_and_header_agree() {
        let version = |text: &str| Expected::Version(text.to_owned());
        assert_eq!(Expected::Unsaid.and(Some("1".into())).unwrap(), version("1"));
        assert_eq!(version("1").and(Some("1".into())).unwrap(), version("1"));
        assert_eq!(version("1").and(None).unwrap(), version("1"));
        assert_eq!(Expected::Any.and(Some("1".into())).unwrap(), version("1"));
        assert!(version("1").and(Some("2".into())).is_err());
        assert!(Expected::Unsaid.required().is_err() && Expected::Any.required().unwrap().is_none());
        assert!(version("0f").number().is_err() && version("-3").number().unwrap() == Some(-3));
    }
}
