//! A conversation as Markdown, for people and for whatever reads that.

use std::fmt::Write as _;

use tokenrouter_shared::conversation::{ConversationDetail, ExchangeView, MediaView, MessageView, PartView, Speaker};

/// `detail` as Markdown; times are told by `time`, money by `money`.
pub fn markdown(detail: &ConversationDetail, time: impl Fn(i64) -> String, money: impl Fn(i64) -> String) -> String {
    let conversation = &detail.conversation;
    let title = if conversation.title.is_empty() { "Untitled conversation" } else { &conversation.title };
    let mut text = format!("# {}\n\n", line(title));
    _ = writeln!(
        text,
        "- conversation {}, {} to {}",
        conversation.id,
        time(conversation.started_ms),
        time(conversation.last_ms)
    );
    let agent = conversation.agent.as_deref().map(|agent| format!(" with {agent}")).unwrap_or_default();
    _ = writeln!(text, "- {}{}", line(&conversation.token_name), line(&agent));
    if !conversation.models.is_empty() {
        _ = writeln!(text, "- {}", line(&conversation.models.join(", ")));
    }
    _ = writeln!(
        text,
        "- {} requests, {} tokens in, {} out, {}",
        conversation.exchanges,
        conversation.input,
        conversation.output,
        money(conversation.cost_nanos)
    );
    for exchange in &detail.list {
        one(&mut text, exchange, &time);
    }
    if detail.next.is_some() {
        let told = detail.list.len();
        _ = writeln!(text, "\n---\n\n*More requests are left out: there is room for {told} here.*");
    }
    text
}

fn one(text: &mut String, exchange: &ExchangeView, time: &impl Fn(i64) -> String) {
    _ = write!(text, "\n---\n\n`{}` {}", exchange.request_id, time(exchange.started_ms));
    if !exchange.model.is_empty() {
        _ = write!(text, " {}/{}", line(&exchange.provider), line(&exchange.model));
    }
    if exchange.outcome != "ok" {
        _ = write!(text, " **{}**", exchange.outcome);
    }
    if let Some(internal) = &exchange.internal {
        _ = write!(text, " (internal: {internal})");
    }
    if exchange.is_branch {
        _ = write!(text, " (branches off after `{}`)", exchange.continues.as_deref().unwrap_or_default());
    }
    text.push('\n');
    if let Some(system) = &exchange.system {
        text.push_str("\n## Instructions\n\n");
        text.push_str(system);
        text.push('\n');
    }
    for message in &exchange.new {
        said(text, message);
    }
    if !exchange.answer.is_empty() {
        text.push_str("\n## Assistant\n");
        for part in &exchange.answer {
            part_of(text, part);
        }
    }
    if let Some(error) = &exchange.error {
        _ = writeln!(text, "\n**Error:** {}", line(error));
    }
}

fn said(text: &mut String, message: &MessageView) {
    let heading = match message.speaker {
        Speaker::System => "System",
        Speaker::User => "User",
        Speaker::Assistant => "Assistant",
        Speaker::Tool => "Tool",
    };
    _ = write!(text, "\n## {heading}\n");
    for part in &message.parts {
        part_of(text, part);
    }
}

fn part_of(text: &mut String, part: &PartView) {
    text.push('\n');
    match part {
        PartView::Text { text: said } | PartView::Refusal { text: said } => {
            text.push_str(said);
            text.push('\n');
        }
        PartView::Thinking { text: thought } if thought.is_empty() => text.push_str("> *(hidden thinking)*\n"),
        PartView::Thinking { text: thought } => {
            for line in thought.lines() {
                _ = writeln!(text, "> {line}");
            }
        }
        PartView::Call { name, input, .. } => {
            _ = writeln!(text, "**Calls {}**\n", line(name));
            fenced(text, input);
        }
        PartView::Result { text: said, failed, media, .. } => {
            _ = writeln!(text, "**{}**\n", if *failed { "Failed" } else { "Result" });
            fenced(text, said);
            for media in media {
                file(text, media);
            }
        }
        PartView::Media(media) => file(text, media),
        PartView::Other { kind } => _ = writeln!(text, "*({})*", line(kind)),
    }
}

/// In a fence longer than any that stands inside.
fn fenced(text: &mut String, inside: &str) {
    let mut longest = 0;
    let mut run = 0;
    for c in inside.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    _ = writeln!(text, "{fence}\n{inside}\n{fence}");
}

fn file(text: &mut String, media: &MediaView) {
    let what = media.media_type.as_deref().unwrap_or(&media.kind);
    _ = write!(text, "*[{}", line(what));
    if let Some(name) = &media.name {
        _ = write!(text, " {}", line(name));
    }
    if let Some(bytes) = media.bytes {
        _ = write!(text, ", {bytes} bytes");
    }
    if let Some(digest) = &media.sha256 {
        _ = write!(text, ", sha256 {digest}");
    }
    if let Some(at) = &media.at {
        _ = write!(text, ", {}", line(at));
    }
    text.push_str("]*\n");
}

/// In one line: what others named must not begin a heading or a list.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_reads_well() {
        let parts = |text: &str| vec![PartView::Text { text: text.into() }];
        let exchange = ExchangeView {
            request_id: "req_1".into(),
            provider: "p".into(),
            model: "m".into(),
            outcome: "ok".into(),
            new: vec![MessageView { speaker: Speaker::User, parts: parts("Hello") }],
            answer: vec![
                PartView::Thinking { text: "hm\nhm".into() },
                PartView::Call { id: "c".into(), name: "read".into(), input: "```".into() },
                PartView::Media(MediaView { kind: "image".into(), bytes: Some(5), ..MediaView::default() }),
            ],
            ..ExchangeView::default()
        };
        let mut detail = ConversationDetail { list: vec![exchange], ..ConversationDetail::default() };
        detail.conversation.title = "A\n# title".into();
        let text = markdown(&detail, |ms| format!("t{ms}"), |nanos| format!("${nanos}"));
        assert!(text.starts_with("# A # title\n"), "{text}");
        assert!(text.contains("## User\n\nHello\n\n## Assistant\n\n> hm\n> hm\n\n**Calls read**\n\n````\n```\n````\n\n*[image, 5 bytes]*\n"), "{text}");
    }
}
