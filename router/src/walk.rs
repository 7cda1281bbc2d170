//! Walks over JSON that find fields without parsing what they are not asked about.
//!
//! A stream's every event is looked at, so a walk jumps from quote to quote; text that a model wrote is one jump,
//! whatever it says about fields and quotes. The JSON is valid or the walk ends early; it never fails.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

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
    // Names and ids are over before a search for longer texts has begun.
    let mut from = 0;
    for block in rest.chunks_exact(8).take(4) {
        let Some(found) = mark_in(block) else {
            from += 8;
            continue;
        };
        let at = from + found;
        if rest.get(at) == Some(&b'"') {
            return (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        }
        from = at + 2;
        break;
    }
    while let Some(found) = rest.get(from..).and_then(|tail| memchr2(b'"', b'\\', tail)) {
        let at = from + found;
        if rest.get(at) == Some(&b'"') {
            return (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        }
        from = at + 2;
    }
    (rest, &[])
}

/// The place of the first quote or backslash among eight bytes.
fn mark_in(block: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let block = u64::from_le_bytes(block.try_into().ok()?);
    // The lowest high bit of the result is that of the first byte which is zero; higher ones may lie.
    let zeroes = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGHS;
    let marks = zeroes(block ^ (ONES * u64::from(b'"'))) | zeroes(block ^ (ONES * u64::from(b'\\')));
    (marks != 0).then(|| (marks.trailing_zeros() / 8) as usize)
}

/// The fields of the object `json` itself with their values as they are written; nothing where it is no object.
pub(crate) fn top(json: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = json.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, value, after) = field(rest)?;
        rest = after;
        Some((name, value))
    })
}

/// A field's name as those read it who are not particular: without escapes, in small letters.
pub(crate) fn name(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\\') {
        let quoted = [b"\"", raw, b"\""].concat();
        let text = serde_json::from_slice::<String>(&quoted).unwrap_or_default();
        return Cow::Owned(text.to_ascii_lowercase().into_bytes());
    }
    if raw.iter().any(u8::is_ascii_uppercase) { Cow::Owned(raw.to_ascii_lowercase()) } else { Cow::Borrowed(raw) }
}

/// The value of the last field of the object `json` that is called `name`. Where only fields of the object follow it,
/// what stands before is not stepped over.
pub(crate) fn last<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let quoted = [b"\"", name.as_bytes(), b"\""].concat();
    let near = memmem::find(json, &quoted).and_then(|at| in_the_end(json.get(at..)?, name.as_bytes()));
    near.or_else(|| top(json).filter(|(field, _)| *field == name.as_bytes()).map(|(_, value)| value).last())
}

/// The same for the object whose fields `rest` begins with. Its end must be the end of all: then it is the outermost.
fn in_the_end<'a>(rest: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, mut found, mut after) = field(rest)?;
    loop {
        match after.split_first()? {
            (b',', more) => {
                let (another, value, rest) = field(more)?;
                found = if another == name { value } else { found };
                after = rest;
            }
            (b'}', end) => return end.trim_ascii().is_empty().then_some(found),
            _ => return None,
        }
    }
}

/// The next field's name and value, and what follows them.
fn field(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let name = match rest {
        // As nearly everybody writes it.
        [b'"', name @ ..] | [b',', b'"', name @ ..] => name,
        _ => rest.get(memchr(b'"', rest)? + 1..)?,
    };
    let (name, after) = string_at(name);
    let value = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let (value, after) = value.split_at_checked(length(value))?;
    Some((name, value.trim_ascii_end(), after))
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
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'"' => {
                rest = string_at(after).1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        rest = after;
    }
    json.len() - rest.len()
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
    fn the_last_of_a_name_is_that_of_the_object_itself() {
        for (json, expected) in [
            (r#"{"u":1}"#, Some("1")),
            (r#"{"u":1,"u":{"u":2}} "#, Some(r#"{"u":2}"#)),
            (r#"{ "u" : [1] , "v":{"u":2}, "w":"u" }"#, Some("[1]")),
            (r#"{"a":"u","u":3,"w":4}"#, Some("3")),
            (r#"{"a":{"u":5}}"#, None),
            (r#"{"a":[{"u":5}]}"#, None),
            (r#"{"a":"\"u\":6"}"#, None),
            (r#"{"a":"\\","u":7}"#, Some("7")),
            (r#"{"a":"u"}"#, None),
            (r#"["u"]"#, None),
            (r#"{"u""#, None),
            ("", None),
        ] {
            assert_eq!(last(json.as_bytes(), "u"), expected.map(str::as_bytes), "{json}");
        }
    }

    #[test]
    fn a_string_ends_at_its_quote_wherever_that_stands() {
        for length in 0..80 {
            for escape in 0..=length {
                let inside = [vec![b'a'; escape], b"\\\"".to_vec(), vec![0xa3; length - escape]].concat();
                let json = [&inside[..], b"\" : 1"].concat();
                assert_eq!(string_at(&json), (&inside[..], &b" : 1"[..]), "{length} {escape}");
                assert_eq!(string_at(&inside), (&inside[..], &b""[..]), "{length} {escape}");
            }
        }
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
        assert_eq!(last(json, "a"), Some(&br#"[1, {"b": "],}"}]"#[..]));
        for end in 0..json.len() {
            assert!(top(&json[..end]).count() <= 4 && elements(&json[..end]).count() == 0);
        }
    }
}
