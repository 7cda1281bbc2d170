//! A request that is over, as it is kept: read in its protocol, without its secrets, with what its conversation is found by.

use std::borrow::Cow;

use serde::Deserialize;
use tokenrouter::Protocol;
use tokenrouter::chat::{Message, Part, Request, Role};
use tokenrouter::convert::{Asked, Heard, Path, asked, heard};
use tokenrouter::count::Source;
use tokenrouter::surface::Surface;

use super::redact::Redactor;
use super::told::KeptAnswer;
use super::watch::{Opened, Watched};
use super::{chain, cut, title};
use crate::access::TokenEntry;
use crate::store::conversations::group::Signs;
use crate::store::conversations::insert::NewExchange;
use crate::usage::{Outcome, Record};

/// The longest id of a conversation.
const MAX_ID: usize = 128;
/// The longest error that is kept.
const MAX_ERROR: usize = 2_000;
/// The most text of one message that can be searched.
const MAX_WORDS: usize = 16 << 10;

/// What a Chat client of old asks: one text and no conversation.
#[derive(Deserialize)]
struct Prompt<'a> {
    #[serde(borrow)]
    prompt: Text<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(Vec<String>),
}

/// What it is told.
#[derive(Deserialize)]
struct Completion {
    choices: Vec<Completed>,
}

#[derive(Deserialize)]
struct Completed {
    #[serde(default)]
    text: String,
}

/// What a body says of its conversation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    #[serde(alias = "conversationId")]
    conversation_id: Option<serde_json::Value>,
    #[serde(alias = "threadId")]
    thread_id: Option<serde_json::Value>,
    conversation: Option<serde_json::Value>,
    prompt_cache_key: Option<serde_json::Value>,
    metadata: Option<Labels>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(alias = "conversationId")]
    conversation_id: Option<serde_json::Value>,
    #[serde(alias = "threadId")]
    thread_id: Option<serde_json::Value>,
    user_id: Option<serde_json::Value>,
}

/// What is kept of `watched`.
pub fn exchange(watched: &Watched, redactor: &Redactor) -> NewExchange {
    let Watched { surface, opened, tried, told, .. } = watched;
    let protocol = surface.protocol();
    let request = read_request(*surface, opened);
    let empty = Heard::default();
    let heard = told.as_ref().map(|told| read_answer(*surface, told.status, &told.body));
    let heard = heard.as_ref().unwrap_or(&empty);
    let last = tried.last().map(|tried| &tried.record);
    let is_whole = told.as_ref().is_some_and(|told| told.is_whole);
    let outcome = match last.map(|record| record.outcome) {
        // All was there, and the client left before the end of it.
        Some(Outcome::Ok) if !is_whole => Outcome::ClientAbort,
        Some(outcome) => outcome,
        None if told.is_none() => Outcome::ClientAbort,
        None => Outcome::Refused,
    };
    let token_id = opened.token.as_ref().map_or(0, |token| token.id);
    let clean = |text: &str| redactor.text(text).into_owned();
    let messages: &[Message] = request.as_ref().map_or(&[], |request| &request.messages);
    let session = session(opened);
    let seed = chain::seed(token_id, opened.agent.as_deref());
    let marks = chain::marks(seed, messages);
    let chained = marks.last().map(|mark| mark.chain);
    let said: &[Part] = heard.choices.first().map_or(&[], Vec::as_slice);
    let answer_chain = chained.filter(|_| !said.is_empty()).map(|chained| chain::with_answer(chained, said));
    let answer = KeptAnswer::of(heard);
    let answer_words = clean(&answer.text());
    let answer = serde_json::to_vec(&answer).unwrap_or_default();
    let error = heard.problem.as_ref().map(|problem| {
        let end = problem.message.floor_char_boundary(MAX_ERROR);
        clean(problem.message.get(..end).unwrap_or_default())
    });
    let sum = |count: fn(&Record) -> u64| {
        i64::try_from(tried.iter().map(|tried| count(&tried.record)).fold(0, u64::saturating_add)).unwrap_or(i64::MAX)
    };
    let (title, words) = readable(messages, &clean);
    NewExchange {
        id: opened.id,
        signs: Signs {
            token_id,
            session,
            previous: request.as_ref().and_then(|request| request.previous_response_id.clone()),
            marks,
        },
        token: opened.token.as_ref().map(|token| token.public_id.to_string()),
        token_name: opened.token.as_deref().map_or("loopback", token_name).to_owned(),
        agent: opened.agent.as_deref().map(str::to_owned),
        parent_session: opened.session.as_ref().and_then(|session| session.parent.as_deref()).map(str::to_owned),
        title,
        given_id: opened.given_id.as_deref().map(clean),
        internal: request.as_ref().and_then(title::internal),
        started_ms: opened.now_ms,
        total_us: sum(|record| record.total_us),
        first_byte_us: last.map_or(0, |record| i64::try_from(record.first_byte_us).unwrap_or(i64::MAX)),
        surface: surface.as_str(),
        client_protocol: protocol.as_str(),
        upstream_protocol: last.map_or("", |record| record.upstream_protocol.as_str()),
        path: clean(&opened.path.0),
        model_asked: clean(&asked_for(request.as_ref(), last)),
        model: last.map(|record| record.model.to_string()).unwrap_or_default(),
        provider: last.map(|record| record.provider.to_string()).unwrap_or_default(),
        status: told.as_ref().map_or(0, |told| told.status),
        outcome: outcome.as_str(),
        stream: request.as_ref().is_some_and(|request| request.stream),
        attempts: u32::try_from(tried.len()).unwrap_or(u32::MAX),
        counts: [
            sum(|record| record.counts.input_uncached),
            sum(|record| record.counts.cache_read),
            sum(|record| record.counts.cache_write_5m.saturating_add(record.counts.cache_write_1h)),
            sum(|record| record.counts.output),
            sum(|record| record.counts.reasoning),
        ],
        estimated: tried.iter().any(|tried| tried.record.source == Source::Estimated),
        cost_nanos: sum(|record| record.charge.nanos),
        error,
        messages: u32::try_from(messages.len()).unwrap_or(u32::MAX),
        chain: chained,
        answer_chain,
        answer_id: (protocol == Protocol::Responses && !heard.id.is_empty()).then(|| heard.id.clone()),
        request: cut::cut(&opened.body, redactor),
        answer: cut::cut(&answer, redactor),
        answer_is_cut: told.as_ref().is_some_and(|told| told.size > told.body.len() as u64),
        asked_words: words,
        answer_words,
    }
}

fn token_name(token: &TokenEntry) -> &str {
    &token.name
}

fn asked_for(request: Option<&Request>, last: Option<&Record>) -> String {
    match (request, last) {
        (Some(request), _) if !request.model.is_empty() => request.model.clone(),
        (_, Some(record)) => record.model_asked.as_ref().unwrap_or(&record.model).to_string(),
        _ => String::new(),
    }
}

/// The request in the neutral form; none where it is not what its protocol says.
pub fn read_request(surface: Surface, opened: &Opened) -> Option<Request> {
    let (model, stream, list) = &opened.path;
    read_body(surface, &opened.body, Path { model, stream: *stream, list: *list })
}

/// The same of a body that is kept.
pub fn read_body(surface: Surface, body: &[u8], path: Path<'_>) -> Option<Request> {
    let protocol = surface.protocol();
    if surface != Surface::Completions {
        return asked(Asked { protocol, body, path }).ok();
    }
    let prompt: Prompt<'_> = serde_json::from_slice(body).ok()?;
    let text = match prompt.prompt {
        Text::One(text) => text.into_owned(),
        Text::Many(texts) => texts.join("\n\n"),
    };
    let mut request = Request::new(protocol);
    request.messages.push(Message::new(Role::User, vec![Part::text(text)]));
    Some(request)
}

/// An answer to a request on `surface`, in the neutral form.
pub(super) fn read_answer(surface: Surface, status: u16, body: &[u8]) -> Heard {
    if surface != Surface::Completions || status >= 400 {
        return heard(surface.protocol(), status, body);
    }
    // One text, whole or in events.
    let texts = |body: &[u8]| {
        let read: Option<Completion> = serde_json::from_slice(body).ok();
        read.map(|read| read.choices.into_iter().map(|choice| choice.text).collect::<String>()).unwrap_or_default()
    };
    let mut text = texts(body);
    if text.is_empty() {
        let lines = body.split(|b| *b == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
        text = lines.map(|line| texts(line.trim_ascii())).collect();
    }
    Heard { choices: vec![vec![Part::text(text)]], complete: true, ..Heard::default() }
}

/// The agent's own id of the conversation: by its headers, else as its body names it.
fn session(opened: &Opened) -> Option<String> {
    if let Some(session) = &opened.session {
        return Some(session.id.to_string());
    }
    if let Some(named) = &opened.named {
        return Some(named.to_string());
    }
    let names: Names = serde_json::from_slice(&opened.body).ok()?;
    let Names { conversation_id, thread_id, conversation, prompt_cache_key, metadata } = names;
    let labels = metadata.unwrap_or_default();
    let conversation = conversation.map(|named| named.get("id").cloned().unwrap_or(named));
    // An agent's cache key is its session; anybody else's may be the same for all that it does.
    let cache_key = prompt_cache_key.filter(|_| opened.agent.is_some());
    [conversation_id, thread_id, conversation, labels.conversation_id, labels.thread_id, cache_key]
        .into_iter()
        .flatten()
        .find_map(|value| id(value.as_str()?))
        .or_else(|| user_session(labels.user_id?.as_str()?))
}

fn id(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_graphic());
    is_plain.then(|| text.to_owned())
}

/// The session that Claude Code puts into the id of its user.
fn user_session(user: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct User {
        session_id: String,
    }
    if user.starts_with('{') {
        return serde_json::from_str::<User>(user).ok().and_then(|user| id(&user.session_id));
    }
    user.rsplit_once("_session_").and_then(|(_, session)| id(session))
}

/// What people read: a title, and the texts that they typed, by the message in which they stand.
fn readable(messages: &[Message], clean: &impl Fn(&str) -> String) -> (String, Vec<(u32, String)>) {
    let typed = |(at, message): (usize, &Message)| {
        let text = title::typed(message);
        let end = text.floor_char_boundary(MAX_WORDS);
        let text = clean(text.get(..end).unwrap_or_default());
        (!text.is_empty()).then(|| (u32::try_from(at).unwrap_or(u32::MAX), text))
    };
    let users = messages.iter().enumerate().filter(|(_, message)| message.role == Role::User);
    (clean(&title::title(messages)), users.filter_map(typed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session_in(body: &str, agent: Option<&str>) -> Option<String> {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        session(&Opened { body, agent: agent.map(Into::into), ..Opened::default() })
    }

    #[test]
    fn bodies_name_their_conversation_in_many_ways() {
        for (body, expected) in [
            (r#"{"conversation_id":"a"}"#, Some("a")),
            (r#"{"threadId":"b"}"#, Some("b")),
            (r#"{"conversation":{"id":"c"}}"#, Some("c")),
            (r#"{"conversation":"d"}"#, Some("d")),
            (r#"{"metadata":{"thread_id":"e"}}"#, Some("e")),
            (r#"{"metadata":{"user_id":"user_1_account__session_f"}}"#, Some("f")),
            (r#"{"metadata":{"user_id":"{\"session_id\":\"g\"}"}}"#, Some("g")),
            (r#"{"metadata":{"user_id":"alice"}}"#, None),
            (r#"{"prompt_cache_key":"app"}"#, None),
            (r#"{"conversation_id":"two words"}"#, None),
            (r#"{"conversation_id":7,"thread_id":{},"metadata":{}}"#, None),
            ("no json", None),
        ] {
            assert_eq!(session_in(body, None).as_deref(), expected, "{body}");
        }
        assert_eq!(session_in(r#"{"prompt_cache_key":"k"}"#, Some("codex")).as_deref(), Some("k"));
    }

    #[test]
    fn hostile_bodies_are_kept_without_harm() {
        let deep = format!(r#"{{"messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for body in
            [deep.as_bytes(), b"\xff\xfe", b"", b"{", br#"{"messages":7}"#, br#"{"model":"m","messages":[7,null]}"#]
        {
            let opened = Opened { body: bytes::Bytes::copy_from_slice(body), ..Opened::default() };
            for surface in [
                Surface::Chat,
                Surface::Completions,
                Surface::Messages,
                Surface::Responses,
                Surface::Generate,
                Surface::CohereChat,
            ] {
                let opened = Opened { body: opened.body.clone(), ..Opened::default() };
                let watched = Watched {
                    surface,
                    captures: true,
                    inspects: false,
                    opened,
                    tried: Vec::new(),
                    told: None,
                    held: 0,
                };
                let kept = exchange(&watched, &Redactor::default());
                assert_eq!(kept.outcome, "client_abort");
            }
        }
    }
}
