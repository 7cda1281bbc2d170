//! Takes out of a text what a model that only chooses need not see: encoded data, keys, long URLs.

/// A run of letters and digits of mixed kind that is longer than this is no word.
const RUN: usize = 40;
/// The same whatever it is made of.
const LONG_RUN: usize = 100;
/// The same where other signs stand between, as in a picture that is written as text.
const WORD: usize = 400;
/// So much of a URL is kept.
const URL: usize = 100;

/// `text` with notes in place of encoded data, and URLs cut short.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive([' ', '\n', '\t', '\r', '"', '\'', '<', '>', '(', ')', ',', '`']) {
        let word = piece.trim_end_matches([' ', '\n', '\t', '\r', '"', '\'', '<', '>', '(', ')', ',', '`']);
        let end = piece.get(word.len()..).unwrap_or_default();
        if word.len() <= RUN {
            out.push_str(word);
        } else {
            reduce(word, &mut out);
        }
        out.push_str(end);
    }
    out
}

fn reduce(word: &str, out: &mut String) {
    if is_url(word) {
        // Keys stand behind the question mark.
        let bare = word.split(['?', '#']).next().unwrap_or_default();
        let kept = cut(bare, URL);
        out.push_str(kept);
        if kept.len() < word.len() {
            out.push_str("[…]");
        }
        return;
    }
    if word.len() > WORD && word.is_ascii() {
        out.push_str(&format!("[encoded data, {} bytes]", word.len()));
        return;
    }
    let mut rest = word;
    while !rest.is_empty() {
        let run = rest.find(|c: char| !is_coded(c)).unwrap_or(rest.len());
        let (coded, after) = rest.split_at_checked(run).unwrap_or((rest, ""));
        if coded.len() > LONG_RUN || (coded.len() >= RUN && is_mixed(coded)) {
            out.push_str(&format!("[encoded data, {} bytes]", coded.len()));
        } else {
            out.push_str(coded);
        }
        let other = after.find(is_coded).unwrap_or(after.len());
        let (between, next) = after.split_at_checked(other).unwrap_or((after, ""));
        out.push_str(between);
        rest = next;
    }
}

fn is_url(word: &str) -> bool {
    ["http:", "https:", "ftp:"].iter().any(|lead| word.starts_with(lead))
}

const fn is_coded(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-')
}

/// Digits and letters of both cases, as keys and base64 have them.
fn is_mixed(run: &str) -> bool {
    let has = |is: fn(&u8) -> bool| run.as_bytes().iter().any(is);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

/// The beginning of `text`, at most `most` bytes.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn data_keys_and_long_urls_are_named_and_not_told() {
        let base64 = "iVBORw0KGgoAAAANSUhEUgAAAAUA".repeat(200);
        for (text, said) in [
            (
                "plain words stay, every/path/that/people/write/too.rs",
                "plain words stay, every/path/that/people/write/too.rs",
            ),
            (
                &format!("see data:image/png;base64,{base64} there"),
                "see data:image/png;base64,[encoded data, 5600 bytes] there",
            ),
            (&format!("\"{base64}\""), "\"[encoded data, 5600 bytes]\""),
            ("key sk-proj-Ab0Cd1Ef2Gh3Ij4Kl5Mn6Op7Qr8St9Uv0Wx1Yz.", "key [encoded data, 46 bytes]."),
            ("https://h.example/a/b?X-Amz-Signature=0123456789012345678901234567890", "https://h.example/a/b[…]"),
            (&format!("https://h/{}", "a".repeat(300)), &format!("https://h/{}[…]", "a".repeat(90))),
            (&"%3Csvg".repeat(99), "[encoded data, 594 bytes]"),
            (&"x".repeat(101), "[encoded data, 101 bytes]"),
            (&"字".repeat(60), &"字".repeat(60)),
        ] {
            assert_eq!(redact(text), said);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_little_grows(text in any::<String>()) {
            prop_assert!(redact(&text).len() <= text.len() + 64);
        }
    }
}
