//! How long an answer a request allows, in whatever protocol it is written: what a budget must have room for.

use crate::walk;

/// The most answers that one request may ask for, whatever it says.
const MOST_ANSWERS: u64 = 128;

/// The longest answer that a request allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// Output tokens of one answer; none where the request does not say.
    pub tokens: Option<u64>,
    /// So many answers, 1 at least.
    pub answers: u64,
}

impl Longest {
    /// Reads it out of a request's body. Where several fields speak of it, the greatest holds. Names count
    /// in any spelling, since some providers take them in any.
    ///
    /// ```
    /// use tokenrouter::count::longest::Longest;
    ///
    /// let body = br#"{"model":"m","max_tokens":100,"n":2,"messages":[{"max_tokens":9000}]}"#;
    /// assert_eq!(Longest::of(body), Longest { tokens: Some(100), answers: 2 });
    /// assert_eq!(Longest::of(br#"{"generationConfig":{"maxOutputTokens":64}}"#).tokens, Some(64));
    /// ```
    pub fn of(body: &[u8]) -> Self {
        let mut longest = Self { tokens: None, answers: 1 };
        for (name, value) in walk::top(body) {
            match walk::name(name).as_ref() {
                // Chat, Anthropic, Cohere; Chat's later name; Responses.
                b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => longest.allow(value),
                b"n" | b"best_of" => longest.repeat(value),
                b"generationconfig" | b"generation_config" => {
                    for (name, value) in walk::top(value) {
                        match walk::name(name).as_ref() {
                            b"maxoutputtokens" | b"max_output_tokens" => longest.allow(value),
                            b"candidatecount" | b"candidate_count" => longest.repeat(value),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        longest
    }

    fn allow(&mut self, value: &[u8]) {
        self.tokens = self.tokens.max(number(value));
    }

    fn repeat(&mut self, value: &[u8]) {
        self.answers = self.answers.max(number(value).unwrap_or(1)).min(MOST_ANSWERS);
    }
}

/// A whole number. What is none, or too large, is left to the provider to refuse.
fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_its_words_and_the_greatest_holds() {
        for (body, tokens, answers) in [
            (r#"{"max_completion_tokens" : 7 , "max_tokens":3}"#, Some(7), 1),
            (r#"{"max_output_tokens":12}"#, Some(12), 1),
            (r#"{"generationConfig":{"maxOutputTokens":5,"candidateCount":3}}"#, Some(5), 3),
            (r#"{"n":100000,"best_of":2}"#, None, 128),
            (r#"{"max_tokens":null,"n":0}"#, None, 1),
            (r#"{"max_tokens":"9","n":-1}"#, None, 1),
            (r#"{"max_tokens":1e9}"#, None, 1),
            (r#"{"max_tokens":99999999999999999999}"#, None, 1),
            (r#"{"tools":[{"max_tokens":4}],"x":"\"max_tokens\":4"}"#, None, 1),
            (r#"{"max\u005ftokens":3000,"\u006e":5}"#, Some(3000), 5),
            (r#"{"Max_Tokens":30,"N":2}"#, Some(30), 2),
            ("[]", None, 1),
            ("", None, 1),
        ] {
            assert_eq!(Longest::of(body.as_bytes()), Longest { tokens, answers }, "{body}");
        }
    }
}
