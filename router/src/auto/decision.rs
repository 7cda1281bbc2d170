//! What a model says that was asked to choose, judged: nothing of it is believed that was not offered to it.

use std::fmt;

use serde::Deserialize;

use super::document::MOST_CANDIDATES;
use super::{Difficulty, Task};
use crate::catalog::Effort;
use crate::hidden::is_hidden;

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 << 10;
/// So much of a reason is kept, in characters.
const REASON: usize = 200;

/// A choice that may be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which of the candidates that were offered, by its place.
    pub at: usize,
    /// What kind of work it is.
    pub task: Task,
    /// How hard it is; none where that was not said.
    pub difficulty: Option<Difficulty>,
    /// How much is to be thought; none where that was not said, or not at all.
    pub effort: Option<Effort>,
    /// How sure it is, in thousandths.
    pub confidence_permille: u32,
    /// Why, in the words of the model that chose: for operators, never for clients.
    pub reason: String,
}

/// Why an answer cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It has no text, or too much of it.
    NoText,
    /// The text is no JSON object.
    NotAnObject,
    /// It lacks the target, the confidence or the reason.
    Incomplete,
    /// It names a model that was not offered.
    NoCandidate,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoText => "the answer has no text",
            Self::NotAnObject => "the answer is not the JSON object that was asked for",
            Self::Incomplete => "the answer lacks `target_model`, `confidence` or `reason`",
            Self::NoCandidate => "the answer names a model that is no candidate",
        })
    }
}

impl std::error::Error for Unusable {}

#[derive(Deserialize)]
struct Chat {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    target_model: Option<String>,
    task_type: Option<String>,
    difficulty: Option<String>,
    reasoning_effort: Option<String>,
    confidence: Option<f64>,
    reason: Option<String>,
}

/// Judges the answer `body` of Chat Completions to a question in which the candidates `offered` stood.
///
/// ```
/// use tokenrouter::auto::decision::{Unusable, read};
///
/// let body = br#"{"choices":[{"message":{"content":"{\"target_model\":\"a/b\",\"confidence\":0.9,\"reason\":\"easy\"}"}}]}"#;
/// assert_eq!(read(body, &["x/y", "a/b"]).map(|decision| decision.at), Ok(1));
/// assert_eq!(read(body, &["x/y"]), Err(Unusable::NoCandidate));
/// ```
///
/// # Errors
///
/// Why it cannot be followed.
pub fn read(body: &[u8], offered: &[&str]) -> Result<Decision, Unusable> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(Unusable::NoText);
    }
    let answer: Chat = serde_json::from_slice(body).map_err(|_| Unusable::NoText)?;
    let text = answer.choices.into_iter().next().and_then(|choice| choice.message.content).ok_or(Unusable::NoText)?;
    judge(&text, offered)
}

fn judge(text: &str, offered: &[&str]) -> Result<Decision, Unusable> {
    let bare = unfenced(text.trim());
    if bare.is_empty() {
        return Err(Unusable::NoText);
    }
    if !bare.starts_with('{') {
        return Err(Unusable::NotAnObject);
    }
    let said: Said = serde_json::from_str(bare).map_err(|_| Unusable::NotAnObject)?;
    let (Some(target), Some(confidence), Some(reason)) = (said.target_model, said.confidence, said.reason) else {
        return Err(Unusable::Incomplete);
    };
    let offered = offered.iter().take(MOST_CANDIDATES);
    let at = offered.clone().position(|id| **id == target).ok_or(Unusable::NoCandidate)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1000")]
    let confidence_permille = (confidence.clamp(0.0, 1.0) * 1_000.0).round() as u32;
    Ok(Decision {
        at,
        task: said.task_type.as_deref().map_or(Task::Unknown, Task::find),
        difficulty: said.difficulty.as_deref().and_then(Difficulty::find),
        effort: said.reasoning_effort.as_deref().and_then(Effort::find).filter(|effort| *effort > Effort::None),
        confidence_permille,
        reason: reason.chars().filter(|c| !is_hidden(*c)).take(REASON).collect(),
    })
}

/// What stands in the code fence around `text`, if there is one.
fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // The first line may name the language.
    inside.and_then(|inside| inside.split_once('\n')).map_or(text, |(_, body)| body.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFFERED: [&str; 2] = ["a/one", "b/two"];

    #[test]
    fn row_54_what_was_not_offered_is_not_followed() {
        let whole = r#"{"target_model":"b/two","task_type":"hard_coding","difficulty":"hard","reasoning_effort":"xhigh","confidence":0.84,"reason":"much\u0007 to do"}"#;
        let decision = judge(whole, &OFFERED).unwrap();
        assert_eq!((decision.at, decision.task, decision.difficulty), (1, Task::HardCoding, Some(Difficulty::Hard)));
        assert_eq!((decision.effort, decision.confidence_permille), (Some(Effort::XHigh), 840));
        assert_eq!(decision.reason, "much to do");
        assert_eq!(judge(&format!("```json\n{whole}\n```"), &OFFERED), Ok(decision.clone()));
        assert_eq!(judge(&format!("  ```\n{whole}\n``` "), &OFFERED), Ok(decision));
        for (text, why) in [
            ("", Unusable::NoText),
            ("I would take b/two.", Unusable::NotAnObject),
            (&format!("Sure! {whole}"), Unusable::NotAnObject),
            (&format!("{whole} as you see"), Unusable::NotAnObject),
            ("[]", Unusable::NotAnObject),
            ("{}", Unusable::Incomplete),
            (r#"{"target_model":"a/one","confidence":0.5}"#, Unusable::Incomplete),
            (r#"{"target_model":"a/one","confidence":"high","reason":"x"}"#, Unusable::NotAnObject),
            (r#"{"target_model":7,"confidence":1,"reason":"x"}"#, Unusable::NotAnObject),
            (r#"{"target_model":"one","confidence":1,"reason":"x"}"#, Unusable::NoCandidate),
            (r#"{"target_model":"A/ONE","confidence":1,"reason":"x"}"#, Unusable::NoCandidate),
            (r#"{"target_model":"a/one ","confidence":1,"reason":"x"}"#, Unusable::NoCandidate),
            ("```\n```", Unusable::NoText),
        ] {
            assert_eq!(judge(text, &OFFERED), Err(why), "{text}");
        }
    }

    #[test]
    fn what_is_optional_may_be_nonsense() {
        let decision = judge(
            r#"{"target_model":"a/one","confidence":7e3,"reason":"","task_type":"dance","difficulty":"so-so","reasoning_effort":"none"}"#,
            &OFFERED,
        );
        let decision = decision.unwrap();
        assert_eq!((decision.task, decision.difficulty, decision.effort), (Task::Unknown, None, None));
        assert_eq!(decision.confidence_permille, 1_000);
        let low = judge(r#"{"target_model":"a/one","confidence":-1,"reason":""}"#, &OFFERED).unwrap();
        assert_eq!(low.confidence_permille, 0);
    }

    #[test]
    fn an_answer_without_text_is_none() {
        for body in
            ["", "{}", r#"{"choices":[]}"#, r#"{"choices":[{"message":{"content":null}}]}"#, "[1]", r#"{"choices":7}"#]
        {
            assert_eq!(read(body.as_bytes(), &OFFERED), Err(Unusable::NoText), "{body}");
        }
        let long = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "x".repeat(MAX_ANSWER_BYTES));
        assert_eq!(read(long.as_bytes(), &OFFERED), Err(Unusable::NoText));
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_panics(text in "(\\{|\\}|\"|:|,|target_model|confidence|reason|a/one|[0-9.eE-]|```|\\n|.){0,60}") {
            if let Ok(decision) = judge(&text, &OFFERED) {
                prop_assert!(decision.at < 2 && decision.confidence_permille <= 1_000);
            }
        }
    }
}
