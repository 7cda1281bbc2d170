//! What every protocol insists on, each in its own words: calls and results belong together, instructions are text,
//! schemas are objects. Checked once for all.

use std::collections::HashSet;

use super::request::Format;
use super::tool::ToolKind;
use super::{BadRequest, Field, Impossible, Losses, Media, Part, PartKind, Request, Role};
use crate::Protocol;

/// Finds a result that answers no call, a call that nothing answers, an id that is used twice, and either in the
/// other side's message.
pub fn pairing(request: &Request) -> Result<(), BadRequest> {
    let path = Field::ResultPairing.in_protocol(request.protocol);
    let mut open: HashSet<&str> = HashSet::new();
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
                PartKind::Call(call) if !open.insert(&call.id) => {
                    return Err(BadRequest::new(path, format!("two tool calls have the id `{}`", call.id)));
                }
                PartKind::Result(result) if !open.remove(result.call_id.as_str()) => {
                    let why = format!("the tool result for `{}` answers no call before it", result.call_id);
                    return Err(BadRequest::new(path, why));
                }
                _ => {}
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(path, &open)) }
}

/// What a file is, and itself.
const fn file(part: &Part) -> Option<(Field, &Media)> {
    match &part.kind {
        PartKind::Image(image) => Some((Field::Image, &image.media)),
        PartKind::Document(document) => Some((Field::Document, &document.media)),
        PartKind::Audio(media) => Some((Field::Audio, media)),
        PartKind::Video(media) => Some((Field::Video, media)),
        _ => None,
    }
}

/// Finds a file among the instructions, for which only Responses has a place; notes those in the model's messages,
/// for which only Gemini has one.
pub fn places(request: &Request, target: Protocol, losses: &mut Losses) -> Result<(), Impossible> {
    for message in &request.messages {
        for (field, _) in message.parts.iter().filter_map(file) {
            if message.role.instructs() && target != Protocol::Responses {
                return Err(Impossible::new(field, target, "its instructions are text only"));
            }
            if message.role == Role::Assistant && target != Protocol::Gemini {
                losses.dropped(field.in_protocol(request.protocol));
            }
        }
    }
    Ok(())
}

/// Finds a schema that is no object, and a media type that would not fit into a `data:` URL.
pub fn values(request: &Request) -> Result<(), BadRequest> {
    let no_object = |field: Field| BadRequest::new(field.in_protocol(request.protocol), "must be an object");
    for tool in &request.tools {
        if let ToolKind::Function { schema: Some(schema), .. } | ToolKind::Search { schema: Some(schema) } = &tool.kind
            && !schema.is_object()
        {
            return Err(no_object(Field::ToolSchema));
        }
    }
    if let Some(Format::Schema { schema, .. }) = &request.format
        && !schema.is_object()
    {
        return Err(no_object(Field::Format));
    }
    request.messages.iter().flat_map(|message| &message.parts).try_for_each(|part| match &part.kind {
        PartKind::Result(result) => result.content.iter().try_for_each(|part| media_type(part, request.protocol)),
        _ => media_type(part, request.protocol),
    })
}

fn media_type(part: &Part, protocol: Protocol) -> Result<(), BadRequest> {
    let Some((field, media)) = file(part) else { return Ok(()) };
    let is_legal = |c: u8| c.is_ascii_graphic() && !matches!(c, b',' | b'"' | b'\\') || c == b' ';
    match media.media_type() {
        Some(name) if !name.bytes().all(is_legal) => {
            Err(BadRequest::new(field.in_protocol(protocol), "its media type is none"))
        }
        _ => Ok(()),
    }
}

/// A model's turn may be sent in several messages.
fn has_calls_only_continuing(message: &super::Message) -> bool {
    message.parts.iter().any(|part| matches!(part.kind, PartKind::Call(_) | PartKind::Reasoning(_)))
}

fn unanswered(path: &'static str, open: &HashSet<&str>) -> BadRequest {
    let first = open.iter().min().copied().unwrap_or_default();
    let others = if open.len() > 1 { format!(" and {} more", open.len() - 1) } else { String::new() };
    BadRequest::new(path, format!("no tool result follows the tool call `{first}`{others}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Call, Image, Message, ToolResult};

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

    fn image(media_type: &str) -> Part {
        let media = Media::Base64 { media_type: media_type.into(), data: "aGk=".into() };
        Part::new(PartKind::Image(Image { media, detail: None }))
    }

    #[test]
    fn files_stand_where_a_protocol_has_a_place_for_them() {
        let mut request = Request::new(Protocol::Responses);
        request.messages = vec![Message::new(Role::Developer, vec![Part::text("look"), image("image/png")])];
        for target in Protocol::ALL {
            let mut losses = Losses::default();
            request.messages[0].role = Role::Developer;
            let found = places(&request, target, &mut losses);
            assert_eq!(found.is_ok(), target == Protocol::Responses, "{target}");
            request.messages[0].role = Role::User;
            assert_eq!(places(&request, target, &mut losses), Ok(()));
            assert_eq!(losses.header(), None);
            request.messages[0].role = Role::Assistant;
            assert_eq!(places(&request, target, &mut losses), Ok(()));
            assert_eq!(losses.header().is_none(), target == Protocol::Gemini, "{target}");
        }
    }

    #[test]
    fn schemas_are_objects_and_media_types_fit_into_a_url() {
        let json = |text: &str| crate::chat::Json::parse(text).unwrap();
        let with_tool = |schema: &str| {
            let mut request = Request::new(Protocol::Cohere);
            request.tools.push(crate::chat::Tool {
                name: "f".into(),
                namespace: None,
                description: None,
                kind: ToolKind::Function { schema: Some(json(schema)), strict: None },
                cache: None,
                deferred: false,
            });
            values(&request).map_err(|e| e.path)
        };
        assert_eq!(with_tool("{}"), Ok(()));
        assert_eq!(with_tool("[]"), Err("tools.parameters".to_owned()));
        let mut request = Request::new(Protocol::Gemini);
        request.format = Some(Format::Schema { name: None, description: None, schema: json("2"), strict: None });
        assert_eq!(values(&request).unwrap_err().path, "generationConfig.responseSchema");
        for (name, is_legal) in
            [("image/png", true), ("audio/L16;codec=pcm;rate=24000", true), ("a,b", false), ("é", false)]
        {
            let mut request = Request::new(Protocol::Gemini);
            request.messages = vec![Message::new(Role::User, vec![image(name)])];
            assert_eq!(values(&request).is_ok(), is_legal, "{name}");
        }
    }
}
