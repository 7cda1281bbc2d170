//! What every routed answer says of its way: who gave it, for which model, after how many calls, and why.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::pick::name::How;
use tokenrouter::pick::order::{By, Criterion};
use tokenrouter_shared::route::ChosenView;

use crate::upstreams::decisions::Step;
use crate::upstreams::provider::Provider;

const MODEL: HeaderName = HeaderName::from_static("x-tokenrouter-model");
const MODEL_ASKED: HeaderName = HeaderName::from_static("x-tokenrouter-model-asked");
const PROVIDER: HeaderName = HeaderName::from_static("x-tokenrouter-provider");
/// How many calls were made.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-tokenrouter-attempts");
const ROUTE: HeaderName = HeaderName::from_static("x-tokenrouter-route");

/// Says that `step`, the last of so many `attempts`, serves the model `asked`.
pub fn route(to: &mut HeaderMap, provider: &Provider, how: How, step: &Step, attempts: usize, asked: &str) {
    to.insert(PROVIDER, provider.name_header.clone());
    if let Ok(model) = HeaderValue::try_from(&*step.model) {
        to.insert(MODEL, model);
    }
    if *step.model != *asked
        && let Ok(asked) = HeaderValue::try_from(asked)
    {
        to.insert(MODEL_ASKED, asked);
    }
    to.insert(ATTEMPTS, if attempts == 1 { HeaderValue::from_static("1") } else { attempts.into() });
    to.insert(ROUTE, why(how, step.by));
}

/// Says how the model was chosen, before why this endpoint: words of ours alone, whatever the model that chose has said.
pub fn chosen(to: &mut HeaderMap, auto: &ChosenView, step: &Step) {
    let said = format!("{}; {}, {}; {}", How::Auto.as_str(), auto.by, auto.difficulty, step.by.as_str());
    if let Ok(said) = HeaderValue::try_from(said) {
        to.insert(ROUTE, said);
    }
}

/// By which rule the name was found, and why this endpoint. Nearly every request is one of a few.
fn why(how: How, by: By) -> HeaderValue {
    let usual = match (how, by) {
        (How::Listed, By::Only) => "listed; only",
        (How::Prefix, By::Only) => "prefix; only",
        (How::Alias, By::Only) => "alias; only",
        (How::Listed, By::Criterion(Criterion::Affinity)) => "listed; affinity",
        (How::Alias, By::Criterion(Criterion::Affinity)) => "alias; affinity",
        _ => {
            let said = HeaderValue::try_from(format!("{}; {}", how.as_str(), by.as_str()));
            return said.unwrap_or(HeaderValue::from_static("unknown"));
        }
    };
    HeaderValue::from_static(usual)
}
