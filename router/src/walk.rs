//! Walks over JSON that find fields without parsing what they are not asked about.
//!
//! A stream's every event is looked at, so a walk jumps from quote to quote; text that a model wrote is one jump,
//! whatever it says about fields and quotes. The JSON is valid or the walk ends early; it never fails.

use memchr::{memchr, memchr2};

/// A field of an object at whatever depth.
pub(crate) struct Field<'a> {
    /// Its name, still escaped.
    pub name: &'a [u8],
    /// The first byte of its value that is no blank; 0 if the text ends before.
    pub first: u8,
    /// The value, still escaped, if it is a string.
    pub string: Option<&'a [u8]>,
}

/// The fields of `json` in the order they stand in.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn of(json: &'a [u8]) -> Self {
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
pub(crate) fn string_at(rest: &[u8]) -> (&[u8], &[u8]) {
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

/// The fields of the object `json` itself with their values as they are written; nothing where it is no object.
pub(crate) fn top(json: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = json.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        let open = memchr(b'"', rest)?;
        let (name, after) = string_at(rest.get(open + 1..)?);
        let value = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = value.split_at_checked(length(value))?;
        rest = after;
        Some((name, value.trim_ascii_end()))
    })
}

/// The elements of the list `json` as they are written; nothing where it is no list.
pub(crate) fn elements(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = json.trim_ascii_start().strip_prefix(b"[").unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let (value, after) = rest.split_at_checked(length(rest)).filter(|(value, _)| !value.is_empty())?;
        rest = after;
        Some(value.trim_ascii_end())
    })
}

/// The length of the value that `json` begins with: up to the comma or the bracket that ends it.
fn length(json: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let (_, after) = string_at(json.get(at + 1..).unwrap_or_default());
                at = json.len() - after.len();
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    json.len()
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

    #[test]
    fn fields_and_elements_of_one_level_come_as_they_are_written() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let json = br#" { "a" : [1, {"b": "],}"}] , "c\"d":"x\\" ,"e": null , "f":{"a":2} } "#;
        let fields: Vec<String> = top(json).map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
        assert_eq!(fields, [r#"a=[1, {"b": "],}"}]"#, r#"c\"d="x\\""#, "e=null", r#"f={"a":2}"#]);
        let list = br#"[ "a,]" , [1,[2]],{"x":[]}, 5 ]"#;
        let found: Vec<String> = elements(list).map(text).collect();
        assert_eq!(found, [r#""a,]""#, "[1,[2]]", r#"{"x":[]}"#, "5"]);
        assert_eq!((top(b"[1]").count(), elements(b"{}").count(), elements(b"[ ]").count()), (0, 0, 0));
        for end in 0..json.len() {
            assert!(top(&json[..end]).count() <= 4 && elements(&json[..end]).count() == 0);
        }
    }
}
