//! What was learnt of a model from its refusals: a parameter that it does not take, and what is done about it.

use bytes::Bytes;

use super::parameter::Parameter;
use crate::Protocol;
use crate::splice::member::{self, Change, Rule, find, said};
use crate::splice::{self, Edit};

/// A parameter that a model refused.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::dialect::{Parameter, Refusal, without};
///
/// let sent = br#"{"model":"m","messages":[],"temperature":0.2,"seed":7}"#;
/// let answer = br#"{"error":{"message":"Unsupported parameter: 'temperature' is not supported with this model.",
///     "type":"invalid_request_error","param":"temperature","code":"unsupported_parameter"}}"#;
/// let refusal = Refusal::read(400, answer).ok_or("it says what it refuses")?;
/// let findings = refusal.findings(Protocol::OpenAi, sent);
/// assert_eq!(findings[0].parameter, Parameter::Temperature);
/// let (body, changed) = without(&sent.as_slice().into(), Protocol::OpenAi, &findings).ok_or("it was sent")?;
/// assert_eq!(body.concat(), br#"{"model":"m","messages":[],"seed":7}"#);
/// assert_eq!(changed, [Parameter::Temperature]);
/// // Whatever else is wrong with a request is for its client to know.
/// assert!(Refusal::read(400, br#"{"error":{"message":"'tools' is not supported with this model."}}"#).is_none());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The parameter.
    pub parameter: Parameter,
    /// Only where it says this; whatever it says otherwise.
    pub value: Option<Box<str>>,
    /// Only beside this member of the request; always otherwise.
    pub beside: Option<&'static str>,
    /// What is done about it.
    pub remedy: Remedy,
}

/// What is done about a parameter that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// It is left out.
    LeaveOut,
    /// It goes under another name.
    Rename(&'static str),
    /// It says something else, in JSON.
    Say(Box<str>),
}

impl Finding {
    /// Whether it is about something that `body` says.
    pub fn concerns(&self, protocol: Protocol, body: &[u8]) -> bool {
        let is_beside = self.beside.is_none_or(|beside| find(body, beside).is_some());
        is_beside && member::edits(body, &self.rules(protocol)).1.contains(&true)
    }

    fn rules(&self, protocol: Protocol) -> Vec<Rule<'_>> {
        let change = match &self.remedy {
            Remedy::LeaveOut => Change::Remove,
            Remedy::Rename(to) => Change::Rename(to),
            Remedy::Say(json) => Change::Write(Bytes::copy_from_slice(json.as_bytes())),
        };
        let only = self.parameter.only().or(self.value.as_deref());
        let places = self.parameter.places(protocol).iter();
        places.map(|path| Rule { path, only, change: change.clone() }).collect()
    }
}

/// `body`, a request in `protocol`, changed as `findings` say, and which parameters that changed; none where it says
/// nothing that they are about. What they are not about stays byte by byte.
pub fn without(body: &Bytes, protocol: Protocol, findings: &[Finding]) -> Option<(Vec<Bytes>, Vec<Parameter>)> {
    let mut rules = Vec::new();
    let mut owners = Vec::new();
    for finding in findings {
        if finding.beside.is_some_and(|beside| find(body, beside).is_none()) {
            continue;
        }
        let own = finding.rules(protocol);
        owners.extend(own.iter().map(|_| finding.parameter));
        rules.extend(own);
    }
    let (edits, found): (Vec<Edit>, Vec<bool>) = member::edits(body, &rules);
    let mut changed: Vec<Parameter> = Vec::new();
    for (parameter, _) in owners.into_iter().zip(found).filter(|(_, found)| *found) {
        if !changed.contains(&parameter) {
            changed.push(parameter);
        }
    }
    (!edits.is_empty()).then(|| (splice::apply(body, edits), changed))
}

/// What the client's own `body` in `protocol` calls `parameter`; none where it does not say it, so that nothing it
/// wished for gets lost.
pub fn asked(parameter: Parameter, protocol: Protocol, body: &[u8]) -> Option<&'static str> {
    let all = std::iter::once(parameter).chain(parameter.kin().iter().copied());
    all.flat_map(|one| one.places(protocol)).copied().find(|path| find(body, path).is_some_and(is_wish))
}

/// `null` is no wish.
fn is_wish(value: &[u8]) -> bool {
    value != b"null"
}

/// What `parameter` says in `body`, and where.
pub(super) fn value_of(parameter: Parameter, protocol: Protocol, body: &[u8]) -> Option<String> {
    parameter.places(protocol).iter().find_map(|path| said(find(body, path)?))
}
