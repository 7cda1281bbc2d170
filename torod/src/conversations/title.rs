//! What a conversation is about, and which requests agents make for themselves.

use tokenrouter::chat::{Message, Part, Request, Role};

/// The most characters of a title.
const MOST: usize = 80;
/// So much of a text is looked at to know what it is for.
const LOOKED_AT: usize = 4_000;

/// How blocks begin that agents put before what a person typed, each with how it ends.
const BLOCKS: &[(&str, &str)] =
    &[("# AGENTS.md instructions", "</INSTRUCTIONS>"), ("# Context from my IDE setup:", "## My request for Codex:")];

/// Words in what agents ask for themselves, and what that is.
const INTERNAL: &[(&str, &[&str])] = &[
    (
        "title",
        &[
            "generate a concise title",
            "generate a short title",
            "generate a brief title",
            "generate a title for",
            "you are a title generator",
            "title for the conversation",
            "title for this conversation",
            "3-5 word title",
            "write a 5-10 word title",
            "succinct title",
        ],
    ),
    ("topic", &["isnewtopic", "indicates a new conversation topic"]),
    (
        "summary",
        &[
            "context checkpoint compaction",
            "create a detailed summary of the conversation",
            "tasked with summarizing conversations",
            "provide a detailed prompt for continuing our conversation",
            "summarize this conversation for",
            "<state_snapshot>",
        ],
    ),
    ("suggestion", &["[suggestion mode:", "suggest 3-5 relevant follow-up", "generate 1-3 broad tags"]),
];

/// What an agent makes a request for where that is nothing that a person said.
pub fn internal(request: &Request) -> Option<&'static str> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User).map(Message::text);
    let last = last.unwrap_or_default();
    let said = last.trim();
    if request.max_tokens.is_some_and(|most| most <= 1) && said.len() <= 16 {
        return Some("probe");
    }
    let instructions: String =
        request.messages.iter().filter(|message| message.role.instructs()).map(Message::text).collect();
    // Agents ask for a title in a request of its own: a long conversation that speaks of titles is none.
    let is_alone = request.messages.iter().filter(|message| !message.role.instructs()).count() <= 2;
    let looked_at = |text: &str| text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or_default().to_lowercase();
    let (said, instructed) = (looked_at(said), looked_at(&instructions));
    for (kind, words) in INTERNAL {
        let says = |text: &str| words.iter().any(|words| text.contains(words));
        // What a tool-using agent is told at length may speak of titles and summaries too.
        let by_instructions = instructions.len() <= LOOKED_AT && request.tools.is_empty() && says(&instructed);
        let fits = if *kind == "summary" {
            says(&said) || by_instructions
        } else {
            is_alone && (says(&said) || by_instructions)
        };
        if fits {
            return Some(kind);
        }
    }
    None
}

/// What the first person who said something said, in one short line.
pub fn title(messages: &[Message]) -> String {
    messages
        .iter()
        .filter(|message| message.role == Role::User)
        .map(typed)
        .find_map(|text| line(&text))
        .unwrap_or_default()
}

/// What a person typed: the texts of a message without what agents put around them.
pub fn typed(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(Part::as_text).map(without_blocks);
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| line.chars().any(char::is_alphanumeric))?;
    let words: Vec<&str> = line.trim_start_matches(['#', '>', '*', '-', ' ']).split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= MOST {
        return Some(line);
    }
    let cut: String = line.chars().take(MOST - 1).collect();
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole);
    Some(format!("{}…", if whole.len() * 2 > cut.len() { whole } else { &cut }))
}

/// A text without the blocks in tags that agents put in: reminders, the environment, what a command printed.
fn without_blocks(text: &str) -> String {
    let mut rest = text.trim_start();
    let mut kept = String::new();
    loop {
        if let Some((_, end)) = BLOCKS.iter().find(|(begin, _)| rest.starts_with(begin)) {
            rest = rest.split_once(end).map_or("", |(_, after)| after).trim_start();
        } else if let Some((inside, after)) = block(rest) {
            // What a person typed may stand in a block itself.
            kept.push_str(inside);
            rest = after.trim_start();
        } else {
            break;
        }
    }
    // Reminders stand behind too.
    let mut typed = rest;
    while let Some(at) = typed.rfind("<system-reminder>") {
        typed = typed.get(..at).unwrap_or_default();
    }
    kept.push_str(typed.trim());
    kept
}

/// A block `<tag>…</tag>` at the beginning of `text`: what of it a person typed, and what stands behind.
fn block(text: &str) -> Option<(&str, &str)> {
    let (name, inside) = text.strip_prefix('<')?.split_once('>')?;
    let is_tag = !name.is_empty()
        && name.len() <= 40
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && name.contains(['-', '_']);
    if !is_tag {
        return None;
    }
    let (inside, after) = inside.split_once(&format!("</{name}>"))?;
    let is_typed = matches!(name, "user_query" | "user-query" | "user_message" | "user_request" | "command-args");
    Some((if is_typed { inside } else { "" }, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter::Protocol;
    use tokenrouter::convert::{Asked, asked};

    fn request(body: &str) -> Request {
        asked(Asked::new(Protocol::OpenAi, body.as_bytes())).unwrap()
    }

    fn user(text: &str) -> Message {
        Message::new(Role::User, vec![Part::text(text)])
    }

    #[test]
    fn a_title_is_what_a_person_typed() {
        for (text, title_is) in [
            ("Fix the login bug", "Fix the login bug"),
            ("<system-reminder>\nToday is Monday.\n</system-reminder>\nWhy is it slow?", "Why is it slow?"),
            ("Why is it slow?\n<system-reminder>x</system-reminder>", "Why is it slow?"),
            ("<environment_context>\n  <cwd>/x</cwd>\n</environment_context>", ""),
            ("# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nBe kind.\n</INSTRUCTIONS>\nhello", "hello"),
            ("<user_query>where is main?</user_query>", "where is main?"),
            ("# Heading\n\nbody", "Heading"),
            ("<div>html</div>", "<div>html</div>"),
            ("   \n\t\n", ""),
            ("```\n---\n", ""),
        ] {
            assert_eq!(title(&[user(text)]), title_is, "{text}");
        }
        let long = title(&[user(&"word ".repeat(60))]);
        assert!(long.ends_with("word…") && long.chars().count() <= MOST, "{long}");
        assert_eq!(title(&[user(&"字".repeat(200))]).chars().count(), MOST);
        assert_eq!(title(&[user("<environment_context>x</environment_context>"), user("second")]), "second");
    }

    #[test]
    fn what_agents_ask_for_themselves_is_known() {
        for (body, kind) in [
            (r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"quota"}]}"#, Some("probe")),
            (
                r#"{"model":"m","messages":[{"role":"system","content":"You are a title generator. You output ONLY a thread title."},{"role":"user","content":"hi"}]}"#,
                Some("title"),
            ),
            (
                r#"{"model":"m","messages":[{"role":"user","content":"Create a brief, 3-5 word title with an emoji"}]}"#,
                Some("title"),
            ),
            (
                r#"{"model":"m","messages":[{"role":"system","content":"Analyze if this message indicates a new conversation topic."},{"role":"user","content":"hi"}]}"#,
                Some("topic"),
            ),
            (
                r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"Your task is to create a detailed summary of the conversation so far"}]}"#,
                Some("summary"),
            ),
            (r#"{"model":"m","messages":[{"role":"user","content":"Fix the bug"}]}"#, None),
            (
                r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Is this text about cooking? Answer with yes or no."}]}"#,
                None,
            ),
        ] {
            assert_eq!(internal(&request(body)), kind, "{body}");
        }
    }
}
