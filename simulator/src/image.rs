//! What the `img` script says about the images it was sent.
use std::fmt::Write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::base64;

/// How many images are described one by one.
const MOST: usize = 32;

/// One image of a request.
#[derive(Debug, PartialEq, Eq)]
enum Image<'a> {
    Inline { media_type: &'a str, data: &'a str },
    Link,
}

/// For example `images: 1; image/png 68 bytes sha256 0123456789abcdef`.
pub(crate) fn describe(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut images = Vec::new();
    collect(&body, &mut images);
    let mut text = format!("images: {}", images.len());
    for image in images.iter().take(MOST) {
        // Writing to a string cannot fail.
        let _ = match image {
            Image::Link => write!(text, "; a link"),
            Image::Inline { media_type, data } => match base64::decode(data) {
                None => write!(text, "; {media_type} is not base64"),
                Some(bytes) => {
                    let sum = Sha256::digest(&bytes).iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                    write!(text, "; {media_type} {} bytes sha256 {sum:016x}", bytes.len())
                }
            },
        };
    }
    text
}

/// Finds images in the forms of all protocols: a chat `image_url`, a Responses `input_image`, an Anthropic `source`,
/// a Gemini `inlineData`.
fn collect<'a>(value: &'a Value, images: &mut Vec<Image<'a>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, images)),
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str);
            let found = match text("type") {
                Some("image_url" | "input_image") => {
                    let url = fields.get("image_url").map(|url| url.get("url").unwrap_or(url)).and_then(Value::as_str);
                    Some(url.map_or(Image::Link, of_url))
                }
                Some("image") => {
                    let source = fields.get("source");
                    let text = |key: &str| source.and_then(|source| source.get(key)).and_then(Value::as_str);
                    Some(match (text("media_type"), text("data")) {
                        (Some(media_type), Some(data)) => Image::Inline { media_type, data },
                        _ => Image::Link,
                    })
                }
                _ => inline_data(fields),
            };
            match found {
                Some(image) => images.push(image),
                None => fields.values().for_each(|item| collect(item, images)),
            }
        }
        _ => {}
    }
}

/// Google's parts have no type: the field's name says what they are.
fn inline_data(fields: &Map<String, Value>) -> Option<Image<'_>> {
    let blob = fields.get("inlineData").or_else(|| fields.get("inline_data"))?;
    let text = |key: &str| blob.get(key).and_then(Value::as_str);
    Some(Image::Inline { media_type: text("mimeType").or_else(|| text("mime_type"))?, data: text("data")? })
}

fn of_url(url: &str) -> Image<'_> {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    inline.map_or(Image::Link, |(media_type, data)| Image::Inline { media_type, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_protocols_give_the_same_words() {
        let chat =
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,YWJj"}}]}]}"#;
        let responses = r#"{"input":[{"content":[{"type":"input_image","image_url":"data:image/png;base64,YWJj"}]}]}"#;
        let anthropic = r#"{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"YWJj"}}]}]}"#;
        let gemini = r#"{"contents":[{"parts":[{"inline_data":{"mimeType":"image/png","data":"YWJj"}}]}]}"#;
        for body in [chat, responses, anthropic, gemini] {
            assert_eq!(describe(body.as_bytes()), "images: 1; image/png 3 bytes sha256 ba7816bf8f01cfea");
        }
        assert_eq!(describe(b"{}"), "images: 0");
        let link = r#"[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]"#;
        assert_eq!(describe(link.as_bytes()), "images: 1; a link");
    }
}
