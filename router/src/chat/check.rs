//! Calls and results belong together: every protocol insists, each in its own words. Checked once for all.

use super::{BadRequest, PartKind, Request, Role};

/// Finds a result that answers no call, a call that nothing answers, an id that is used twice.
pub fn pairing(request: &Request) -> Result<(), BadRequest> {
    let path = super::Field::ResultPairing.in_protocol(request.protocol);
    let mut open: Vec<&str> = Vec::new();
    for message in &request.messages {
        if message.role == Role::Assistant && !open.is_empty() && !has_calls_only_continuing(message) {
            return Err(unanswered(path, &open));
        }
        for part in &message.parts {
            match &part.kind {
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
    use crate::Protocol;
    use crate::chat::{Call, Message, Part, ToolResult};

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
            (vec![(Assistant, vec![call("a"), call("a")])], "two tool calls have the id `a`"),
            (
                vec![(Assistant, vec![call("a")]), (User, vec![result("a"), result("a")])],
                "the tool result for `a` answers no call before it",
            ),
        ] {
            assert_eq!(verdict(turns), Err(why.to_owned()));
        }
    }
}
