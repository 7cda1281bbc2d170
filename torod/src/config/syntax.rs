//! What is wrong with a text that is no TOML, in words that say what to write.

use super::report::Report;

/// More than these are hardly read.
const MOST: usize = 20;

/// What the parser says (the start of it), in our words, and what to write.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "string values must be quoted",
        "the value is missing or not in quotes",
        "write texts and units in quotes, such as `level = \"info\"` or `grace = \"30s\"`",
    ),
    (
        "duplicate key",
        "this key or table is given twice",
        "keep one; repeated tables need double brackets, such as `[[providers]]`",
    ),
    ("unclosed table", "the table header has no closing bracket", "write `[limits]` or `[[providers]]`"),
    ("unclosed array", "the array has no closing bracket", "add `]`"),
    ("unclosed inline table", "the inline table has no closing brace", "add `}`"),
    (
        "invalid basic string",
        "the text in quotes is not closed, or holds a `\\` or a character that must not stand there",
        "close it with `\"` on the same line; write `\\` as `\\\\`, or use single quotes",
    ),
    (
        "invalid literal string",
        "the text in single quotes is not closed, or holds a character that must not stand there",
        "close it with `'` on the same line",
    ),
    ("key with no value", "the key has no value", "write `key = value`"),
    ("invalid boolean", "this is no boolean", "write `true` or `false` in small letters"),
    ("unexpected key or value", "something stands behind the value", "put each key on its own line"),
    ("unquoted keys cannot be empty", "there is no key before `=`", "write `key = value`"),
    ("invalid unquoted key", "the key holds a character that it cannot have", "use letters, digits, `-` and `_`"),
    ("unexpected leading zero", "a number cannot start with 0", "remove the leading zeros"),
];

/// Notes each error of the parser.
pub(super) fn explain(text: &str, errors: &[toml::de::Error], report: &Report<'_>) {
    if errors.is_empty() {
        return;
    }
    report.is_broken();
    for error in errors.iter().take(MOST) {
        let span = error.span().unwrap_or(text.len()..text.len());
        let known = WORDS.iter().find(|(start, ..)| error.message().starts_with(start));
        let (message, advice) = match known {
            Some((_, message, advice)) => ((*message).to_owned(), (*advice).to_owned()),
            None => (error.message().to_owned(), "write it as https://toml.io says".to_owned()),
        };
        report.error(span, "", format!("not TOML: {message}"), advice);
    }
}
