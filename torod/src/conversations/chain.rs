//! What stands for a list of messages: digests that a later request has again where it repeats them.
//!
//! What clients change on the way from one turn to the next does not count: cache marks, reasoning and signatures, blanks
//! around texts and in arguments, and the numbers in instructions, which tell the time of day.

use sha2::{Digest as _, Sha256};
use tokenrouter::chat::{Media, Message, Part, PartKind, Role};

use crate::store::conversations::group::{Chain, Mark};

/// Where the chain of a token's agent begins: others never meet it.
pub fn seed(token_id: i64, agent: Option<&str>) -> Chain {
    let mut hash = Sha256::new();
    hash.update(b"conversation\0");
    hash.update(token_id.to_be_bytes());
    hash.update(agent.unwrap_or_default());
    short(hash)
}

/// The ends of `messages`, one after the other. What the model said in several messages in a row ends once.
pub fn marks(seed: Chain, messages: &[Message]) -> Vec<Mark> {
    let mut marks = Vec::with_capacity(messages.len());
    let (mut chain, mut at) = (seed, 0);
    while let Some(message) = messages.get(at) {
        let mut end = at + 1;
        if message.role == Role::Assistant {
            while messages.get(end).is_some_and(|next| next.role == Role::Assistant) {
                end += 1;
            }
        }
        let parts = messages.get(at..end).unwrap_or_default().iter().flat_map(|message| &message.parts);
        chain = after(chain, message.role, parts);
        marks.push(Mark { chain, messages: u32::try_from(end).unwrap_or(u32::MAX) });
        at = end;
    }
    marks
}

/// The chain with an answer behind it.
pub fn with_answer<'p>(chain: Chain, parts: impl IntoIterator<Item = &'p Part>) -> Chain {
    after(chain, Role::Assistant, parts)
}

fn after<'p>(chain: Chain, role: Role, parts: impl IntoIterator<Item = &'p Part>) -> Chain {
    let (mut texts, mut rest) = (String::new(), Vec::new());
    for part in parts {
        add(part, &mut texts, &mut rest);
    }
    let mut hash = Sha256::new();
    hash.update(chain);
    hash.update(match role {
        Role::System | Role::Developer => b"s",
        Role::User => b"u",
        Role::Assistant => b"a",
    });
    if role.instructs() {
        hash.update(without_numbers(texts.trim()));
    } else {
        hash.update(texts.trim());
    }
    hash.update([0]);
    hash.update(&rest);
    short(hash)
}

fn add(part: &Part, texts: &mut String, rest: &mut Vec<u8>) {
    let mut field = |tag: u8, text: &[u8]| {
        rest.push(tag);
        rest.extend_from_slice(&(text.len() as u64).to_be_bytes());
        rest.extend_from_slice(text);
    };
    match &part.kind {
        PartKind::Text(text) => texts.push_str(&text.text),
        PartKind::Refusal(text) => texts.push_str(text),
        PartKind::Call(call) => {
            field(b'c', call.name.as_bytes());
            field(b'i', &without_blanks(&call.input));
        }
        PartKind::Result(result) => {
            field(b'r', result.call_id.as_bytes());
            field(b't', result.text().trim().as_bytes());
        }
        PartKind::Image(image) => field(b'm', &media(&image.media)),
        PartKind::Document(document) => field(b'd', &media(&document.media)),
        PartKind::Audio(sound) => field(b'o', &media(sound)),
        PartKind::Video(video) => field(b'v', &media(video)),
        PartKind::Reasoning(_) | PartKind::Opaque(_) => {}
    }
}

fn media(media: &Media) -> Vec<u8> {
    match media {
        Media::Base64 { data, .. } => Sha256::digest(data).to_vec(),
        Media::Url { url, .. } => url.clone().into_bytes(),
        Media::File { id, .. } => id.clone().into_bytes(),
        Media::Text(text) => text.clone().into_bytes(),
    }
}

/// Arguments without the blanks between their words: clients write JSON anew.
fn without_blanks(json: &str) -> Vec<u8> {
    let (mut out, mut in_string, mut is_escaped) = (Vec::with_capacity(json.len()), false, false);
    for b in json.bytes() {
        if !in_string && b.is_ascii_whitespace() {
            continue;
        }
        if is_escaped {
            is_escaped = false;
        } else if in_string && b == b'\\' {
            is_escaped = true;
        } else if b == b'"' {
            in_string = !in_string;
        }
        out.push(b);
    }
    if out.is_empty() { b"{}".to_vec() } else { out }
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_number = false;
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !in_number {
            out.push('0');
        }
        in_number = c.is_ascii_digit();
    }
    out
}

fn short(hash: Sha256) -> Chain {
    let mut chain = Chain::default();
    for (to, from) in chain.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter::Protocol;
    use tokenrouter::convert::{Asked, asked, heard};

    fn read(protocol: Protocol, body: &str) -> Vec<Message> {
        asked(Asked::new(protocol, body.as_bytes())).unwrap().messages
    }

    #[test]
    fn an_answer_is_known_again_when_the_client_sends_it_back() {
        let cases = [
            (
                Protocol::Anthropic,
                r#"{"model":"m","max_tokens":9,"system":"It is 12:34.","messages":[{"role":"user","content":"hi"}]}"#,
                r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Let me see.\n"},{"type":"tool_use","id":"t1","name":"read","input":{"path": "a b"}}],"stop_reason":"tool_use"}"#,
                r#"{"model":"m","max_tokens":9,"system":"It is 12:35.","messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":[{"type":"text","text":"Let me see."},{"type":"tool_use","id":"t1","name":"read","input":{"path":"a b"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}]}"#,
            ),
            (
                Protocol::OpenAi,
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
                r#"{"choices":[{"message":{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"t1","type":"function","function":{"name":"read","arguments":"{\"path\": \"a b\"}"}}]},"finish_reason":"tool_calls"}]}"#,
                r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"","tool_calls":[{"id":"t1","type":"function","function":{"name":"read","arguments":"{\"path\":\"a b\"}"}}]},{"role":"tool","tool_call_id":"t1","content":"x"}]}"#,
            ),
            (
                Protocol::Gemini,
                r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
                r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"},{"text":"lo"}]},"finishReason":"STOP"}]}"#,
                r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"Hello"}]},{"role":"user","parts":[{"text":"more"}]}]}"#,
            ),
            (
                Protocol::Responses,
                r#"{"model":"m","input":"hi"}"#,
                r#"{"id":"r","status":"completed","output":[{"type":"reasoning","id":"rs","summary":[]},{"type":"message","id":"msg","role":"assistant","content":[{"type":"output_text","text":"Yes."}]},{"type":"function_call","id":"fc","call_id":"t1","name":"read","arguments":"{}"}]}"#,
                r#"{"model":"m","input":[{"role":"user","content":"hi"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Yes."}]},{"type":"function_call","call_id":"t1","name":"read","arguments":"{}"},{"type":"function_call_output","call_id":"t1","output":"x"}]}"#,
            ),
            (
                Protocol::Cohere,
                r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
                r#"{"message":{"role":"assistant","content":[{"type":"text","text":"Yes."}]},"finish_reason":"COMPLETE"}"#,
                r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Yes."},{"role":"user","content":"more"}]}"#,
            ),
        ];
        let seed = seed(1, None);
        for (protocol, first, answer, second) in cases {
            let first = marks(seed, &read(protocol, first));
            let heard = heard(protocol, 200, answer.as_bytes());
            let answered = with_answer(first.last().unwrap().chain, &heard.choices[0]);
            let second = marks(seed, &read(protocol, second));
            assert!(second.iter().any(|mark| mark.chain == answered), "{protocol}");
            assert_ne!(second.last().unwrap().chain, answered, "{protocol}");
        }
    }

    #[test]
    fn other_words_tokens_and_agents_are_other_chains() {
        let messages = |text: &str| {
            read(Protocol::OpenAi, &format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#))
        };
        let one = marks(seed(1, None), &messages("a"));
        assert_eq!(one, marks(seed(1, None), &messages("a")));
        assert_ne!(one, marks(seed(1, None), &messages("b")));
        assert_ne!(one, marks(seed(2, None), &messages("a")));
        assert_ne!(one, marks(seed(1, Some("codex")), &messages("a")));
        // Numbers count in what people say.
        assert_ne!(marks(seed(1, None), &messages("1")), marks(seed(1, None), &messages("2")));
    }
}
