//! Text out of JSON strings that are still escaped, as much of it as is wanted and no more.

/// The first characters of the JSON string `escaped`, at most about `most` bytes; what is no text becomes U+FFFD.
pub(super) fn head(escaped: &[u8], most: usize) -> String {
    let mut text = String::with_capacity(escaped.len().min(most) + 4);
    let mut rest = escaped;
    while text.len() < most {
        let Some((first, after)) = rest.split_first() else { break };
        if *first == b'\\' {
            rest = escape(after, &mut text);
            continue;
        }
        // A character is at most four bytes long; what is cut here was cut before.
        let length = match first {
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            _ => 1,
        };
        let (character, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        text.push_str(std::str::from_utf8(character).unwrap_or("\u{fffd}"));
        rest = after;
    }
    text
}

/// The last characters of the same.
pub(super) fn tail(escaped: &[u8], most: usize) -> String {
    let mut from = escaped.len().saturating_sub(most);
    // Not in the middle of a character, nor of an escape: those have at most five characters behind the backslash.
    while from > 0 && escaped.get(from).is_some_and(|byte| byte & 0xc0 == 0x80) {
        from -= 1;
    }
    let near = escaped.get(from.saturating_sub(6)..from).unwrap_or_default();
    if near.contains(&b'\\') {
        let ahead = escaped.get(from..(from + 64).min(escaped.len())).unwrap_or_default();
        from += ahead.iter().position(|byte| matches!(byte, b' ' | b'.')).unwrap_or(0);
    }
    head(escaped.get(from..).unwrap_or_default(), most)
}

/// What stands behind a backslash, and what follows that.
fn escape<'a>(rest: &'a [u8], text: &mut String) -> &'a [u8] {
    let Some((kind, after)) = rest.split_first() else { return rest };
    let plain = match kind {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => {
            let (code, after) = unit(after);
            let second = after.strip_prefix(b"\\u").filter(|_| (0xd800..0xdc00).contains(&code)).map(unit);
            if let Some((low, after)) = second.filter(|(low, _)| (0xdc00..0xe000).contains(low)) {
                let joined = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                text.push(char::from_u32(joined).unwrap_or('\u{fffd}'));
                return after;
            }
            text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            return after;
        }
        other => char::from(*other),
    };
    text.push(plain);
    after
}

/// Four hexadecimal digits, and what follows them.
fn unit(rest: &[u8]) -> (u32, &[u8]) {
    let (digits, after) = rest.split_at_checked(4).unwrap_or((&[], rest));
    let code = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (code.unwrap_or(0xfffd), after)
}

/// The first and the last of a text, with a note of what is missing between them.
pub(super) fn ends(escaped: &[u8], first: usize, last: usize) -> String {
    if escaped.len() <= first + last {
        return head(escaped, escaped.len());
    }
    let missing = escaped.len() - first - last;
    format!("{} […{missing} bytes left out…] {}", head(escaped, first), tail(escaped, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_become_what_they_stand_for() {
        for (json, said) in [
            (r#""a\nb\"c\\ \/""#, "a\nb\"c\\ /"),
            (r#""\u00e9\u20ac""#, "é€"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\ud83d!""#, "\u{fffd}!"),
            (r#""é€😀""#, "é€😀"),
        ] {
            let inside = &json.as_bytes()[1..json.len() - 1];
            assert_eq!(head(inside, 100), said);
        }
        assert_eq!(head("ééé".as_bytes(), 3), "éé");
        assert_eq!(ends(b"aaaabbbbcccc", 4, 4), "aaaa […4 bytes left out…] cccc");
        assert_eq!(ends(b"aaaa", 4, 4), "aaaa");
    }

    proptest! {
        #[test]
        fn whole_texts_come_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(head(&json.as_bytes()[1..json.len() - 1], usize::MAX >> 8), text);
        }

        #[test]
        fn whatever_the_bytes_nothing_panics_and_nothing_is_longer_than_wanted(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b'u'), Just(b'd'), Just(0xf0), any::<u8>()], 0..80),
            most in 0_usize..90,
        ) {
            prop_assert!(head(&bytes, most).len() <= most + 4);
            prop_assert!(tail(&bytes, most).len() <= most + 4);
            drop(ends(&bytes, most / 2, most / 3));
        }
    }
}
