//! One walk over JSON that finds every field at any depth, without parsing what it is not asked about.
//!
//! A stream's every event is looked at, so the walk jumps from quote to quote; text that a model wrote is one jump,
//! whatever it says about fields and quotes.

use memchr::{memchr, memchr2};

/// A field of an object at whatever depth.
pub(super) struct Field<'a> {
    /// Its name, still escaped.
    pub name: &'a [u8],
    /// The first byte of its value that is no blank; 0 if the text ends before.
    pub first: u8,
    /// The value, still escaped, if it is a string.
    pub string: Option<&'a [u8]>,
}

/// The fields of `json` in the order they stand in.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn of(json: &'a [u8]) -> Self {
        Self { rest: json }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let open = memchr(b'"', self.rest)?;
            let (name, after) = string_at(self.rest.get(open + 1..)?);
            self.rest = after;
            // A string that no colon follows is a value in a list.
            let Some(value) = after.trim_ascii_start().strip_prefix(b":") else { continue };
            let rest = value.trim_ascii_start();
            let string = rest.strip_prefix(b"\"").map(string_at);
            self.rest = string.map_or(rest, |(_, after)| after);
            let first = rest.first().copied().unwrap_or_default();
            return Some(Field { name, first, string: string.map(|(inside, _)| inside) });
        }
    }
}

/// The string that `rest` stands in, still escaped, and what follows it.
pub(super) fn string_at(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|tail| memchr2(b'"', b'\\', tail)) {
        let at = from + found;
        if rest.get(at) == Some(&b'"') {
            return (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        }
        from = at + 2;
    }
    (rest, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_at_any_depth_and_never_in_text() {
        let json = br#"{"a" : [ {"b\"c":"say \"d\": 1"} , "e" ], "f":{"g":null},"h":12"#;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found: Vec<String> = Fields::of(json)
            .map(|field| format!("{} {} {:?}", text(field.name), char::from(field.first), field.string.map(text)))
            .collect();
        let string = r#"b\"c " Some("say \\\"d\\\": 1")"#;
        assert_eq!(found, ["a [ None", string, "f { None", "g n None", "h 1 None"]);
    }

    #[test]
    fn an_end_in_the_middle_ends_the_walk() {
        let json = br#"{"a":"b\"","c":{"d": "never closed"#;
        for end in 0..json.len() {
            assert!(Fields::of(&json[..end]).count() <= 3);
        }
    }
}
