//! Cuts a body into the pieces that it is stored as, without its secrets.
//!
//! Of a JSON object, every element of a list at its top (`messages`, `tools`, …) is a piece, and every long text wherever
//! it stands, so that what a client sends again with the next turn is the same pieces, also where it moved a cache mark.

use std::borrow::Cow;

use tokenrouter::chat::content::is_base64;

use super::redact::Redactor;
use crate::store::conversations::pieces::{MIN_PIECE, Piece};

/// Texts from this length on are pieces of their own.
const LONG: usize = 1024;
/// From so many pieces on, small ones are put together.
const MOST_SMALL: usize = 20_000;
/// Data of this length is looked at for what it is, and not searched for keys.
const DATA: usize = 4096;

/// Cuts `body` without the secrets that `redactor` finds.
pub fn cut(body: &[u8], redactor: &Redactor) -> Vec<Piece> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        let text = String::from_utf8_lossy(body);
        let clean = redactor.text(&text).into_owned().into_bytes();
        return if clean.is_empty() { Vec::new() } else { vec![Piece { bytes: clean, is_text: true }] };
    }
    let mut cutter = Cutter::default();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => {
                let inside = body.get(at + 1..).unwrap_or_default();
                let end = string_end(inside);
                let raw = inside.get(..end).unwrap_or_default();
                cutter.open.push(b'"');
                cutter.string(&clean(raw, redactor));
                // The closing quote; a string without one ends the body.
                if inside.len() > end {
                    cutter.open.push(b'"');
                }
                at += end + 2;
                continue;
            }
            b'{' | b'[' => {
                cutter.open.push(*byte);
                cutter.depth += 1;
                if cutter.depth == 2 {
                    cutter.in_list = *byte == b'[';
                    if cutter.in_list {
                        cutter.close();
                    }
                }
            }
            b'}' | b']' => {
                if cutter.depth == 2 && cutter.in_list {
                    cutter.close();
                }
                cutter.open.push(*byte);
                cutter.depth = cutter.depth.saturating_sub(1);
            }
            b',' if cutter.depth == 2 && cutter.in_list => {
                cutter.part();
                cutter.open.push(b',');
            }
            other => cutter.open.push(*other),
        }
        at += 1;
    }
    cutter.close();
    cutter.pieces
}

/// The pieces without a cut, put together.
pub fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect()
}

#[derive(Default)]
struct Cutter {
    pieces: Vec<Piece>,
    /// The piece that is being made.
    open: Vec<u8>,
    depth: usize,
    /// Whether the second level is a list.
    in_list: bool,
}

impl Cutter {
    fn string(&mut self, clean: &[u8]) {
        if clean.len() < LONG {
            self.open.extend_from_slice(clean);
        } else {
            self.close();
            self.pieces.push(Piece { bytes: clean.to_vec(), is_text: true });
        }
    }

    /// Ends a piece between two elements of a list; very many small ones are not worth one each.
    fn part(&mut self) {
        if self.pieces.len() < MOST_SMALL || self.open.len() >= MIN_PIECE {
            self.close();
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(Piece { bytes: std::mem::take(&mut self.open), is_text: false });
        }
    }
}

/// Where the string ends whose inside begins `bytes`.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    bytes.len()
}

fn clean<'r>(raw: &'r [u8], redactor: &Redactor) -> Cow<'r, [u8]> {
    if raw.len() >= DATA {
        let data = raw.strip_prefix(b"data:").and_then(|data| data.splitn(2, |b| *b == b',').nth(1)).unwrap_or(raw);
        if std::str::from_utf8(data).is_ok_and(is_base64) {
            return Cow::Borrowed(raw);
        }
    }
    match std::str::from_utf8(raw) {
        Ok(text) => match redactor.json_string(text) {
            Cow::Borrowed(_) => Cow::Borrowed(raw),
            Cow::Owned(clean) => Cow::Owned(clean.into_bytes()),
        },
        Err(_) => Cow::Owned(redactor.json_string(&String::from_utf8_lossy(raw)).into_owned().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(body: &[u8]) -> bool {
        joined(&cut(body, &Redactor::default())) == body
    }

    #[test]
    fn the_pieces_are_the_body_and_elements_are_pieces() {
        let long = "x y ".repeat(400);
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"a"}},{{"role":"user","content":[{{"text":"{long}","n":[1,2]}}]}}],"tools":[{{"a":{{}}}}]}}"#
        );
        assert!(same(body.as_bytes()));
        let pieces: Vec<String> = cut(body.as_bytes(), &Redactor::default())
            .into_iter()
            .map(|piece| String::from_utf8(piece.bytes).unwrap())
            .collect();
        assert!(pieces.contains(&r#"{"role":"user","content":"a"}"#.to_owned()), "{pieces:?}");
        assert!(pieces.contains(&long) && pieces.contains(&r#"{"a":{}}"#.to_owned()), "{pieces:?}");
    }

    #[test]
    fn a_great_many_elements_are_not_as_many_pieces() {
        let body = format!(r#"{{"messages":[{}]}}"#, vec!["1"; 500_000].join(","));
        assert!(same(body.as_bytes()));
        let pieces = cut(body.as_bytes(), &Redactor::default()).len();
        assert!((MOST_SMALL..MOST_SMALL + 1_000_000 / MIN_PIECE).contains(&pieces), "{pieces}");
    }

    #[test]
    fn a_next_turn_has_the_pieces_of_the_one_before() {
        let turn = |messages: &str| format!(r#"{{"model":"m","messages":[{messages}],"stream":true}}"#);
        let one = r#"{"role":"user","content":"first"}"#;
        let two = r#"{"role":"assistant","content":"second"},{"role":"user","content":"third"}"#;
        let before = cut(turn(one).as_bytes(), &Redactor::default());
        let after = cut(turn(&format!("{one},{two}")).as_bytes(), &Redactor::default());
        assert!(before.iter().all(|piece| after.contains(piece)), "{before:?} {after:?}");
    }

    #[test]
    fn secrets_are_gone_wherever_they_stand() {
        let key = "sk-ant-api03-abcDEF123456789";
        for body in [
            format!(r#"{{"messages":[{{"content":"{key}"}}]}}"#),
            format!(r#"{{"{key}":1}}"#),
            format!(r#"{{"a":"{{\"key\":\"{key}\",\"b\":\"\\n{key}\"}}"}}"#),
            format!("no json {key}"),
            format!(r#"{{"never":"closed {key}"#),
            format!(r#"{{"a":"{} {key}"}}"#, "word ".repeat(2000)),
        ] {
            let clean = String::from_utf8(joined(&cut(body.as_bytes(), &Redactor::default()))).unwrap();
            assert!(!clean.contains("api03") && clean.contains("[redacted: API key]"), "{clean}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_without_loss_or_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = cut(&body, &Redactor::default());
            let mut object = vec![b'{'];
            object.extend(&body);
            if object.is_ascii() {
                prop_assert!(same(&object));
            }
        }

        #[test]
        fn json_stays_json(text in any::<String>(), other in "[\\\\\"u/a-z ]{0,30}") {
            let body = serde_json::json!({"messages": [{"content": text}, other.as_str()], "x": {"y": [other]}}).to_string();
            let clean = joined(&cut(body.as_bytes(), &Redactor::default()));
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&clean).is_ok());
        }
    }
}
