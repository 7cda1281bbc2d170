//! What a token with limits may not ask for, because nobody could count it or hold it to the token's rights.

use std::borrow::Cow;

use serde_json::value::RawValue;
use tokenrouter::asides::Asides;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::surface::Surface;

use super::entry::Call;
use super::members::Members;
use super::rights::May;
use crate::access::budget::Counted;
use crate::access::caller::Caller;

/// Refuses work in the background where the token has a budget, and further models where it has rights or one in money.
///
/// # Errors
///
/// What may not be asked for.
pub(super) fn check(call: &Call) -> Result<(), Box<Problem>> {
    let Caller::Token(token) = &call.caller else { return Ok(()) };
    if !token.is_limited || call.purpose.is_some() {
        return Ok(());
    }
    let asides = Asides::of(&call.body);
    let counted = Counted::of(token);
    if asides.in_background && counted.anything {
        let said =
            "a provider does not report to the gateway what it does in the background, and this token has a budget";
        let problem = Problem::new(Kind::BadRequest, "background_uncounted", said, "Ask without `background`.");
        return Err(Box::new(problem.at_field(Some("background"))));
    }
    let in_gemini = || (call.surface == Surface::Generate).then(|| other_in_body(&call.in_path.model, &call.body))?;
    further(&call.caller, asides.other_models.or_else(in_gemini))
}

/// The same of a Gemini request to count the tokens of what `body` holds, whose path names `model`.
pub(super) fn check_count(caller: &Caller, model: &str, body: &[u8]) -> Result<(), Box<Problem>> {
    match caller {
        Caller::Token(token) if token.is_limited => further(caller, other_in_body(model, body)),
        _ => Ok(()),
    }
}

/// The field of a Gemini body that names another model than its path. Clients repeat the path's there.
fn other_in_body(model: &str, body: &[u8]) -> Option<&'static str> {
    fn plain(name: &str) -> &str {
        name.strip_prefix("models/").unwrap_or(name)
    }
    let is_other = |value: &RawValue| {
        let named = serde_json::from_str::<Option<Cow<'_, str>>>(value.get());
        !named.is_ok_and(|named| named.is_none_or(|named| plain(&named) == plain(model)))
    };
    let top = Members::of(body)?;
    if top.all("model").any(is_other) {
        return Some("model");
    }
    let inner = top.all("generateContentRequest").filter_map(|value| Members::of(value.get().as_bytes()));
    inner.into_iter().any(|inner| inner.all("model").any(is_other)).then_some("generateContentRequest.model")
}

/// Refuses the models that `field` names where the caller has rights, or a budget in money.
fn further(caller: &Caller, field: Option<&'static str>) -> Result<(), Box<Problem>> {
    let (Some(field), Caller::Token(token)) = (field, caller) else { return Ok(()) };
    if May::of(caller).is_everything() && !Counted::of(token).money {
        return Ok(());
    }
    let said = format!("`{field}` names further models, which the limits of this token cannot be held to");
    let problem = Problem::new(Kind::Forbidden, "model_forbidden", said, "Name one model, in `model`.");
    Err(Box::new(problem.at_field(Some(field))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gemini_body_may_repeat_the_paths_model_only() {
        for (body, expected) in [
            (r#"{"contents":[]}"#, None),
            (r#"{"model":"models/ok","generateContentRequest":{"model":"ok"}}"#, None),
            (r#"{"model":null,"contents":[{"model":"tool"}]}"#, None),
            (r#"{"model":"models/tool"}"#, Some("model")),
            (r#"{"model":"ok","m\u006fdel":"tool"}"#, Some("model")),
            (r#"{"Model":"tool"}"#, Some("model")),
            (r#"{"model":["tool"]}"#, Some("model")),
            (r#"{"generateContentRequest":{"model":"models/tool"}}"#, Some("generateContentRequest.model")),
            (r#"{"generate_content_request":{"model":"tool"}}"#, Some("generateContentRequest.model")),
        ] {
            assert_eq!(other_in_body("ok", body.as_bytes()), expected, "{body}");
        }
    }
}
