//! Keys, names and URLs as other programs write them.

use tokenrouter_shared::Secret;

use super::KeyOf;
use crate::config::{is_name, origin_of, without_operation};

/// `os.environ/NAME`, `${NAME}`, `$NAME` or the key itself. None: it is empty, or no key.
pub(super) fn key(text: &str) -> Option<KeyOf> {
    let text = text.trim();
    let is_variable = |name: &str| {
        !name.is_empty() && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let braced = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let name = text.strip_prefix("os.environ/").or(braced).or_else(|| text.strip_prefix('$'));
    if let Some(name) = name.filter(|name| is_variable(name)) {
        return Some(KeyOf::Variable(name.to_owned()));
    }
    // Placeholders that other programs want where there is no key.
    let is_placeholder = ["none", "no-key", "not-needed", "dummy", "empty", "sk-no-key-required"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    let is_key = !text.is_empty() && text.len() <= 8192 && text.bytes().all(|b| b.is_ascii_graphic());
    (is_key && !is_placeholder).then(|| KeyOf::Literal(Secret::from(text)))
}

/// A name that a provider may have, made of `text`.
pub(super) fn provider_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.trim().chars().take(48).map(plain).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    if is_name(&name) { name } else { "provider".to_owned() }
}

/// A base URL without the path of an operation; none where it is no URL that may be called, or has a password in it.
pub(super) fn base_url(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let bare = without_operation(text).map_or(text, |(bare, _)| bare);
    (origin_of(bare).is_some() && !bare.contains(['@', '?', '#', ' '])).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_told_from_a_key_and_a_key_from_nothing() {
        for text in ["os.environ/OPENAI_API_KEY", "${OPENAI_API_KEY}", "$OPENAI_API_KEY"] {
            assert_eq!(key(text), Some(KeyOf::Variable("OPENAI_API_KEY".to_owned())), "{text}");
        }
        assert_eq!(key("sk-abc"), Some(KeyOf::Literal("sk-abc".into())));
        for text in ["", "  ", "none", "a key with blanks", "${A B}", "sk-\u{e9}"] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn names_and_urls_are_made_fit() {
        assert_eq!(provider_name(" My Channel (EU) "), "my-channel--eu");
        assert_eq!(provider_name("通道"), "provider");
        assert_eq!(base_url("https://h/v1/chat/completions/").as_deref(), Some("https://h/v1"));
        for text in ["", "h/v1", "https://user:pass@h/v1", "ftp://h", "https://h/v1?key=x"] {
            assert_eq!(base_url(text), None, "{text}");
        }
    }
}
