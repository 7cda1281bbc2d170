//! A response as events: nested items and parts, numbered without a gap, ended by a terminal event.

use super::item::{Content, Item, Summary};
use super::object::{Failure, Object};
use super::{Store, keep};
use crate::answer::{Answer, Part};
use crate::ask::Ask;
use crate::reply;
use crate::sse::{Events, json};

/// Writes events with their running number.
struct Numbered(Events);

impl Numbered {
    /// An event whose fields after the number are given as JSON without braces.
    fn push(&mut self, name: &str, fields: &str, paced: bool) {
        let number = self.0.len();
        let data = format!(r#"{{"type":"{name}","sequence_number":{number},{fields}}}"#);
        self.0.event(name, &data, paced);
    }

    fn response(&mut self, name: &str, object: &str) {
        self.push(name, &format!(r#""response":{object}"#), false);
    }
}

/// The events of one kind of item: what a delta, the end of the deltas and the part around them are called.
struct Names {
    delta: &'static str,
    done: &'static str,
    /// What `done` calls the whole text.
    key: &'static str,
    part: Option<[&'static str; 2]>,
    /// The index within the item.
    place: &'static str,
    /// What a delta and its end carry besides.
    extra: &'static str,
}

impl Names {
    fn of(part: &Part) -> Self {
        match part {
            Part::Text { .. } => Self {
                delta: "response.output_text.delta",
                done: "response.output_text.done",
                key: "text",
                part: Some(["response.content_part.added", "response.content_part.done"]),
                place: r#","content_index":0"#,
                extra: r#","logprobs":[]"#,
            },
            Part::Reasoning { .. } | Part::Redacted => Self {
                delta: "response.reasoning_summary_text.delta",
                done: "response.reasoning_summary_text.done",
                key: "text",
                part: Some(["response.reasoning_summary_part.added", "response.reasoning_summary_part.done"]),
                place: r#","summary_index":0"#,
                extra: "",
            },
            Part::Tool { custom: true, .. } => Self {
                delta: "response.custom_tool_call_input.delta",
                done: "response.custom_tool_call_input.done",
                key: "input",
                part: None,
                place: "",
                extra: "",
            },
            Part::Tool { .. } => Self {
                delta: "response.function_call_arguments.delta",
                done: "response.function_call_arguments.done",
                key: "arguments",
                part: None,
                place: "",
                extra: "",
            },
        }
    }
}

/// What stands in a part event.
fn inner(part: &Part, text: String) -> String {
    match part {
        Part::Reasoning { .. } => json(&Summary::text(text)),
        _ => json(&Content::text(text)),
    }
}

/// The answer as events, up to `response.completed`.
pub(crate) fn stream(store: &Store, ask: &Ask<'_>, answer: &Answer) -> Events {
    let mut events = Numbered(Events::new(ask.script.crlf, answer.pieces() + 16));
    let begun = json(&Object::new(ask));
    events.response("response.created", &begun);
    events.response("response.in_progress", &begun);
    for (at, part) in answer.parts.iter().enumerate() {
        let open = Item::of_part(ask, at, part, false);
        events.push("response.output_item.added", &format!(r#""output_index":{at},"item":{}"#, json(&open)), false);
        if !matches!(part, Part::Redacted) {
            content(&mut events, at, part, &open);
        }
        let item = json(&Item::of_part(ask, at, part, true));
        events.push("response.output_item.done", &format!(r#""output_index":{at},"item":{item}"#), false);
    }
    let items = Item::of_answer(ask, answer);
    let completed = json(&Object::new(ask).complete(&items, answer.count));
    keep(store, ask, &completed);
    events.response("response.completed", &completed);
    if reply::spoil(ask.script.kind, &mut events.0) {
        fail(&mut events, ask);
    }
    events.0
}

/// The events between an item's beginning and its end.
fn content(events: &mut Numbered, at: usize, part: &Part, open: &Item) {
    let names = Names::of(part);
    let place = format!(r#""item_id":"{}","output_index":{at}{}"#, open.id(), names.place);
    if let Some([added, _]) = names.part {
        events.push(added, &format!(r#"{place},"part":{}"#, inner(part, String::new())), false);
    }
    for piece in part.pieces() {
        events.push(names.delta, &format!(r#"{place},"delta":{}{}"#, json(piece), names.extra), true);
    }
    let text = part.whole();
    let name = match part {
        Part::Tool { name, custom: false, .. } => format!(r#","name":{}"#, json(name)),
        _ => String::new(),
    };
    let done = format!(r#"{place}{name},"{}":{}{}"#, names.key, json(&text), names.extra);
    events.push(names.done, &done, false);
    if let Some([_, done]) = names.part {
        events.push(done, &format!(r#"{place},"part":{}"#, inner(part, text)), false);
    }
}

/// An `error` event as the live API words it, then the failed response.
fn fail(events: &mut Numbered, ask: &Ask<'_>) {
    let problem = reply::late_problem();
    events.push("error", &format!(r#""error":{}"#, problem.inner()), false);
    let failure = Failure { code: problem.code_or_kind(), message: &problem.message };
    events.response("response.failed", &json(&Object::new(ask).fail(failure)));
}
