//! Token estimates for exchanges whose provider reports nothing.
//!
//! Vocabularies weigh megabytes and differ by model, so this counts by class of script instead. The weights are
//! quarters of the tokens that common byte-pair vocabularies need per character of that class.
//!
//! ```
//! use tokenrouter::count::estimate;
//!
//! assert_eq!(estimate::text_tokens("The cat sat on the mat."), 6);
//! assert!(estimate::request_tokens(br#"{"messages":[{"role":"user","content":"Hello"}]}"#) >= 2);
//! ```

use memchr::{memchr, memchr2};

use crate::walk::{Fields, string_at};

/// A long string without blanks is taken for encoded media, which no vocabulary counts by its letters.
const MEDIA_BYTES: usize = 1_024;
/// What providers charge for an image of usual size.
pub(super) const MEDIA_TOKENS: u64 = 800;

/// Estimated tokens of plain text.
pub fn text_tokens(text: &str) -> u64 {
    let mut twelfths: u64 = 0;
    for c in text.chars() {
        twelfths += match c {
            'a'..='z' | 'A'..='Z' => 3,
            ' ' => 1,
            '0'..='9' | '\u{0370}'..='\u{052f}' => 4,
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}' => 10,
            '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}' => 9,
            '\u{1f000}'..='\u{1faff}' => 24,
            _ => 6,
        };
    }
    twelfths.div_ceil(12)
}

/// Estimated input tokens of a JSON request: every string in it, names of fields included, which stand for the
/// tokens that providers add around messages and tools.
pub fn request_tokens(json: &[u8]) -> u64 {
    let mut tokens = 0_u64;
    let mut rest = json;
    while let Some(open) = memchr(b'"', rest) {
        let (string, after) = string_at(rest.get(open + 1..).unwrap_or_default());
        tokens += string_tokens(string);
        rest = after;
    }
    tokens
}

/// Windows of a long body that an estimate looks at, and their size.
const WINDOWS: usize = 16;
const WINDOW_BYTES: usize = 1 << 10;

/// The same for a long request at a bounded price: from samples spread over it.
pub fn sampled_request_tokens(json: &[u8]) -> u64 {
    if json.len() <= WINDOWS * WINDOW_BYTES {
        return request_tokens(json);
    }
    let stride = (json.len() - WINDOW_BYTES) / (WINDOWS - 1);
    let windows = (0..WINDOWS).filter_map(|n| json.get(n * stride..n * stride + WINDOW_BYTES));
    // Encoded media has no blanks; of the rest, about an eighth is JSON's own punctuation.
    let tokens: u64 = windows
        .filter(|w| memchr2(b' ', b'\n', w).is_some())
        .map(|w| text_tokens(&String::from_utf8_lossy(w)) * 7 / 8)
        .sum();
    tokens * json.len() as u64 / (WINDOWS * WINDOW_BYTES) as u64
}

/// Whether the protocols carry what a model wrote in a field of this name.
pub(super) fn is_output(field: &[u8]) -> bool {
    matches!(
        field,
        b"content"
            | b"text"
            | b"arguments"
            | b"reasoning_content"
            | b"reasoning"
            | b"delta"
            | b"thinking"
            | b"partial_json"
    )
}

/// Estimated output tokens of a JSON answer, or of one event of a stream.
pub fn answer_tokens(json: &[u8]) -> u64 {
    Fields::of(json).filter(|field| is_output(field.name)).filter_map(|field| field.string).map(string_tokens).sum()
}

/// Whether a string is encoded media, to judge by its look.
pub(super) fn is_media(string: &[u8]) -> bool {
    string.len() > MEDIA_BYTES && memchr(b' ', string).is_none() && string.is_ascii()
}

/// Estimated tokens of a string that is still escaped.
pub(super) fn string_tokens(escaped: &[u8]) -> u64 {
    if is_media(escaped) {
        return MEDIA_TOKENS;
    }
    match std::str::from_utf8(escaped) {
        Ok(text) => text_tokens(text),
        Err(_) => escaped.len().div_ceil(4) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_weigh_what_they_cost() {
        assert_eq!(text_tokens(""), 0);
        for (text, low, high) in [
            ("Hello world!", 2, 5),
            ("The quick brown fox jumps over the lazy dog.", 8, 14),
            ("你好世界", 3, 5),
            ("こんにちは", 2, 6),
            ("한국어", 2, 5),
            ("1234567890", 3, 6),
            ("fn main() { println!(\"{}\", 1 + 2); }", 10, 22),
        ] {
            let found = text_tokens(text);
            assert!((low..=high).contains(&found), "{text}: {found}");
        }
    }

    /// Row 123 of the feature table. The counts are those of OpenAI's o200k vocabulary (the crate bpe-openai 0.3.2).
    #[test]
    fn row_123_a_mixed_corpus_is_estimated_within_a_tenth() {
        let corpus = [
            (include_str!("../../tests/corpus/chinese.txt"), 45),
            (include_str!("../../tests/corpus/code.rs.txt"), 122),
            (include_str!("../../tests/corpus/english.txt"), 49),
            (include_str!("../../tests/corpus/german.txt"), 25),
            (include_str!("../../tests/corpus/japanese.txt"), 54),
            (include_str!("../../tests/corpus/korean.txt"), 34),
            (include_str!("../../tests/corpus/log.txt"), 84),
            (include_str!("../../tests/corpus/russian.txt"), 30),
            (include_str!("../../tests/corpus/tools.json.txt"), 74),
        ];
        let (mut estimated, mut counted) = (0, 0);
        for (text, tokens) in corpus {
            let found = text_tokens(text);
            assert!(found.abs_diff(tokens) * 2 <= tokens, "{found} for {tokens}: {text}");
            estimated += found;
            counted += tokens;
        }
        assert!(estimated.abs_diff(counted) * 10 <= counted, "{estimated} for {counted}");
        // The seed's vectors: kana and hangul are not Latin letters.
        for (text, low, high) in
            [("Hello world!", 3, 4), ("你好世界", 3, 4), ("Hello 你好", 3, 4), ("こんにちは", 3, 5)]
        {
            assert!((low..=high).contains(&text_tokens(text)), "{text}: {}", text_tokens(text));
        }
    }

    #[test]
    fn reads_what_the_model_wrote() {
        let chunk = br#"{"id":"chatcmpl-1","choices":[{"delta":{"content":"Hello \"big\" world"}}]}"#;
        let found = answer_tokens(chunk);
        assert!((4..=9).contains(&found), "{found}");
        assert_eq!(answer_tokens(br#"{"choices":[{"delta":{"content":null}}]}"#), 0);
        assert_eq!(answer_tokens(br#"{"choices":[{"delta":{"content":"never closed"#), 3);
    }

    #[test]
    fn samples_come_close_to_the_whole() {
        let message = r#"{"role":"user","content":"Please read the file src/main.rs and tell me what it does."},"#;
        let body = format!(r#"{{"model":"m","messages":[{}]}}"#, message.repeat(2_000).trim_end_matches(','));
        let (whole, sampled) = (request_tokens(body.as_bytes()), sampled_request_tokens(body.as_bytes()));
        assert!(whole.abs_diff(sampled) * 5 < whole, "{whole} {sampled}");
    }

    #[test]
    fn media_is_no_text() {
        let body = format!(r#"{{"model":"m","image":"data:image/png;base64,{}"}}"#, "A".repeat(1_000_000));
        assert!(request_tokens(body.as_bytes()) < 900);
    }
}
