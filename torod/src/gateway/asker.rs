//! Which program asks, and in which of its conversations: read out of what agents say in headers.
//!
//! * Claude Code: `x-claude-code-session-id`; a sub-agent adds `x-claude-code-agent-id`, and `x-claude-code-parent-agent-id`
//!   where another sub-agent began it.
//! * Codex: `thread-id` within `session-id` (`session_id` and `conversation_id` before), `x-codex-parent-thread-id`.
//! * opencode: `x-session-id` or `x-session-affinity`, `x-parent-session-id`.
//!
//! Whoever names none there may do so in the body (`prompt_cache_key`, `metadata.user_id`); that is looked at for runs alone,
//! so that no other request is read once more.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::access::caller::Caller;
use crate::usage::AgentSession;

/// Bytes of an id. A longer one is none.
const MAX_ID: usize = 128;

/// Bytes of a user agent that are kept.
const MAX_USER_AGENT: usize = 200;

/// So many user agents a thread remembers.
const MET_MOST: usize = 16;

/// Who asks, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// The conversation.
    pub session: Option<Arc<AgentSession>>,
    /// The program, in a short word.
    pub agent: Option<Arc<str>>,
    /// What the program calls itself, shortened.
    pub user_agent: Option<Arc<str>>,
    /// Where it asks from, without a port; none by the control socket.
    pub address: Option<IpAddr>,
}

/// How the names of programs begin, in lower case, and the word for each. `/` or a blank, `-` or `_` comes after it.
static AGENTS: LazyLock<Vec<(&'static str, Arc<str>)>> = LazyLock::new(|| {
    [
        ("claude-cli", "claude-code"),
        ("claude-code", "claude-code"),
        ("codex", "codex"),
        ("opencode", "opencode"),
        ("geminicli", "gemini-cli"),
        ("gemini-cli", "gemini-cli"),
        ("qwencode", "qwen-code"),
        ("qwen-code", "qwen-code"),
        ("aider", "aider"),
        ("crush", "crush"),
        ("charm crush", "crush"),
        ("goose", "goose"),
        ("githubcopilot", "copilot"),
        ("copilot", "copilot"),
        ("pi", "pi"),
        ("cline", "cline"),
        ("roocode", "roo-code"),
        ("kilo", "kilo-code"),
        ("zed", "zed"),
        ("cursor", "cursor"),
        ("continue", "continue"),
        ("grok", "grok"),
        ("toro", "toro"),
    ]
    .into_iter()
    .map(|(begins, word)| (begins, Arc::from(word)))
    .collect()
});

/// What agents say in headers.
#[derive(Default)]
struct Said<'a> {
    program: Option<&'a HeaderValue>,
    claude: [Option<&'a str>; 3],
    codex_thread: Option<&'a str>,
    codex_session: Option<&'a str>,
    codex_parent: Option<&'a str>,
    session: Option<&'a str>,
    parent: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            let place = match name.as_str() {
                "user-agent" => {
                    said.program = Some(value);
                    continue;
                }
                "x-claude-code-session-id" => &mut said.claude[0],
                "x-claude-code-agent-id" => &mut said.claude[1],
                "x-claude-code-parent-agent-id" => &mut said.claude[2],
                "thread-id" => &mut said.codex_thread,
                "session-id" | "session_id" | "conversation_id" => &mut said.codex_session,
                "x-codex-parent-thread-id" => &mut said.codex_parent,
                "x-session-affinity" | "x-session-id" => &mut said.session,
                "x-parent-session-id" => &mut said.parent,
                _ => continue,
            };
            *place = place.or_else(|| value.to_str().ok().and_then(plain));
        }
        said
    }

    /// The conversation's id, and the id of the one that it was begun by.
    fn session(&self) -> Option<(&'a str, Option<&'a str>)> {
        let [root, agent, parent_agent] = self.claude;
        if let Some(agent) = agent {
            return Some((agent, parent_agent.or(root)));
        }
        if let Some(root) = root {
            return Some((root, None));
        }
        if let Some(thread) = self.codex_thread {
            return Some((thread, self.codex_parent.or(self.codex_session)));
        }
        let session = self.codex_session.map(|session| (session, self.codex_parent));
        session.or_else(|| Some((self.session?, self.parent)))
    }
}

/// An id that can be shown anywhere.
fn plain(text: &str) -> Option<&str> {
    let is_plain = !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_graphic());
    is_plain.then_some(text)
}

impl Asker {
    /// Who sent a request with `headers` and `body`.
    pub(super) fn of(caller: &Caller, address: Option<IpAddr>, headers: &HeaderMap, body: &Bytes) -> Self {
        let said = Said::read(headers);
        let token = caller.token();
        let named = token.and_then(|token| token.agent.clone());
        let agent = named.or_else(|| said.program.and_then(program));
        let session = match said.session() {
            Some((id, parent)) => {
                let parent = parent.filter(|parent| *parent != id).map(Into::into);
                Some(AgentSession { id: id.into(), parent })
            }
            None if token.is_some_and(|token| token.is_run) => in_body(body),
            None => None,
        };
        let user_agent = said.program.and_then(user_agent);
        Self { session: session.map(Arc::new), agent, user_agent, address }
    }
}

thread_local! {
    /// The user agents that a thread met last, so that a text is copied once and not with every request.
    static MET: RefCell<VecDeque<Arc<str>>> = const { RefCell::new(VecDeque::new()) };
}

/// What a program calls itself, in at most [`MAX_USER_AGENT`] bytes; none where it says nothing that can be shown.
fn user_agent(says: &HeaderValue) -> Option<Arc<str>> {
    let says = says.as_bytes().trim_ascii();
    let says = says.get(..says.len().min(MAX_USER_AGENT))?;
    if says.is_empty() {
        return None;
    }
    MET.with_borrow_mut(|met| {
        if let Some(known) = met.iter().find(|known| known.as_bytes() == says) {
            return Some(Arc::clone(known));
        }
        if !says.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return None;
        }
        let new: Arc<str> = std::str::from_utf8(says).ok()?.into();
        met.truncate(MET_MOST - 1);
        met.push_front(Arc::clone(&new));
        Some(new)
    })
}

/// The word for a program.
fn program(says: &HeaderValue) -> Option<Arc<str>> {
    let says = says.as_bytes();
    let begins_so = |begins: &str| {
        let matches = says.get(..begins.len()).is_some_and(|start| start.eq_ignore_ascii_case(begins.as_bytes()));
        matches && says.get(begins.len()).is_none_or(|next| !next.is_ascii_alphanumeric() || begins == "githubcopilot")
    };
    AGENTS.iter().find(|(begins, _)| begins_so(begins)).map(|(_, word)| Arc::clone(word))
}

/// What a body says of its conversation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Inside<'a> {
    #[serde(borrow)]
    prompt_cache_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
}

/// What Claude Code puts into `metadata.user_id`, where that is JSON.
#[derive(Deserialize)]
struct UserId<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
}

/// The conversation that a body names.
fn in_body(body: &[u8]) -> Option<AgentSession> {
    let inside: Inside<'_> = serde_json::from_slice(body).ok()?;
    let user = inside.metadata.and_then(|metadata| metadata.user_id);
    let text = match (inside.prompt_cache_key, user) {
        (Some(key), _) => key,
        (None, Some(user)) => session_of(&user)?.into(),
        (None, None) => return None,
    };
    plain(&text).map(|id| AgentSession { id: id.into(), parent: None })
}

/// The session in the id of a user: `{"session_id":"…"}`, `…_session_…`, or all of it.
fn session_of(user: &str) -> Option<String> {
    if user.starts_with('{') {
        return serde_json::from_str::<UserId<'_>>(user).ok().map(|user| user.session_id.into_owned());
    }
    Some(user.rsplit_once("_session_").map_or(user, |(_, session)| session).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn seen(pairs: &[(&'static str, &str)]) -> Option<(String, Option<String>)> {
        let asker = Asker::of(&Caller::Loopback, None, &headers(pairs), &Bytes::new());
        asker.session.map(|session| (session.id.to_string(), session.parent.as_deref().map(str::to_owned)))
    }

    #[test]
    fn sessions_and_sub_agents_are_read_from_what_agents_send() {
        type Case<'a> = (&'a [(&'static str, &'a str)], Option<(&'a str, Option<&'a str>)>);
        const CLAUDE: (&str, &str) = ("x-claude-code-session-id", "0f5f1c1e-root");
        let agent = ("x-claude-code-agent-id", "a1b2");
        let cases: &[Case<'_>] = &[
            (&[], None),
            (&[CLAUDE], Some(("0f5f1c1e-root", None))),
            (&[CLAUDE, agent], Some(("a1b2", Some("0f5f1c1e-root")))),
            (&[CLAUDE, agent, ("x-claude-code-parent-agent-id", "c3")], Some(("a1b2", Some("c3")))),
            (&[("session-id", "s"), ("thread-id", "s")], Some(("s", None))),
            (&[("session-id", "s"), ("thread-id", "t")], Some(("t", Some("s")))),
            (&[("session-id", "s"), ("thread-id", "t"), ("x-codex-parent-thread-id", "p")], Some(("t", Some("p")))),
            (&[("conversation_id", "c"), ("session_id", "c")], Some(("c", None))),
            (&[("x-session-affinity", "ses_1")], Some(("ses_1", None))),
            (&[("x-session-id", "ses_2"), ("x-parent-session-id", "ses_1")], Some(("ses_2", Some("ses_1")))),
        ];
        for (pairs, expected) in cases {
            let expected = expected.map(|(id, parent)| (id.to_owned(), parent.map(str::to_owned)));
            assert_eq!(seen(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        for value in ["", "two words", "b\u{fc}ro", "\u{202e}x", &"x".repeat(129), "tab\there"] {
            assert_eq!(seen(&[("x-session-id", value)]), None, "{value:?}");
        }
        assert!(seen(&[("x-session-id", &"x".repeat(128))]).is_some());
        // The first that is one counts.
        assert_eq!(seen(&[("x-session-id", "a b"), ("x-session-id", "c")]), Some(("c".into(), None)));
        assert_eq!(seen(&[("x-session-id", "a"), ("x-parent-session-id", "a b")]), Some(("a".into(), None)));
    }

    #[test]
    fn programs_are_known_by_how_they_call_themselves() {
        for (says, word) in [
            ("codex_exec/0.169.0 (Debian 13; x86_64) xterm", Some("codex")),
            ("codex_cli_rs/0.20.0", Some("codex")),
            ("claude-cli/2.1.329 (external, cli)", Some("claude-code")),
            ("opencode/1.18.33 ai-sdk/provider-utils/4.0", Some("opencode")),
            ("GeminiCLI/0.61.0/gemini-2.5-flash (linux; x64)", Some("gemini-cli")),
            ("QwenCode/0.24.4 (linux; x64)", Some("qwen-code")),
            ("Charm Crush/1.0", Some("crush")),
            ("GitHubCopilotChat/0.1", Some("copilot")),
            ("pi", Some("pi")),
            ("pip/24", None),
            ("OpenAI/Python 3.52.0", None),
            ("curl/8.0", None),
            ("codexical/1", None),
            ("", None),
        ] {
            let asker = Asker::of(&Caller::Loopback, None, &headers(&[("user-agent", says)]), &Bytes::new());
            assert_eq!(asker.agent.as_deref(), word, "{says}");
        }
    }

    #[test]
    fn bodies_name_a_conversation_too() {
        for (body, expected) in [
            (r#"{"model":"m","prompt_cache_key":"k\u0031","messages":[]}"#, Some("k1")),
            (r#"{"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-1\"}"}}"#, Some("s-1")),
            (r#"{"metadata":{"user_id":"user_ab_account__session_9f-1"}}"#, Some("9f-1")),
            (r#"{"metadata":{"user_id":"plain"}}"#, Some("plain")),
            (r#"{"metadata":{"user_id":"{\"session_id\":5}"}}"#, None),
            (r#"{"metadata":null,"prompt_cache_key":null}"#, None),
            (r#"{"prompt_cache_key":"two words"}"#, None),
            (r#"{"prompt_cache_key":7}"#, None),
            (r#"{"messages":[{"prompt_cache_key":"x"}]}"#, None),
            ("no json", None),
        ] {
            assert_eq!(in_body(body.as_bytes()).map(|session| session.id.to_string()).as_deref(), expected, "{body}");
        }
    }
}
