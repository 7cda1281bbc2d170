//! Comma-separated values (RFC 4180) that a spreadsheet can open without harm, and that tell every text exactly.
//!
//! A spreadsheet takes a field for a formula that begins with one of a few characters. Such a text, and one that begins with
//! an apostrophe itself, gets an apostrophe in front: a spreadsheet then takes it for text, and whoever takes away one
//! apostrophe at the beginning of a text has it back as it was.

use std::io::{self, Write};

/// What makes a spreadsheet reckon, and the mark against it.
const RISKY: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\''];

/// One value of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// A text, whoever wrote it.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// A number that may be below nothing.
    Signed(i64),
    /// Nano-dollars, told in dollars.
    Dollars(i64),
    /// Whether.
    Flag(bool),
    /// Nothing.
    None,
}

impl<'a> From<Option<&'a str>> for Field<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::None, Self::Text)
    }
}

impl From<u64> for Field<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// Writes the names of the columns.
pub fn header(out: &mut dyn Write, names: &[&str]) -> io::Result<()> {
    line(out, &names.iter().map(|name| Field::Text(name)).collect::<Vec<_>>())
}

/// Writes one line.
pub fn line(out: &mut dyn Write, fields: &[Field<'_>]) -> io::Result<()> {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match field {
            Field::Text(text) => write_text(out, text)?,
            Field::Number(number) => write!(out, "{number}")?,
            Field::Signed(number) => write!(out, "{number}")?,
            Field::Dollars(nanos) => write!(out, "{}", exact_dollars(*nanos))?,
            Field::Flag(is) => write!(out, "{is}")?,
            Field::None => {}
        }
    }
    out.write_all(b"\r\n")
}

fn write_text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let mark = if text.starts_with(RISKY) { "'" } else { "" };
    let is_quoted = text.contains([',', '"', '\r', '\n', ' ', ';', '\t']) || text.is_empty();
    if is_quoted { write!(out, "\"{mark}{}\"", text.replace('"', "\"\"")) } else { write!(out, "{mark}{text}") }
}

/// Dollars with all nine places, so that nothing is rounded: `0.000018000`.
pub fn exact_dollars(nanos: i64) -> String {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(fields: &[Field<'_>]) -> String {
        let mut out = Vec::new();
        line(&mut out, fields).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The fields of one line, read by the book.
    fn read(line: &str) -> Vec<String> {
        let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.strip_suffix("\r\n").unwrap().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if is_quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
                c => field.push(c),
            }
        }
        fields.push(field);
        fields.into_iter().map(|field| field.strip_prefix('\'').map(str::to_owned).unwrap_or(field)).collect()
    }

    #[test]
    fn no_text_is_a_formula_or_a_column() {
        for (text, expected) in [
            ("gpt-5", "gpt-5"),
            ("=1+2", "'=1+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "'＝1"),
            ("'quoted'", "''quoted'"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("a\nb", "\"a\nb\""),
        ] {
            assert_eq!(written(&[Field::Text(text)]), format!("{expected}\r\n"), "{text}");
        }
        let numbers =
            [Field::Number(u64::MAX), Field::Signed(-3), Field::Dollars(-18_000), Field::Flag(true), Field::None];
        assert_eq!(written(&numbers), "18446744073709551615,-3,-0.000018000,true,\r\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(texts in prop::collection::vec(any::<String>(), 1..5)) {
            let fields: Vec<Field<'_>> = texts.iter().map(|text| Field::Text(text)).collect();
            prop_assert_eq!(read(&written(&fields)), texts);
        }

        #[test]
        fn nothing_risky_begins_a_field(text in "[=+@\t\r'-]{0,3}[a-z,\"\n]{0,3}") {
            let line = written(&[Field::Text(&text)]);
            let shown = line.trim_start_matches('"');
            prop_assert!(text.is_empty() || !shown.starts_with(['=', '+', '-', '@', '\t']), "{}", line);
        }
    }
}
