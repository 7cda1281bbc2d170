//! State for clients that cannot carry it: kept by the gateway under the id of the tool call that it belongs to.
//!
//! Clients of Chat Completions and Cohere send the call back, but neither signatures nor encrypted reasoning.

use crate::chat::{Event, Message, Part, PartKind, Reasoning, Request, Role, State};
use crate::envelope::Sealer;
use crate::protocol::Protocol;

/// The sealed state of one tool call.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, Reading, translate};
/// use tokenrouter::envelope::Sealer;
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// let target = Target::new("gemini", Protocol::Gemini, "gemini-3-pro");
/// let context = Context { sealer: Some(Sealer::new([7; 32])), ..Context::default() };
/// let body = br#"{"model":"any","messages":[{"role":"user","content":"What time is it?"}],
///     "tools":[{"type":"function","function":{"name":"clock","parameters":{"type":"object"}}}]}"#;
/// let back = translate(Asked::new(Protocol::OpenAi, body), &target, context.clone())?.back;
/// let told = back.whole(br#"{"candidates":[{"content":{"role":"model","parts":[
///     {"functionCall":{"id":"c1","name":"clock","args":{}},"thoughtSignature":"c2lnbmF0dXJl"}]},"finishReason":"STOP"}]}"#)?;
/// let [carried] = told.carried.as_slice() else { panic!("{told:?}") };
///
/// // The client sends the call back, and the provider gets its signature.
/// let next = format!(r#"{{"model":"any","messages":[{{"role":"user","content":"What time is it?"}},
///     {{"role":"assistant","tool_calls":[{{"id":"{0}","type":"function","function":{{"name":"clock","arguments":"{{}}"}}}}]}},
///     {{"role":"tool","tool_call_id":"{0}","content":"Noon."}}]}}"#, carried.call_id);
/// let mut reading = Reading::of(Asked::new(Protocol::OpenAi, next.as_bytes()))?;
/// reading.restore(carried);
/// let sent = reading.write(&target, context)?.body;
/// assert!(String::from_utf8_lossy(&sent).contains(r#""thoughtSignature":"c2lnbmF0dXJl""#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The call's id.
    pub call_id: String,
    /// Envelopes, one a line, each with a letter before it: `f` for one that stands in front of the answer's text,
    /// `n` for one next to the call.
    pub sealed: String,
}

/// More than this of one call is not kept: it is a fault, or an attack on memory.
const MAX_BYTES: usize = 512 << 10;

/// Collects the state of an answer's calls.
#[derive(Debug)]
pub(super) struct Carrier {
    sealer: Sealer,
    front: bool,
    waiting: String,
    calls: Vec<Carried>,
}

impl Carrier {
    /// One for the clients of `protocol`; none where they carry state themselves.
    pub(super) fn new(protocol: Protocol, sealer: Option<&Sealer>) -> Option<Self> {
        let is_needed = matches!(protocol, Protocol::OpenAi | Protocol::Cohere);
        let sealer = sealer.filter(|_| is_needed)?.clone();
        Some(Self { sealer, front: true, waiting: String::new(), calls: Vec::new() })
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        let Event::Close { choice: 0, part, .. } = event else { return };
        match &part.kind {
            PartKind::Reasoning(reasoning) => self.wait(self.sealer.reasoning(reasoning)),
            PartKind::Text(_) => self.front = false,
            PartKind::Call(call) => {
                self.front = false;
                self.wait(call.state.as_ref().and_then(|state| self.sealer.call(state)));
                if !self.waiting.is_empty() {
                    let sealed = std::mem::take(&mut self.waiting);
                    self.calls.push(Carried { call_id: call.id.clone(), sealed });
                }
            }
            _ => {}
        }
    }

    fn wait(&mut self, sealed: Option<String>) {
        if let Some(sealed) = sealed.filter(|sealed| self.waiting.len() + sealed.len() < MAX_BYTES) {
            self.waiting.push(if self.front { 'f' } else { 'n' });
            self.waiting.push_str(&sealed);
            self.waiting.push('\n');
        }
    }

    pub(super) fn take(&mut self) -> Vec<Carried> {
        std::mem::take(&mut self.calls)
    }
}

fn calls(message: &Message) -> impl Iterator<Item = &str> {
    message.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Call(call) if call.state.is_none() => Some(call.id.as_str()),
        _ => None,
    })
}

fn carries_state(message: &Message) -> bool {
    message.parts.iter().any(|part| match &part.kind {
        PartKind::Reasoning(reasoning) => reasoning.state.is_some(),
        PartKind::Call(call) => call.state.is_some(),
        _ => false,
    })
}

/// The calls of `request` that came back without any state.
pub(super) fn without_state(request: &Request) -> Vec<String> {
    if !matches!(request.protocol, Protocol::OpenAi | Protocol::Cohere) {
        return Vec::new();
    }
    let bare = request.messages.iter().filter(|m| m.role == Role::Assistant && !carries_state(m));
    bare.flat_map(calls).map(str::to_owned).collect()
}

/// Puts the state of a call back where it was.
pub(super) fn restore(request: &mut Request, carried: &Carried) {
    let found = request.messages.iter_mut().find(|m| calls(m).any(|id| id == carried.call_id));
    let Some(message) = found.filter(|message| !carries_state(message)) else { return };
    // The same thoughts, as the text that the client was shown.
    message.parts.retain(|part| !matches!(part.kind, PartKind::Reasoning(_)));
    let is_the_call = |part: &Part| matches!(&part.kind, PartKind::Call(call) if call.id == carried.call_id);
    let mut front = 0;
    for line in carried.sealed.lines() {
        let Some((place, sealed)) = line.split_at_checked(1) else { continue };
        let state = Some(State { maker: None, text: sealed.to_owned() });
        let part = Part::new(PartKind::Reasoning(Reasoning { state, ..Reasoning::default() }));
        if place == "f" {
            message.parts.insert(front, part);
            front += 1;
        } else if let Some(at) = message.parts.iter().position(is_the_call) {
            message.parts.insert(at, part);
        }
    }
}
