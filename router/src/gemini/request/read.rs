//! Reads a Gemini request.

use std::collections::VecDeque;

use super::schema::to_json_schema;
use crate::Protocol;
use crate::chat::content::{Opaque, is_base64};
use crate::chat::request::{Effort, Extra, Format, Level, Weight};
use crate::chat::tool::ToolKind;
use crate::chat::{
    BadRequest, Call, Document, Image, Json, Maker, Media, Message, Part, PartKind, Reasoning, Request, Role, State,
    Text, Tool, ToolChoice, ToolResult, loss,
};
use crate::gemini::wire;

/// Reads `body`; model and stream stand in the path of this protocol.
pub fn read(body: &[u8], model: &str, stream: bool) -> Result<Request, BadRequest> {
    let mut wire: wire::Request = loss::read(body)?;
    if let Some(inner) = wire.generate_content_request.take() {
        // The long form of a request to count tokens.
        return read(inner.text().as_bytes(), model, stream);
    }
    let mut request = Request::new(Protocol::Gemini);
    model.clone_into(&mut request.model);
    request.stream = stream;
    request.stream_usage = true;
    for content in wire.system_instruction.unwrap_or_default().0 {
        let texts: Vec<Part> = content.parts.into_iter().filter_map(|part| part.text).map(Part::text).collect();
        if !texts.is_empty() {
            request.messages.push(Message::new(Role::System, texts));
        }
    }
    let contents = wire.contents.unwrap_or_default().0;
    if contents.is_empty() {
        return Err(BadRequest::new("contents", "is missing or empty"));
    }
    let mut open: VecDeque<(String, String)> = VecDeque::new();
    for (at, content) in contents.into_iter().enumerate() {
        let message = turn(content, at, &mut open)?;
        add(&mut request.messages, message);
    }
    for tool in wire.tools.unwrap_or_default() {
        tools(tool, &mut request.tools);
    }
    if let Some(config) = wire.tool_config.and_then(|config| config.function_calling_config) {
        request.tool_choice = choice(config);
    }
    generation(wire.generation_config.unwrap_or_default(), &mut request)?;
    request.metadata = wire.labels.unwrap_or_default().into_iter().collect();
    request.service_tier = wire.service_tier.map(|tier| match tier.to_ascii_lowercase().as_str() {
        "standard" => "default".to_owned(),
        other => other.to_owned(),
    });
    for (name, value) in wire.rest {
        if !value.is_null() {
            let weight = match name.as_str() {
                "safetySettings" | "safety_settings" | "store" => Weight::Hint,
                "cachedContent" | "cached_content" | "continuationToken" => Weight::Meaning,
                _ => Weight::Loss,
            };
            request.extra.push(Extra { name, value, weight });
        }
    }
    Ok(request)
}

/// The most calls that may wait for their response: each response is looked for among them.
const MAX_OPEN: usize = 4096;

/// One turn. `open` holds the calls that wait for their result: id and name.
fn turn(wire: wire::Content, at: usize, open: &mut VecDeque<(String, String)>) -> Result<Message, BadRequest> {
    let path = |rest: &str| format!("contents[{at}]{rest}");
    let role = match wire.role.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("user" | "function" | "tool" | "") => Role::User,
        Some("model" | "assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(other) => return Err(BadRequest::new(path(".role"), format!("the role \"{other}\" does not exist"))),
    };
    let mut parts = Vec::with_capacity(wire.parts.len());
    for (n, part) in wire.parts.into_iter().enumerate() {
        let at_part = |rest: &str| path(&format!(".parts[{n}]{rest}"));
        if let Some(response) = part.function_response {
            // Clients leave the id out, also where the call had one.
            let found = match response.id.as_deref().filter(|id| !id.is_empty()) {
                Some(id) => open.iter().position(|(open, _)| open == id),
                None => None,
            };
            let found = found.or_else(|| open.iter().position(|(_, name)| *name == response.name));
            let Some(found) = found else {
                let why = format!("the response of `{}` answers no call before it", response.name);
                return Err(BadRequest::new(at_part(".functionResponse"), why));
            };
            let (call_id, _) = open.remove(found).unwrap_or_default();
            parts.push(result(response, call_id, &at_part)?);
            continue;
        }
        if let Some(part) = read_part(part, role, None, &format!("call_{at}_{n}"), &at_part)? {
            if let PartKind::Call(call) = &part.kind {
                if open.len() >= MAX_OPEN {
                    return Err(BadRequest::new(at_part(".functionCall"), "too many calls wait for their response"));
                }
                open.push_back((call.id.clone(), call.name.clone()));
            }
            parts.push(part);
        }
    }
    Ok(Message::new(role, parts))
}

/// Adds a turn. Clients keep every chunk of a stream as a part, or even a turn, of its own: what the model said in one
/// go is put together again.
fn add(messages: &mut Vec<Message>, turn: Message) {
    if turn.role != Role::Assistant {
        messages.push(turn);
        return;
    }
    if messages.last().is_none_or(|last| last.role != Role::Assistant) {
        messages.push(Message::new(Role::Assistant, Vec::with_capacity(turn.parts.len())));
    }
    let Some(last) = messages.last_mut() else { return };
    for part in turn.parts {
        match (last.parts.last_mut().map(|part| &mut part.kind), &part.kind) {
            (Some(PartKind::Text(before)), PartKind::Text(next)) if before.state.is_none() && next.state.is_none() => {
                before.text.push_str(&next.text);
            }
            (Some(PartKind::Reasoning(before)), PartKind::Reasoning(next))
                if before.state.is_none() && next.state.is_none() =>
            {
                before.text.push_str(&next.text);
            }
            _ => last.parts.push(part),
        }
    }
}

/// One part, other than a function's response; none where nothing is in it. `maker` is known for answers only.
pub(in crate::gemini) fn read_part(
    wire: wire::Part,
    role: Role,
    maker: Option<&Maker>,
    call_id: &str,
    path: &dyn Fn(&str) -> String,
) -> Result<Option<Part>, BadRequest> {
    let state =
        wire.thought_signature.filter(|text| !text.is_empty()).map(|text| State { maker: maker.cloned(), text });
    let opaque =
        |kind: &str, json: Json| PartKind::Opaque(Opaque { protocol: Protocol::Gemini, kind: kind.into(), json });
    let detail = wire.media_resolution.and_then(|resolution| detail(resolution.level.as_deref()?));
    let kind = if let Some(call) = wire.function_call {
        let Some(name) = call.name.filter(|name| !name.is_empty()) else { return Ok(None) };
        let input = call.args.filter(|args| !args.is_null()).unwrap_or_else(Json::empty_object);
        if !input.is_object() {
            return Err(BadRequest::new(path(".functionCall.args"), "must be an object"));
        }
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| call_id.to_owned());
        PartKind::Call(Call { id, name, input: input.text().to_owned(), state, ..Call::default() })
    } else if let Some(blob) = wire.inline_data {
        media(Media::Base64 { media_type: blob.mime_type, data: standard(&blob.data) }, detail, path)?
    } else if let Some(file) = wire.file_data {
        let is_web = file.file_uri.starts_with("http") && !file.file_uri.contains("generativelanguage.googleapis");
        media(
            if is_web {
                Media::Url { url: file.file_uri, media_type: file.mime_type }
            } else {
                Media::File { id: file.file_uri, media_type: file.mime_type }
            },
            detail,
            path,
        )?
    } else if let Some(code) = wire.executable_code {
        opaque("executableCode", code)
    } else if let Some(result) = wire.code_execution_result {
        opaque("codeExecutionResult", result)
    } else if let Some(call) = wire.tool_call {
        opaque("toolCall", call)
    } else if let Some(response) = wire.tool_response {
        opaque("toolResponse", response)
    } else {
        let text = wire.text.unwrap_or_default();
        if wire.thought == Some(true) && role == Role::Assistant {
            PartKind::Reasoning(Reasoning { text, state, ..Reasoning::default() })
        } else if text.is_empty() && state.is_none() {
            return Ok(None);
        } else {
            PartKind::Text(Text { state, ..Text::new(text) })
        }
    };
    Ok(Some(kind.into()))
}

/// Base64 in the standard alphabet, padded.
pub(in crate::gemini) fn standard(data: &str) -> String {
    let mut data: String = data
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    while !data.len().is_multiple_of(4) {
        data.push('=');
    }
    data
}

/// OpenAI's word for how closely to look at an image; none for Google's default.
fn detail(level: &str) -> Option<String> {
    match level {
        "MEDIA_RESOLUTION_LOW" => Some("low".to_owned()),
        "MEDIA_RESOLUTION_HIGH" | "MEDIA_RESOLUTION_ULTRA_HIGH" => Some("high".to_owned()),
        _ => None,
    }
}

fn media(media: Media, detail: Option<String>, path: &dyn Fn(&str) -> String) -> Result<PartKind, BadRequest> {
    if let Media::Base64 { data, .. } = &media
        && !is_base64(data)
    {
        return Err(BadRequest::new(path(".inlineData.data"), "is not valid base64"));
    }
    let kind = media.media_type().unwrap_or_default().split('/').next().unwrap_or_default().to_owned();
    Ok(match kind.as_str() {
        "image" => PartKind::Image(Image { media, detail }),
        "audio" => PartKind::Audio(media),
        "video" => PartKind::Video(media),
        _ => PartKind::Document(Document { media, name: None, context: None, citations: false }),
    })
}

fn result(wire: wire::FunctionResponse, call_id: String, path: &dyn Fn(&str) -> String) -> Result<Part, BadRequest> {
    let object = wire.response.filter(|response| !response.is_null());
    let keys: wire::ResultKeys = object.as_ref().and_then(Json::read).unwrap_or_default();
    let is_error = keys.error.as_ref().is_some_and(|error| !error.is_null() && error.text() != "false");
    let said = keys.error.filter(|_| is_error).or(keys.output).or(keys.result).or(keys.return_value).or(keys.content);
    let said = said.or_else(|| object.clone());
    let text = said.map(|said| said.as_string().unwrap_or_else(|| said.text().to_owned())).unwrap_or_default();
    let mut content = vec![Part::text(text)];
    for (n, part) in wire.parts.into_iter().enumerate() {
        let at = |rest: &str| path(&format!(".functionResponse.parts[{n}]{rest}"));
        content.extend(read_part(part, Role::User, None, "", &at)?);
    }
    let result = ToolResult { call_id, name: Some(wire.name), content, object, is_error, ..ToolResult::default() };
    Ok(PartKind::Result(result).into())
}

fn tools(wire: wire::Tool, to: &mut Vec<Tool>) {
    for declared in wire.function_declarations.unwrap_or_default() {
        let schema = declared.parameters_json_schema.or_else(|| declared.parameters.as_ref().map(to_json_schema));
        to.push(Tool {
            name: declared.name,
            namespace: None,
            description: declared.description,
            kind: ToolKind::Function { schema: schema.filter(|schema| !schema.is_null()), strict: None },
            cache: None,
            deferred: false,
        });
    }
    // Whatever else a tool is called is executed by the provider.
    for (name, json) in wire.rest.into_iter().filter(|(_, json)| !json.is_null()) {
        let kind = match camel(&name) {
            kind if kind == "googleSearchRetrieval" => "googleSearch".to_owned(),
            kind => kind,
        };
        to.push(Tool {
            name: kind.clone(),
            namespace: None,
            description: None,
            kind: ToolKind::Vendor { protocol: Protocol::Gemini, kind, json },
            cache: None,
            deferred: false,
        });
    }
}

/// A field's name in camel case, however the client writes it.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

fn choice(wire: wire::CallingConfig) -> Option<ToolChoice> {
    let names = wire.allowed_function_names.unwrap_or_default();
    match wire.mode.as_deref().map(str::to_ascii_uppercase).as_deref() {
        Some("AUTO") => Some(ToolChoice::Auto),
        Some("NONE") => Some(ToolChoice::None),
        Some("ANY") => Some(match names.as_slice() {
            [] => ToolChoice::Required,
            [one] => ToolChoice::Tool { name: one.clone(), namespace: None },
            _ => ToolChoice::Allowed { required: true, names },
        }),
        Some("VALIDATED") if !names.is_empty() => Some(ToolChoice::Allowed { required: false, names }),
        _ => None,
    }
}

fn generation(wire: wire::GenerationConfig, request: &mut Request) -> Result<(), BadRequest> {
    let sampling = &mut request.sampling;
    sampling.temperature = wire.temperature;
    sampling.top_p = wire.top_p;
    #[expect(clippy::cast_sign_loss, reason = "checked to be positive")]
    let top_k = wire.top_k.and_then(|k| k.as_f64()).filter(|k| *k >= 1.0 && *k < 1e9).map(|k| k as u64);
    sampling.top_k = top_k;
    sampling.n = wire.candidate_count;
    sampling.logprobs = wire.response_logprobs;
    sampling.top_logprobs = wire.logprobs;
    sampling.presence_penalty = wire.presence_penalty;
    sampling.frequency_penalty = wire.frequency_penalty;
    sampling.seed = wire.seed;
    request.max_tokens = wire.max_output_tokens;
    request.stop = wire.stop_sequences.unwrap_or_default();
    let modalities = wire.response_modalities.unwrap_or_default();
    if modalities.iter().any(|modality| !modality.eq_ignore_ascii_case("text")) {
        let value = Json::of(&modalities).unwrap_or_else(Json::empty_object);
        let name = "generationConfig.responseModalities".to_owned();
        request.extra.push(Extra { name, value, weight: Weight::Meaning });
    }
    for (name, value) in wire.rest.into_iter().filter(|(_, value)| !value.is_null()) {
        let name = format!("generationConfig.{}", camel(&name));
        request.extra.push(Extra { name, value, weight: Weight::Loss });
    }
    let schema = wire.response_json_schema.or_else(|| wire.response_schema.as_ref().map(to_json_schema));
    request.format = match (wire.response_mime_type.as_deref(), schema) {
        (_, Some(schema)) => Some(Format::Schema { name: None, description: None, schema, strict: None }),
        (Some("application/json"), None) => Some(Format::Object),
        _ => None,
    };
    if let Some(thinking) = wire.thinking_config {
        request.reasoning = effort(&thinking)?;
    }
    Ok(())
}

fn effort(wire: &wire::ThinkingConfig) -> Result<Option<Effort>, BadRequest> {
    let level = match wire.thinking_level.as_deref() {
        None => None,
        Some(word) if word.to_ascii_uppercase().ends_with("_UNSPECIFIED") => None,
        Some(word) => Some(Level::parse(word).ok_or_else(|| {
            BadRequest::new("generationConfig.thinkingConfig.thinkingLevel", format!("\"{word}\" does not exist"))
        })?),
    };
    let (level, budget) = match (level, wire.thinking_budget) {
        (None, Some(-1)) => (Some(Level::Adaptive), None),
        (None, Some(0)) => (Some(Level::None), None),
        (level, budget) => (level, budget.and_then(|budget| u64::try_from(budget).ok())),
    };
    let summary = match wire.include_thoughts {
        Some(true) => Some("auto".to_owned()),
        Some(false) => Some("omitted".to_owned()),
        None => None,
    };
    let says_something = level.is_some() || budget.is_some() || wire.include_thoughts == Some(true);
    Ok(says_something.then_some(Effort { level, budget, summary }))
}
