//! A kept request, sent once more to another model: as it was, but for the model and its secrets; and the two answers beside
//! one another.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokenrouter::Protocol;
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Context, Path, translate};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::Peek;
use tokenrouter::splice;
use tokenrouter::surface::Surface;
use tokenrouter_shared::conversation::{ExchangeView, PartView};
use tokenrouter_shared::ids::ExchangeId;
use tokenrouter_shared::replay::{Differing, Has, ReplaySide, ReplayView};

use super::kept;
use super::redact::Redactor;
use super::told::KeptAnswer;
use super::watch::Watched;
use crate::access::caller::Caller;
use crate::store::conversations::insert::NewExchange;

/// The longest texts that are compared, in lines.
const MOST_LINES: usize = 1_500;

/// The code of what costs more than is allowed without a word.
pub const DEAR: &str = "replay_is_dear";

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Again {
    /// On whose bill.
    pub caller: Caller,
    /// Where a client would send it.
    pub surface: Surface,
    /// What Gemini's clients say in the path: model, stream.
    pub path: (String, bool),
    /// The body.
    pub body: Bytes,
    /// The most that it may cost, in nano-dollars; none: as much as it takes.
    pub most_nanos: Option<u64>,
}

/// Sends requests through the gateway, as if a client had.
pub trait Gateway: Send + Sync {
    /// What came of it.
    fn ask(&self, again: Again) -> Pin<Box<dyn Future<Output = Result<Watched, Problem>> + Send>>;
}

/// A kept request as it is to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Where a client would send it.
    pub surface: Surface,
    /// What Gemini's clients say in the path: model, stream.
    pub path: (String, bool),
    /// The body.
    pub body: Bytes,
    /// What is not as it was.
    pub notes: Vec<String>,
}

/// The kept request `body` for `model`, in `protocol` or its own; and what is not as it was.
///
/// # Errors
///
/// Why it cannot be sent again.
pub fn prepare(
    view: &ExchangeView,
    surface: Surface,
    body: Vec<u8>,
    model: &str,
    protocol: Option<Protocol>,
) -> Result<Prepared, Problem> {
    let refused = |code: &'static str, said: &'static str, help: &'static str| {
        Err(Problem::new(Kind::BadRequest, code, said, help))
    };
    if view.request_cut {
        let said = "a part of this request was too large to be kept";
        return refused("replay_cut", said, "Raise `conversations.exchange` in torod.toml, and have it sent anew.");
    }
    let mut notes = Vec::new();
    if memchr::memmem::find(&body, b"[redacted: ").is_some() {
        notes.push("secrets that were taken out before it was kept are not in it".to_owned());
    }
    let body = Bytes::from(body);
    let own = surface.protocol();
    let to = protocol.unwrap_or(own);
    let path = Path { model, stream: view.stream, list: false };
    let request = kept::read_body(surface, &body, path);
    if request.as_ref().is_some_and(|request| request.previous_response_id.is_some()) {
        let said = "this request continues an answer that is kept for its own token alone";
        return refused(
            "replay_continues",
            said,
            "Replay the first request of the conversation, or one that has all of it.",
        );
    }
    if to != own {
        if surface == Surface::Completions {
            return refused(
                "replay_protocol",
                "an old completion has no form in another protocol",
                "Leave `protocol` out.",
            );
        }
        let target = Target::new("replay", to, model);
        let done = translate(Asked { protocol: own, body: &body, path }, &target, Context::default())?;
        if let Some(lost) = done.losses.header() {
            notes.push(format!("not carried to the other protocol: {lost}"));
        }
        let surface = Surface::conversation(to).unwrap_or(surface);
        return Ok(Prepared { surface, path: (model.to_owned(), view.stream), body: done.body, notes });
    }
    if surface == Surface::Generate {
        return Ok(Prepared { surface, path: (model.to_owned(), view.stream), body, notes });
    }
    let Ok(peek) = Peek::read(&body) else {
        return refused(
            "replay_unreadable",
            "this request names no model, or is no JSON",
            "Look at it with `torod conversations show`.",
        );
    };
    let edits: Vec<_> = splice::set_model(&peek, model).into_iter().collect();
    let body = splice::apply(&body, edits).concat();
    Ok(Prepared { surface, path: (String::new(), false), body: body.into(), notes })
}

/// The kept answer beside the new one, from which `redactor` takes what it took from the kept one.
pub fn compare(view: &ExchangeView, watched: &Watched, mut notes: Vec<String>, redactor: &Redactor) -> ReplayView {
    if view.answer_cut {
        notes.push("not all of the earlier answer was kept".to_owned());
    }
    if watched.told.as_ref().is_some_and(|told| told.size > told.body.len() as u64) {
        notes.push("the new answer is longer than what can be compared".to_owned());
    }
    let new = kept::exchange(watched, redactor);
    let answer: KeptAnswer = serde_json::from_slice(&super::cut::joined(&new.answer)).unwrap_or_default();
    let before = ReplaySide {
        request_id: view.request_id.clone(),
        provider: view.provider.clone(),
        model: view.model.clone(),
        outcome: view.outcome.clone(),
        status: view.status,
        error: view.error.clone(),
        input: view.input_uncached.saturating_add(view.cache_read).saturating_add(view.cache_write),
        output: view.output,
        cost_nanos: view.cost_nanos,
        total_us: view.total_us,
        first_byte_us: view.first_byte_us,
        text: texts(&view.answer),
        calls: calls(&view.answer),
    };
    let after = side(new, &answer);
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let text = differ(&lines(&before.text), &lines(&after.text));
    let calls = differ(&before.calls, &after.calls);
    ReplayView { before, after, text, calls, notes }
}

fn side(new: NewExchange, answer: &KeptAnswer) -> ReplaySide {
    let [uncached, read, written, output, _] = new.counts.map(|count| u64::try_from(count).unwrap_or(0));
    ReplaySide {
        request_id: ExchangeId(new.id).to_string(),
        provider: new.provider,
        model: new.model,
        outcome: new.outcome.to_owned(),
        status: new.status,
        error: new.error,
        input: uncached.saturating_add(read).saturating_add(written),
        output,
        cost_nanos: new.cost_nanos,
        total_us: u64::try_from(new.total_us).unwrap_or(0),
        first_byte_us: u64::try_from(new.first_byte_us).unwrap_or(0),
        text: answer.text(),
        calls: calls(&answer.parts),
    }
}

fn texts(parts: &[PartView]) -> String {
    KeptAnswer { parts: parts.to_vec(), stop: None }.text()
}

fn calls(parts: &[PartView]) -> Vec<String> {
    let call = |part: &PartView| match part {
        PartView::Call { name, input, .. } => {
            let line = input.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(format!("{name} {line}"))
        }
        _ => None,
    };
    parts.iter().filter_map(call).collect()
}

/// Two lists as one: what both have in the same order, and between that what only one has.
fn differ(before: &[String], after: &[String]) -> Vec<Differing> {
    let line = |has: Has, line: &String| Differing { has, line: line.clone() };
    if before.len() > MOST_LINES || after.len() > MOST_LINES {
        let all = before.iter().map(|one| line(Has::Before, one));
        return all.chain(after.iter().map(|one| line(Has::After, one))).collect();
    }
    // The longest common list from each place on.
    let width = after.len() + 1;
    let mut longest = vec![0_u32; (before.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            let best = if before.get(i) == after.get(j) {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (before.get(i), after.get(j)) {
            (Some(one), Some(other)) if one == other => {
                out.push(line(Has::Both, one));
                i += 1;
                j += 1;
            }
            (Some(one), other) if other.is_none() || at(&longest, i + 1, j) >= at(&longest, i, j + 1) => {
                out.push(line(Has::Before, one));
                i += 1;
            }
            (_, Some(other)) => {
                out.push(line(Has::After, other));
                j += 1;
            }
            _ => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    fn shown(all: &[Differing]) -> String {
        let one = |line: &Differing| match line.has {
            Has::Both => format!(" {}", line.line),
            Has::Before => format!("-{}", line.line),
            Has::After => format!("+{}", line.line),
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn lines_are_told_once_where_both_have_them() {
        for (before, after, diff) in [
            ("", "", ""),
            ("ab", "ab", " a b"),
            ("ab", "b", "-a b"),
            ("a", "ba", "+b a"),
            ("abc", "axc", " a-b+x c"),
            ("ab", "", "-a-b"),
        ] {
            assert_eq!(shown(&differ(&lines(before), &lines(after))), diff, "{before} {after}");
        }
    }

    proptest! {
        #[test]
        fn both_lists_are_there_in_their_order(before in "[abc]{0,12}", after in "[abc]{0,12}") {
            let all = differ(&lines(&before), &lines(&after));
            let only = |not: Has| all.iter().filter(|line| line.has != not).map(|line| line.line.as_str()).collect::<String>();
            prop_assert_eq!(only(Has::After), before);
            prop_assert_eq!(only(Has::Before), after);
        }
    }

    fn view() -> ExchangeView {
        ExchangeView { surface: "chat".into(), ..ExchangeView::default() }
    }

    #[test]
    fn the_model_alone_is_another_unless_the_protocol_is() {
        let body = br#"{"model":"a","messages":[{"role":"user","content":"hi"}],"seed":1}"#.to_vec();
        let Prepared { surface, body: same, notes, .. } =
            prepare(&view(), Surface::Chat, body.clone(), "b/c", None).unwrap();
        assert_eq!(
            (surface, &same[..], notes.len()),
            (Surface::Chat, &br#"{"model":"b/c","messages":[{"role":"user","content":"hi"}],"seed":1}"#[..], 0)
        );
        let Prepared { surface, body: other, notes, .. } =
            prepare(&view(), Surface::Chat, body, "b/c", Some(Protocol::Anthropic)).unwrap();
        assert_eq!(surface, Surface::Messages);
        assert!(other.starts_with(br#"{"model":"b/c""#), "{other:?}");
        assert!(notes[0].contains("seed"), "{notes:?}");
    }

    #[test]
    fn what_is_not_all_there_is_not_sent() {
        let cut = ExchangeView { request_cut: true, ..view() };
        assert_eq!(prepare(&cut, Surface::Chat, b"{}".to_vec(), "m", None).unwrap_err().code, "replay_cut");
        let body = br#"{"model":"m","input":"x","previous_response_id":"r"}"#.to_vec();
        assert_eq!(prepare(&view(), Surface::Responses, body, "m", None).unwrap_err().code, "replay_continues");
        assert_eq!(
            prepare(&view(), Surface::Chat, b"no json".to_vec(), "m", None).unwrap_err().code,
            "replay_unreadable"
        );
    }
}
