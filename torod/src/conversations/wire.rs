//! What went over the wire for a token that is inspected: the client's request, what each provider was sent and sent back,
//! and the client's answer; without secrets, and with what changed between two of them.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::value::RawValue;
use tokenrouter::convert::{Heard, heard};
use tokenrouter_shared::conversation::Stage as Word;

use super::redact::Redactor;
use super::watch::{Tried, Watched, Wire};
use super::{cut, kept, told};
use crate::store::conversations::stages::Stage;
use crate::usage::record::Outcome;

/// What a header's name may hold that keeps its value to itself.
const SECRET: [&str; 12] =
    ["auth", "cookie", "credential", "csrf", "jwt", "key", "passw", "pwd", "saml", "secret", "token", "xsrf"];
/// Names that hold such a word and no secret.
const OPEN: [&str; 5] = ["ratelimit", "rate-limit", "x-tokenrouter-", "max-tokens", "idempotency-key"];
/// The longest change that is shown itself.
const SHOWN: usize = 60;
/// How the sentence on a stage begins where nothing changed.
pub const SAME: &str = "byte for byte the same";
/// By so many bytes a change is shown wider, up to the ends of a word.
const WIDER: usize = 40;
/// The most members that are named.
const NAMED: usize = 8;
/// So far back a body that is cut off may be shortened to the end of a word: half a key looks like none.
const WORD: usize = 4 << 10;
/// Stands for a stream whose pieces are not kept.
const WITHHELD: &[u8] = b"[not kept: this stream tells a secret in pieces]";

/// One side of the wire, ready to be kept.
struct Side<'w> {
    wire: &'w Wire,
    /// The body without secrets.
    body: Vec<u8>,
}

impl<'w> Side<'w> {
    /// `wire`, of which `hear` makes an answer where it is one.
    fn of(wire: &'w Wire, redactor: &Redactor, hear: impl FnOnce(&[u8]) -> Option<Heard>) -> Self {
        let is_cut = wire.size != wire.body.len() as u64;
        let whole = if is_cut { whole_words(&wire.body) } else { &wire.body };
        let mut body = clean(whole, redactor);
        // A stream may tell a secret in pieces, none of which looks like one.
        let answer = if body.trim_ascii_start().starts_with(b"{") { None } else { hear(&body) };
        if answer.is_some_and(|answer| tells(&answer, redactor)) {
            body = WITHHELD.to_vec();
        }
        Self { wire, body }
    }

    fn client(watched: &Watched, wire: &'w Wire, redactor: &Redactor) -> Self {
        Self::of(wire, redactor, |body| {
            let told = watched.told.as_ref()?;
            Some(kept::read_answer(watched.surface, told.status, body))
        })
    }

    fn provider(tried: &Tried, watched: &Watched, wire: &'w Wire, redactor: &Redactor) -> Self {
        let (protocol, status) = (tried.record.upstream_protocol, tried.record.status);
        Self::of(wire, redactor, |body| {
            let is_native = protocol == watched.surface.protocol();
            Some(if is_native {
                kept::read_answer(watched.surface, status, body)
            } else {
                heard(protocol, status, body)
            })
        })
    }
}

/// The stages of `watched`.
pub fn stages(watched: &Watched, redactor: &Redactor) -> Vec<Stage> {
    let opened = &watched.opened;
    let stage = |attempt: usize, stage: Word, at_ms: i64, side: &Side<'_>, note: &str| Stage {
        exchange_id: opened.id,
        given_id: opened.given_id.as_deref().map(|id| redactor.text(id).into_owned()),
        token_id: opened.token.as_ref().map_or(0, |token| token.id),
        at_ms,
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        stage: stage.number(),
        head: head(&side.wire.line, &side.wire.headers, redactor),
        body: side.body.clone(),
        size: side.wire.size,
        note: redactor.text(note).into_owned(),
    };
    let client = Wire {
        line: format!("POST {}", opened.target),
        headers: opened.headers.clone().unwrap_or_default(),
        body: opened.body.to_vec(),
        size: opened.body.len() as u64,
    };
    let client = Side::of(&client, redactor, |_| None);
    let mut all = vec![stage(0, Word::ClientIn, opened.now_ms, &client, "")];
    let mut last = None;
    for (at, tried) in watched.tried.iter().enumerate() {
        if let Some(sent) = &tried.sent {
            let sent = Side::of(sent, redactor, |_| None);
            let mut note = change(&client, &sent);
            if let Some(failure) = &tried.failure {
                note += &format!("; no answer came: {failure}");
            }
            all.push(stage(at + 1, Word::UpstreamOut, tried.record.started_ms, &sent, &note));
        }
        if let Some(got) = tried.got.wire() {
            let got = Side::provider(tried, watched, got, redactor);
            let note = match tried.record.outcome {
                Outcome::Ok => String::new(),
                other => format!("it counts as: {}", other.as_str().replace('_', " ")),
            };
            all.push(stage(at + 1, Word::UpstreamIn, tried.record.ended_ms(), &got, &note));
            last = Some(got);
        }
    }
    if let Some(told) = &watched.told {
        let wire = Wire {
            line: StatusCode::from_u16(told.status).map_or_else(|_| told.status.to_string(), |told| told.to_string()),
            headers: told.headers.clone().unwrap_or_default(),
            body: told.body.clone(),
            size: told.size,
        };
        let out = Side::client(watched, &wire, redactor);
        let mut note = match &last {
            Some(got) => change(got, &out),
            None => "the gateway's own answer".to_owned(),
        };
        if !told.is_whole {
            note += "; the client left before the end";
        }
        let ended_ms = watched.tried.last().map_or(opened.now_ms, |tried| tried.record.ended_ms());
        all.push(stage(0, Word::ClientOut, ended_ms, &out, &note));
    }
    all
}

/// Whether `answer` tells what looks like a secret, put together from its pieces.
fn tells(answer: &Heard, redactor: &Redactor) -> bool {
    let answer = serde_json::to_vec(&told::KeptAnswer::of(answer)).unwrap_or_default();
    clean(&answer, redactor) != answer
}

fn clean(body: &[u8], redactor: &Redactor) -> Vec<u8> {
    cut::joined(&cut::cut(body, redactor))
}

/// `body` up to the end of a word.
fn whole_words(body: &[u8]) -> &[u8] {
    let from = body.len().saturating_sub(WORD);
    let tail = body.get(from..).unwrap_or_default();
    let end = tail.iter().rposition(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b','));
    body.get(..from + end.unwrap_or(0)).unwrap_or_default()
}

/// The first line and the headers, without secrets.
fn head(line: &str, headers: &HeaderMap, redactor: &Redactor) -> String {
    let mut text = redactor.text(line).into_owned();
    for (name, value) in headers {
        let is_secret = value.is_sensitive() || is_secret(name);
        let value = String::from_utf8_lossy(value.as_bytes());
        let shown = if is_secret { "[redacted]".into() } else { redactor.text(&value) };
        _ = write!(text, "\n{name}: {shown}");
    }
    text
}

fn is_secret(name: &HeaderName) -> bool {
    let name = name.as_str();
    SECRET.iter().any(|word| name.contains(word)) && !OPEN.iter().any(|word| name.contains(word))
}

/// How `after` differs from `before`, in a sentence.
fn change(before: &Side<'_>, after: &Side<'_>) -> String {
    let (was, is) = (before.wire, after.wire);
    if was.size != was.body.len() as u64 || is.size != is.body.len() as u64 {
        return format!("{} became {}; not all of them are kept", bytes(was.size), is.size);
    }
    if was.body == is.body {
        return format!("{SAME}, {}", bytes(was.size));
    }
    let sizes = format!("{} became {}", bytes(was.size), is.size);
    // What is kept is compared from here on: half a secret does not look like one.
    let (from, to) = (&before.body[..], &after.body[..]);
    if from == to {
        return format!("the same but for a secret; {sizes}");
    }
    let start = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let most = from.len().min(to.len()) - start;
    let end = from.iter().rev().zip(to.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    // Whole words are easier to read.
    let in_word = |b: &&u8| !(b.is_ascii_whitespace() || br#""',:{}[]"#.contains(*b));
    let (before, after) = (from.get(..start), from.get(from.len() - end..));
    let start = start - before.unwrap_or_default().iter().rev().take(WIDER).take_while(in_word).count();
    let end = end - after.unwrap_or_default().iter().take(WIDER).take_while(in_word).count();
    let (was, is) = (middle(from, start, end), middle(to, start, end));
    // Of members that came or went the names are told.
    let is_value = |part: &[u8]| part.len() <= SHOWN && memchr::memmem::find(part, b"\":").is_none();
    if is_value(was) && is_value(is) {
        let (was, is) = (String::from_utf8_lossy(was), String::from_utf8_lossy(is));
        let said = match (was.is_empty(), is.is_empty()) {
            (true, _) => format!("`{is}` was added"),
            (_, true) => format!("`{was}` was left out"),
            _ => format!("`{was}` became `{is}`"),
        };
        return format!("the same but for one place, at byte {start}: {said}; {sizes}");
    }
    members(from, to).map_or_else(|| sizes.clone(), |members| sizes.clone() + &members)
}

fn middle(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..bytes.len() - end).unwrap_or_default()
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// Which members of two objects differ.
fn members(from: &[u8], to: &[u8]) -> Option<String> {
    type Members<'a> = std::collections::BTreeMap<String, &'a RawValue>;
    let from: Members<'_> = serde_json::from_slice(from).ok()?;
    let to: Members<'_> = serde_json::from_slice(to).ok()?;
    let list = |names: Vec<&String>| {
        let more = names.len().saturating_sub(NAMED);
        let mut text = names.into_iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text += &format!(" and {more} more");
        }
        text
    };
    let mut said = String::new();
    let gone: Vec<&String> = from.keys().filter(|name| !to.contains_key(*name)).collect();
    let new: Vec<&String> = to.keys().filter(|name| !from.contains_key(*name)).collect();
    let other: Vec<&String> = from
        .iter()
        .filter(|(name, value)| to.get(*name).is_some_and(|now| now.get() != value.get()))
        .map(|(name, _)| name)
        .collect();
    for (what, names) in [("left out", gone), ("added", new), ("changed", other)] {
        if !names.is_empty() {
            said += &format!("; {what}: {}", list(names));
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(body: &str) -> Wire {
        Wire { body: body.into(), size: body.len() as u64, ..Wire::default() }
    }

    fn change(before: &Wire, after: &Wire) -> String {
        let side = |wire| Side::of(wire, &Redactor::default(), |_| None);
        super::change(&side(before), &side(after))
    }

    #[test]
    fn changes_are_told_in_a_sentence() {
        for (before, after, said) in [
            ("{}", "{}", "byte for byte the same, 2 bytes"),
            (
                r#"{"model":"chat","n":1}"#,
                r#"{"model":"gpt","n":1}"#,
                "the same but for one place, at byte 10: `chat` became `gpt`; 22 bytes became 21",
            ),
            ("aa", "aaa", "the same but for one place, at byte 0: `aa` became `aaa`; 2 bytes became 3"),
            (r#"{"a":""}"#, r#"{"a":"x"}"#, "the same but for one place, at byte 6: `x` was added; 8 bytes became 9"),
        ] {
            assert_eq!(change(&wire(before), &wire(after)), said);
        }
        let long = "x".repeat(100);
        let said =
            change(&wire(&format!(r#"{{"a":1,"b":"{long}","c":2}}"#)), &wire(&format!(r#"{{"c":3,"d":"{long}"}}"#)));
        assert_eq!(said, "120 bytes became 114; left out: a, b; added: d; changed: c");
        let cut = Wire { size: 9, ..wire("ab") };
        assert_eq!(change(&cut, &wire("ab")), "9 bytes became 2; not all of them are kept");
        // What is cut out of a secret is none to look at, and is not quoted.
        let key = |end: &str| wire(&format!(r#"{{"a":"sk-ant-api03-abcDEF12345678{end}","n":1}}"#));
        assert_eq!(change(&key("90"), &key("91x")), "the same but for a secret; 43 bytes became 44");
    }

    #[test]
    fn what_is_cut_off_ends_with_a_word() {
        let cut = Wire { size: 99, ..wire("look at sk-ant-api03-abcD") };
        assert_eq!(Side::of(&cut, &Redactor::default(), |_| None).body, b"look at");
        let cut = Wire { size: 99_999, ..wire(&"x".repeat(5_000)) };
        assert_eq!(Side::of(&cut, &Redactor::default(), |_| None).body.len(), 5_000 - WORD);
    }

    #[test]
    fn a_stream_that_tells_a_secret_in_pieces_is_not_kept() {
        let stream = |pieces: &[&str]| -> String {
            let piece = |text: &&str| {
                format!(
                    "data: {}\n\n",
                    serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text } }] })
                )
            };
            pieces.iter().map(piece).collect()
        };
        let kept = |text: &str| {
            let hear = |body: &[u8]| Some(heard(tokenrouter::Protocol::OpenAi, 200, body));
            String::from_utf8(Side::of(&wire(text), &Redactor::default(), hear).body).unwrap()
        };
        let whole = stream(&["look: ", "sk-ant-api03-abcDEF123456789", " there"]);
        assert_eq!(kept(&whole), whole.replace("sk-ant-api03-abcDEF123456789", "[redacted: API key]"));
        assert_eq!(kept(&stream(&["look: sk-ant-", "api03-abcDEF", "123456789"])).as_bytes(), WITHHELD);
    }

    #[test]
    fn heads_keep_secrets_to_themselves() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("x-api-key", "y"),
            ("cookie", "z"),
            ("anthropic-ratelimit-tokens-remaining", "7"),
            ("x-note", "sk-ant-api03-abcDEF123456789"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        // A provider's own header of the configuration.
        let mut own = http::HeaderValue::from_static("hush");
        own.set_sensitive(true);
        headers.insert("x-account", own);
        let head =
            head("POST /v1/messages?key=AIzaSyA0123456789abcdefghijklmnopqrstuv", &headers, &Redactor::default());
        for gone in ["Bearer x", ": y", ": z", "api03", "AIza", "hush"] {
            assert!(!head.contains(gone), "{head}");
        }
        assert!(head.contains("remaining: 7"), "{head}");
    }
}
