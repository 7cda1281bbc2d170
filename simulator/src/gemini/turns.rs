//! The order of a Gemini conversation: who speaks, calls with their results, and signatures of thoughts.
use serde_json::Value;

use super::request::many;
use crate::answer::SIGNATURE;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::reply::Family;

/// What stands in a part; exactly one of these.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// Signatures that Google documents for calls which no Gemini model made.
const FOREIGN: [&str; 3] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
    "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
];

const UNEQUAL: &str = "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
const RESPONSE_ORDER: &str = "Please ensure that function response turn comes immediately after a function call turn.";
const CALL_ORDER: &str =
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn.";

fn refuse(said: &str) -> Problem {
    Fault::Said(said).problem(Family::Gemini, &[])
}

fn is_model(content: &Value) -> bool {
    content.get("role").and_then(Value::as_str) == Some("model")
}

fn having<'a>(content: &'a Value, name: &'static str) -> impl Iterator<Item = &'a Value> {
    many(content, "parts").iter().filter(move |part| part.get(name).is_some_and(|data| !data.is_null()))
}

/// Refuses parts that are empty or hold two things, and contents in an order the models do not know.
pub(super) fn check(contents: &[Value], strict_signatures: bool) -> Result<(), Problem> {
    if contents.is_empty() {
        return Err(refuse("* GenerateContentRequest.contents: contents is not specified"));
    }
    for (at, content) in contents.iter().enumerate() {
        parts(at, content)?;
    }
    order(contents)?;
    if strict_signatures { signatures(contents) } else { Ok(()) }
}

/// Who speaks, and what each part is.
pub(super) fn parts(at: usize, content: &Value) -> Result<(), Problem> {
    let role = content.get("role").and_then(Value::as_str).unwrap_or_default();
    if !matches!(role, "" | "user" | "model" | "function") {
        return Err(refuse("Please use a valid role: user, model."));
    }
    let parts = many(content, "parts");
    if parts.is_empty() {
        let said = format!("* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty.");
        return Err(refuse(&said));
    }
    for (number, part) in parts.iter().enumerate() {
        let place = format!("contents[{at}].parts[{number}]");
        let held: Vec<_> = DATA.iter().filter(|name| part.get(**name).is_some_and(|data| !data.is_null())).collect();
        match held.as_slice() {
            [_] => {}
            [] => {
                return Err(refuse(&format!(
                    "* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field"
                )));
            }
            [_, second, ..] => {
                return Err(refuse(&format!(
                    "Invalid value at '{place}' (oneof), oneof field 'data' is already set. Cannot set '{second}'"
                )));
            }
        }
        for (name, wire) in [("functionCall", "function_call"), ("functionResponse", "function_response")] {
            let Some(named) = part.get(name) else { continue };
            if named.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
                return Err(refuse(&format!("* GenerateContentRequest.{place}.{wire}.name: Name cannot be empty.")));
            }
        }
    }
    Ok(())
}

fn order(contents: &[Value]) -> Result<(), Problem> {
    let mut open = 0;
    for (at, content) in contents.iter().enumerate() {
        let (calls, results) = (having(content, "functionCall").count(), having(content, "functionResponse").count());
        if open != results {
            return Err(refuse(if open == 0 { RESPONSE_ORDER } else { UNEQUAL }));
        }
        if calls > 0 && (at == 0 || !is_model(content)) {
            return Err(refuse(CALL_ORDER));
        }
        open = calls;
    }
    if open == 0 { Ok(()) } else { Err(refuse(UNEQUAL)) }
}

/// Each step of the turn that is going on begins its calls with a signature the model itself has made.
fn signatures(contents: &[Value]) -> Result<(), Problem> {
    let asks = |content: &Value| !is_model(content) && having(content, "functionResponse").next().is_none();
    let begin = contents.iter().rposition(asks).map_or(0, |at| at + 1);
    for (at, content) in contents.iter().enumerate().skip(begin) {
        let Some(first) = having(content, "functionCall").next() else { continue };
        let name = first.pointer("/functionCall/name").and_then(Value::as_str).unwrap_or_default();
        match first.get("thoughtSignature").and_then(Value::as_str) {
            None | Some("") => {
                return Err(refuse(&format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}` , position {}.",
                    at + 1
                )));
            }
            Some(signature) if is_known(signature) => {}
            Some(_) => return Err(refuse("Corrupted thought signature.")),
        }
    }
    Ok(())
}

/// Clients may have written the bytes in the other alphabet, and without padding.
fn is_known(signature: &str) -> bool {
    let plain = signature.trim_end_matches('=').replace('-', "+").replace('_', "/");
    plain == SIGNATURE.trim_end_matches('=') || FOREIGN.contains(&signature)
}
