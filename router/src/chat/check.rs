//! What every protocol insists on, each in its own words: calls and results belong together, instructions are text.
//! Checked once for all.

use super::{BadRequest, Field, Impossible, PartKind, Request, Role};
use crate::Protocol;

/// Finds a result that answers no call, a call that nothing answers, an id that is used twice, and either in the
/// other side's message.
pub fn pairing(request: &Request) -> Result<(), BadRequest> {
    let path = Field::ResultPairing.in_protocol(request.protocol);
    let mut open: Vec<&str> = Vec::new();
    for message in &request.messages {
        if message.role == Role::Assistant && !open.is_empty() && !has_calls_only_continuing(message) {
            return Err(unanswered(path, &open));
        }
        for part in &message.parts {
            match &part.kind {
                PartKind::Call(call) if message.role != Role::Assistant => {
                    let why = format!("the tool call `{}` stands in a message that is not the model's", call.id);
                    return Err(BadRequest::new(path, why));
                }
                PartKind::Result(result) if message.role != Role::User => {
                    let why = format!("the tool result for `{}` stands in the model's message", result.call_id);
                    return Err(BadRequest::new(path, why));
                }
                PartKind::Call(call) => {
                    if open.contains(&call.id.as_str()) {
                        return Err(BadRequest::new(path, format!("two tool calls have the id `{}`", call.id)));
                    }
                    open.push(&call.id);
                }
                PartKind::Result(result) => {
                    let Some(at) = open.iter().position(|id| *id == result.call_id) else {
                        return Err(BadRequest::new(
                            path,
                            format!("the tool result for `{}` answers no call before it", result.call_id),
                        ));
                    };
                    open.remove(at);
                }
                _ => {}
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(path, &open)) }
}

/// Finds something in the instructions that is not text: only Responses has a place for it.
pub fn instructions(request: &Request, target: Protocol) -> Result<(), Impossible> {
    if target == Protocol::Responses {
        return Ok(());
    }
    let of_instructions = |message: &&super::Message| matches!(message.role, Role::System | Role::Developer);
    for part in request.messages.iter().filter(of_instructions).flat_map(|message| &message.parts) {
        let field = match &part.kind {
            PartKind::Image(_) => Field::Image,
            PartKind::Document(_) => Field::Document,
            PartKind::Audio(_) => Field::Audio,
            PartKind::Video(_) => Field::Video,
            _ => continue,
        };
        return Err(Impossible::new(field, target, "its instructions are text only"));
    }
    Ok(())
}

/// A model's turn may be sent in several messages.
fn has_calls_only_continuing(message: &super::Message) -> bool {
    message.parts.iter().any(|part| matches!(part.kind, PartKind::Call(_) | PartKind::Reasoning(_)))
}

fn unanswered(path: &'static str, open: &[&str]) -> BadRequest {
    BadRequest::new(path, format!("no tool result follows the tool call `{}`", open.join("`, `")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Call, Image, Media, Message, Part, ToolResult};

    fn call(id: &str) -> Part {
        Part::new(PartKind::Call(Call { id: id.into(), name: "f".into(), ..Call::default() }))
    }

    fn result(id: &str) -> Part {
        Part::new(PartKind::Result(ToolResult { call_id: id.into(), ..ToolResult::default() }))
    }

    fn verdict(turns: Vec<(Role, Vec<Part>)>) -> Result<(), String> {
        let mut request = Request::new(Protocol::OpenAi);
        request.messages = turns.into_iter().map(|(role, parts)| Message::new(role, parts)).collect();
        pairing(&request).map_err(|e| e.why.into_owned())
    }

    #[test]
    fn every_call_is_answered_once() {
        use Role::{Assistant, User};
        assert_eq!(
            verdict(vec![(Assistant, vec![call("a"), call("b")]), (User, vec![result("b"), result("a")])]),
            Ok(())
        );
        assert_eq!(
            verdict(vec![
                (Assistant, vec![call("a")]),
                (Assistant, vec![call("b")]),
                (User, vec![result("a"), result("b")])
            ]),
            Ok(())
        );
        assert_eq!(
            verdict(vec![
                (Assistant, vec![call("a")]),
                (User, vec![result("a")]),
                (Assistant, vec![call("a")]),
                (User, vec![result("a")])
            ]),
            Ok(())
        );
        for (turns, why) in [
            (vec![(User, vec![result("x")])], "the tool result for `x` answers no call before it"),
            (
                vec![(Assistant, vec![call("a")]), (User, vec![Part::text("hi")])],
                "no tool result follows the tool call `a`",
            ),
            (
                vec![(Assistant, vec![call("a")]), (Assistant, vec![Part::text("b")])],
                "no tool result follows the tool call `a`",
            ),
            (vec![(User, vec![call("a")])], "the tool call `a` stands in a message that is not the model's"),
            (
                vec![(Assistant, vec![call("a")]), (Assistant, vec![call("b"), result("a")])],
                "the tool result for `a` stands in the model's message",
            ),
            (vec![(Assistant, vec![call("a"), call("a")])], "two tool calls have the id `a`"),
            (
                vec![(Assistant, vec![call("a")]), (User, vec![result("a"), result("a")])],
                "the tool result for `a` answers no call before it",
            ),
        ] {
            assert_eq!(verdict(turns), Err(why.to_owned()));
        }
    }

    #[test]
    fn an_image_among_the_instructions_goes_to_responses_only() {
        let image = PartKind::Image(Image { media: Media::from_url("data:image/png;base64,aGk="), detail: None });
        let mut request = Request::new(Protocol::Responses);
        request.messages = vec![Message::new(Role::Developer, vec![Part::text("look"), Part::new(image)])];
        assert_eq!(instructions(&request, Protocol::Responses), Ok(()));
        for target in [Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini, Protocol::Cohere] {
            assert_eq!(instructions(&request, target).unwrap_err().field, Field::Image);
        }
        for message in &mut request.messages {
            message.role = Role::User;
        }
        assert_eq!(instructions(&request, Protocol::OpenAi), Ok(()));
    }
}
