//! The order of events, however a provider sends them.

use proptest::prelude::*;
use tokenrouter::chat::lower::Lowering;
use tokenrouter::chat::{Broken, Call, Collector, Event, Head, Part, PartKind, Sequencer, Sink, Stop};

/// Checks that every sequence is legal.
#[derive(Debug, Default)]
struct Strict {
    started: bool,
    ended: bool,
    open: Option<(u32, u32)>,
    next: std::collections::HashMap<u32, u32>,
    text: String,
}

impl Sink for Strict {
    fn event(&mut self, event: Event<'_>) {
        assert!(!self.ended, "nothing follows the end");
        assert_eq!(self.started, !matches!(event, Event::Start(_)), "one start, before all");
        match event {
            Event::Start(_) => self.started = true,
            Event::Open { choice, index, .. } => {
                assert_eq!(self.open.filter(|(c, _)| *c == choice), None, "one block at a time");
                let next = self.next.entry(choice).or_default();
                assert_eq!(*next, index);
                *next += 1;
                self.open = Some((choice, index));
                self.text.clear();
            }
            Event::Delta { choice, index, text, .. } => {
                assert_eq!(self.open, Some((choice, index)));
                assert!(!text.is_empty());
                self.text.push_str(text);
            }
            Event::Close { choice, index, part } => {
                assert_eq!(self.open.take(), Some((choice, index)));
                let whole = match &part.kind {
                    PartKind::Text(text) => &text.text,
                    PartKind::Reasoning(reasoning) => &reasoning.text,
                    PartKind::Refusal(text) => text,
                    PartKind::Call(call) => &call.input,
                    _ => return,
                };
                assert_eq!(whole, &self.text);
            }
            Event::End { .. } | Event::Failed(_) => {
                self.ended = true;
                assert!(matches!(event, Event::Failed(_)) || self.open.is_none());
            }
            _ => {}
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Text(&'static str),
    Thought(&'static str),
    Refusal(&'static str),
    Call(u32, bool, bool),
    Input(u32, &'static str),
    Done(u32),
    Stop,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let text = || prop_oneof![Just("a"), Just("日"), Just(""), Just("{\"x\":1}")];
    prop_oneof![
        text().prop_map(Step::Text),
        text().prop_map(Step::Thought),
        text().prop_map(Step::Refusal),
        (0_u32..4, any::<bool>(), any::<bool>()).prop_map(|(key, id, name)| Step::Call(key, id, name)),
        (0_u32..4, text()).prop_map(|(key, text)| Step::Input(key, text)),
        (0_u32..4).prop_map(Step::Done),
        Just(Step::Stop),
        Just(Step::Close),
    ]
}

proptest! {
    #[test]
    fn no_order_of_a_provider_makes_an_illegal_sequence(steps in proptest::collection::vec(step(), 0..40)) {
        let mut to = Sequencer::new(Strict::default(), Lowering::default(), "s");
        for step in steps {
            let done = match step {
                Step::Text(text) => to.text(0, text, None),
                Step::Thought(text) => to.reasoning(0, text, true),
                Step::Refusal(text) => to.refusal(0, text),
                Step::Call(key, id, name) => {
                    let (id, name) = (id.then(|| format!("id{key}")), name.then(|| format!("name{key}")));
                    to.call(0, key, id.as_deref(), name.as_deref())
                }
                Step::Input(key, text) => to.call_input(0, key, text),
                Step::Done(key) => to.call_done(0, key, None),
                Step::Stop => to.stop(0, Stop::End),
                Step::Close => to.close(0),
            };
            if done.is_err() {
                return Ok(());
            }
        }
        _ = to.finish();
    }
}

fn collected(tell: impl FnOnce(&mut Sequencer<Collector>)) -> (Vec<Part>, Stop) {
    let mut to = Sequencer::new(Collector::default(), Lowering::default(), "seed");
    tell(&mut to);
    to.finish().unwrap();
    let mut response = to.into_sink().into_response().unwrap().unwrap();
    let choice = response.choices.remove(0);
    (choice.parts, choice.stop)
}

fn calls(parts: &[Part]) -> Vec<(&str, &str, &str)> {
    let calls = parts.iter().filter_map(|part| if let PartKind::Call(call) = &part.kind { Some(call) } else { None });
    calls.map(|call: &Call| (call.id.as_str(), call.name.as_str(), call.input.as_str())).collect()
}

#[test]
fn interleaved_calls_are_told_one_after_the_other_and_text_between_waits() {
    let (parts, stop) = collected(|to| {
        to.call(0, 0, Some("a"), Some("f")).unwrap();
        to.call(0, 1, Some("b"), Some("g")).unwrap();
        to.call_input(0, 1, "{\"y\"").unwrap();
        to.call_input(0, 0, "{\"x\"").unwrap();
        to.text(0, "later", None).unwrap();
        to.call_input(0, 1, ":2}").unwrap();
        to.call_input(0, 0, ":1}").unwrap();
        to.stop(0, Stop::End).unwrap();
    });
    assert_eq!(calls(&parts), [("a", "f", "{\"x\":1}"), ("b", "g", "{\"y\":2}")]);
    assert_eq!(parts[2].as_text(), Some("later"));
    assert_eq!(stop, Stop::Calls, "calls decide");
}

#[test]
fn late_names_wait_and_missing_ids_are_made_once() {
    let (parts, _) = collected(|to| {
        to.call_input(0, 0, "{").unwrap();
        to.call(0, 0, Some("a"), None).unwrap();
        to.call(0, 0, Some("other"), Some("f")).unwrap();
        to.call_input(0, 0, "}").unwrap();
        to.call(0, 1, None, Some("g")).unwrap();
        to.call(0, 1, Some(""), None).unwrap();
    });
    assert_eq!(calls(&parts), [("a", "f", "{}"), ("call_seed_0_1", "g", "")]);
}

#[test]
fn what_is_told_twice_is_taken_once() {
    let (parts, _) = collected(|to| {
        to.call(0, 0, Some("a"), Some("f")).unwrap();
        to.call_input(0, 0, "{\"x\"").unwrap();
        to.call_done(0, 0, Some("{\"x\":1}")).unwrap();
        to.call(0, 1, Some("b"), Some("f")).unwrap();
        to.call_done(0, 1, Some("{\"y\":2}")).unwrap();
        to.call_input(0, 1, "{\"y\":2}").unwrap();
    });
    assert_eq!(calls(&parts), [("a", "f", "{\"x\":1}"), ("b", "f", "{\"y\":2}")]);
}

#[test]
fn a_truncated_answer_stays_truncated() {
    let (parts, stop) = collected(|to| {
        to.call(0, 0, Some("a"), Some("f")).unwrap();
        to.call_input(0, 0, "{\"x\"").unwrap();
        to.stop(0, Stop::Length).unwrap();
    });
    assert_eq!((calls(&parts), stop), (vec![("a", "f", "{\"x\"")], Stop::Length));
}

#[test]
fn an_answer_without_bounds_is_refused_and_a_name_without_bounds_is_none() {
    let long = "x".repeat(1 << 20);
    let mut to = Sequencer::new(Collector::default(), Lowering::default(), "s");
    to.start(Head { id: long.clone(), model: long.clone(), created_s: 5 });
    let tell = |to: &mut Sequencer<Collector>| (0..100).try_for_each(|_| to.whole(0, Part::text(long.clone())));
    assert_eq!(tell(&mut to), Err(Broken::TooLarge));
    let mut to = Sequencer::new(Collector::default(), Lowering::default(), "s");
    to.start(Head { id: long.clone(), model: "m".into(), created_s: 5 });
    to.finish().unwrap();
    let response = to.into_sink().into_response().unwrap().unwrap();
    assert_eq!((response.id.as_str(), response.model.as_str(), response.created_s), ("", "m", 5));
    let list = tokenrouter::chat::Json::parse(format!("[\"{long}\"]")).unwrap();
    let mut to = Sequencer::new(Collector::default(), Lowering::default(), "s");
    assert_eq!((0..100).try_for_each(|_| to.logprobs(0, &list)), Err(Broken::TooLarge));
    // Blocks of one byte each cost more than the byte.
    let mut to = Sequencer::new(Collector::default(), Lowering::default(), "s");
    let tiny = |n: u32, to: &mut Sequencer<Collector>| {
        if n.is_multiple_of(2) { to.text(0, "a", None) } else { to.reasoning(0, "b", true) }
    };
    assert_eq!((0..400_000).try_for_each(|n| tiny(n, &mut to)), Err(Broken::TooLarge));
}
