//! What a token with limits may not ask for, because nobody could count it or hold it to the token's rights.

use tokenrouter::asides::Asides;
use tokenrouter::error::{Kind, Problem};

use super::entry::Call;
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
    let Some(field) = asides.other_models else { return Ok(()) };
    if May::of(&call.caller).is_everything() && !counted.money {
        return Ok(());
    }
    let said = format!("`{field}` names further models, which the limits of this token cannot be held to");
    let problem = Problem::new(Kind::Forbidden, "model_forbidden", said, "Name one model, in `model`.");
    Err(Box::new(problem.at_field(Some(field))))
}
