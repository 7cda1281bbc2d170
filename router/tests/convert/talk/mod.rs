//! Made-up conversations, and how each protocol tells them.

mod form;
mod turns;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

/// Which of the tools to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Auto,
    None,
    Required,
    First,
}

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    /// Base64 of a PNG.
    Image(String),
    /// The path of an image elsewhere.
    Address(String),
}

/// What the user said, what the model answered, which tools it called with which number, and what they gave.
#[derive(Clone, Debug)]
struct Turn {
    said: Vec<Said>,
    answer: Option<String>,
    calls: Vec<(i64, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    /// In tenths.
    temperature: Option<u32>,
    top_p: Option<u32>,
    top_k: Option<u32>,
    presence: Option<u32>,
    frequency: Option<u32>,
    seed: Option<u32>,
    n: Option<u32>,
    logprobs: Option<u32>,
}

/// A conversation with its settings.
#[derive(Clone, Debug)]
pub struct Talk {
    system: Option<String>,
    turns: Vec<Turn>,
    last: String,
    tools: Vec<(String, Option<String>)>,
    strict: bool,
    choice: Option<Choice>,
    serial: bool,
    /// 1, 2: low, medium. The budgets of the other levels differ from vendor to vendor.
    effort: Option<usize>,
    schema: bool,
    limit: u32,
    stop: Vec<String>,
    user: Option<String>,
    settings: Settings,
}

fn text() -> impl Strategy<Value = String> {
    // Words, quotes, escapes, other alphabets; a text of blanks alone is none to some providers.
    "[a-zA-Z0-9\"\\\\/<&é日🦀][a-zA-Z0-9 \"\\\\\n\t/<&é日🦀]{0,11}[a-z]"
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => text().prop_map(Said::Text),
        1 => "[A-Za-z0-9+/]{8}".prop_map(Said::Image),
        1 => "[a-z]{1,8}".prop_map(Said::Address),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    (vec(said(), 1..3), of(text()), vec((-9_i64..1000, text()), 0..3)).prop_map(|(said, answer, calls)| {
        let answer = if calls.is_empty() { Some(answer.unwrap_or_else(|| "ok".to_owned())) } else { answer };
        Turn { said, answer, calls }
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let tenth = || of(1_u32..10);
    (tenth(), tenth(), of(1_u32..400), tenth(), tenth(), of(any::<u32>()), of(2_u32..4), of(1_u32..5)).prop_map(
        |(temperature, top_p, top_k, presence, frequency, seed, n, logprobs)| Settings {
            temperature,
            top_p,
            top_k,
            presence,
            frequency,
            seed,
            n,
            logprobs,
        },
    )
}

/// A conversation.
pub fn talk() -> impl Strategy<Value = Talk> {
    let choice = of(prop_oneof![Just(Choice::Auto), Just(Choice::None), Just(Choice::Required), Just(Choice::First)]);
    let words = (of(text()), vec(turn(), 0..4), text());
    let tools = (vec(("[a-z_][a-z0-9_-]{0,9}", of(text())), 0..3), any::<bool>(), choice, any::<bool>());
    let form = (of(1_usize..3), any::<bool>(), 16_u32..9000, vec("[A-Z]{1,5}", 0..4), of("[a-z0-9]{1,9}"));
    (words, tools, form, settings()).prop_map(|(words, tools, form, settings)| {
        let (system, turns, last) = words;
        let (mut tools, strict, choice, serial) = tools;
        let (effort, schema, limit, stop, user) = form;
        tools.sort();
        tools.dedup_by(|a, b| a.0 == b.0);
        Talk { system, turns, last, tools, strict, choice, serial, effort, schema, limit, stop, user, settings }
    })
}

impl Talk {
    /// No more of it than both protocols tell alike, as the matrix says.
    pub fn shared(&self, a: Protocol, b: Protocol) -> Self {
        let both = |protocols: &[Protocol]| protocols.contains(&a) && protocols.contains(&b);
        let mut talk = self.clone();
        if !both(&[OpenAi, Responses, Anthropic, Cohere]) {
            for turn in &mut talk.turns {
                turn.said.iter_mut().for_each(|said| {
                    if let Said::Address(path) = said {
                        *said = Said::Text(path.clone());
                    }
                });
            }
        }
        talk.strict &= both(&[OpenAi, Responses, Anthropic, Cohere]);
        talk.serial &= both(&[OpenAi, Responses, Anthropic]) && talk.choice != Some(Choice::None);
        if talk.serial && talk.choice.is_none() {
            // Anthropic has no place for the switch without a choice.
            talk.choice = Some(Choice::Required);
        }
        if talk.tools.is_empty() {
            (talk.choice, talk.serial) = (None, false);
        }
        if talk.choice == Some(Choice::First) && !both(&[OpenAi, Responses, Anthropic, Gemini]) {
            talk.choice = Some(Choice::Required);
        }
        if !both(&[OpenAi, Anthropic, Gemini, Cohere]) {
            talk.stop.clear();
        }
        talk.user = talk.user.filter(|_| both(&[OpenAi, Responses, Anthropic]));
        let settings = &mut talk.settings;
        let penalties = both(&[OpenAi, Gemini, Cohere]);
        settings.presence = settings.presence.filter(|_| penalties);
        settings.frequency = settings.frequency.filter(|_| penalties);
        settings.seed = settings.seed.filter(|_| penalties);
        settings.top_k = settings.top_k.filter(|_| both(&[Anthropic, Gemini, Cohere]));
        settings.n = settings.n.filter(|_| both(&[OpenAi, Gemini]));
        settings.logprobs = settings.logprobs.filter(|_| both(&[OpenAi, Responses, Gemini]));
        if settings.temperature.is_some() && (a == Anthropic || b == Anthropic) {
            settings.top_p = None;
        }
        // Claude thinks without sampling, and not in the middle of calls; budgets must fit below the limit.
        if talk.effort.is_some() {
            talk.limit += 60_000;
            talk.choice = talk.choice.filter(|choice| matches!(choice, Choice::Auto | Choice::None));
            talk.serial = false;
            if a == Anthropic || b == Anthropic {
                (talk.settings.temperature, talk.settings.top_p, talk.settings.top_k) = (None, None, None);
                talk.turns.iter_mut().for_each(|turn| {
                    turn.calls.clear();
                    turn.answer.get_or_insert_with(|| "ok".to_owned());
                });
            }
        }
        talk
    }

    /// As `protocol` tells it.
    pub fn told(&self, protocol: Protocol) -> Value {
        let mut body = match protocol {
            Gemini => json!({"contents": self.turns_of_gemini()}),
            Responses => json!({"model": "m", "input": self.items()}),
            Anthropic => json!({"model": "m", "messages": self.turns_of_anthropic()}),
            OpenAi | Cohere => json!({"model": "m", "messages": self.messages(protocol)}),
        };
        let top = body.as_object_mut().unwrap();
        if let Some(text) = &self.system {
            match protocol {
                OpenAi | Cohere => {}
                Responses => put(top, "instructions", text.as_str()),
                Anthropic => put(top, "system", json!([{"type": "text", "text": text}])),
                Gemini => put(top, "systemInstruction", json!({"parts": [{"text": text}]})),
            }
        }
        self.tell_tools(protocol, top);
        self.tell_form(protocol, top);
        body
    }
}

fn put(to: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    to.insert(name.to_owned(), value.into());
}
