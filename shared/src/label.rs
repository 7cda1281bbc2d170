//! Labels of a token, and which characters may stand in a text that people see.

use std::collections::BTreeMap;

use crate::limits::{LimitsError, MAX_NAME, MAX_TEXT};

/// Labels of a token.
pub const MAX_LABELS: usize = 32;

/// Labels of a token: what people sort and search by.
pub type Labels = BTreeMap<String, String>;

/// Whether labels lie within bounds.
pub fn check_labels(labels: &Labels) -> Result<(), LimitsError> {
    if labels.len() > MAX_LABELS {
        return Err(LimitsError::Labels);
    }
    for (key, value) in labels {
        let is_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if key.is_empty() || key.len() > MAX_NAME || !key.bytes().all(is_key) {
            return Err(LimitsError::LabelKey(key.clone()));
        }
        if value.len() > MAX_TEXT || !value.chars().all(is_printable) {
            return Err(LimitsError::LabelValue(key.clone()));
        }
    }
    Ok(())
}

/// Whether a character shows and does nothing else: no control character, none that turns the direction of the text
/// or takes no room.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_plain() {
        let labels = |key: &str, value: &str| check_labels(&[(key.to_owned(), value.to_owned())].into());
        assert_eq!(labels("team.a-b_c9", "Suche & Fund"), Ok(()));
        for (key, value) in [("", "a"), ("Team", "a"), ("a b", "a"), (&*"k".repeat(65), "a"), ("k", "\u{1b}[31m")] {
            assert!(labels(key, value).is_err(), "{key} {value:?}");
        }
        assert!(labels("k", &"v".repeat(257)).is_err());
        assert!(check_labels(&(0..33).map(|n| (format!("k{n}"), String::new())).collect()).is_err());
    }
}
