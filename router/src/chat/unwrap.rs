//! The way back of a lowered freeform tool: the text out of `{"input":"…"}`, piece by piece.
//!
//! A freeform tool (Codex's `apply_patch`) reaches most models as a function with one string argument. Its client
//! wants the bare text, streamed; so the string is unescaped while it comes, escapes and surrogate pairs cut
//! anywhere. A model that writes the bare text instead of JSON is taken at its word.

/// The name of the one argument.
pub const ARGUMENT: &str = "input";

/// Takes the JSON of a lowered call piece by piece and gives the text.
#[derive(Debug, Default)]
pub struct Unwrap {
    state: State,
    /// What came before it was clear what it is.
    held: String,
    key: String,
    high: Option<u32>,
    found: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// Between members: a key, a comma or the end.
    Member,
    Key {
        escaped: bool,
    },
    Colon,
    Value,
    /// In the wanted string.
    Text,
    Escape,
    Unicode {
        left: u8,
        code: u32,
    },
    /// In a value that nobody asked for.
    Skip {
        depth: u32,
        in_string: bool,
        escaped: bool,
    },
    /// No JSON: everything is the text.
    Raw,
    End,
}

impl Unwrap {
    /// The next piece of text that `delta` yields.
    pub fn push(&mut self, delta: &str) -> String {
        if self.state == State::Raw {
            return delta.to_owned();
        }
        let mut out = String::with_capacity(delta.len());
        for (at, c) in delta.char_indices() {
            if !self.found {
                self.held.push(c);
            }
            self.step(c, &mut out);
            if self.state == State::Raw {
                out.push_str(&std::mem::take(&mut self.held));
                out.push_str(delta.get(at + c.len_utf8()..).unwrap_or_default());
                break;
            }
        }
        out
    }

    /// What is left when the call is complete.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.lone_surrogate(&mut out);
        let held = std::mem::take(&mut self.held);
        // An object without the argument: what the model meant is better told than swallowed.
        if !self.found && !matches!(held.trim(), "" | "{}" | "null") && self.state != State::Raw {
            out.push_str(&held);
        }
        self.state = State::End;
        out
    }

    fn lone_surrogate(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn step(&mut self, c: char, out: &mut String) {
        self.state = match self.state {
            State::Start if c.is_whitespace() => State::Start,
            State::Start if c == '{' => State::Member,
            State::Start | State::Raw => State::Raw,
            State::Member => match c {
                '"' => {
                    self.key.clear();
                    State::Key { escaped: false }
                }
                '}' => State::End,
                c if c.is_whitespace() || c == ',' => State::Member,
                _ if self.found => State::End,
                _ => State::Raw,
            },
            State::Key { escaped: true } => {
                self.key.push(c);
                State::Key { escaped: false }
            }
            State::Key { escaped: false } => match c {
                '\\' => State::Key { escaped: true },
                '"' => State::Colon,
                c => {
                    self.key.push(c);
                    State::Key { escaped: false }
                }
            },
            State::Colon if c == ':' => State::Value,
            State::Colon => State::Colon,
            State::Value if c.is_whitespace() => State::Value,
            State::Value if c == '"' && self.key == ARGUMENT && !self.found => {
                self.found = true;
                self.held.clear();
                State::Text
            }
            State::Value => skip(State::Skip { depth: 0, in_string: false, escaped: false }, c),
            State::Skip { .. } => skip(self.state, c),
            State::Text => match c {
                '\\' => State::Escape,
                '"' => {
                    self.lone_surrogate(out);
                    State::Member
                }
                c => {
                    self.lone_surrogate(out);
                    out.push(c);
                    State::Text
                }
            },
            State::Escape => self.escape(c, out),
            State::Unicode { left, code } => self.unicode(left, code, c, out),
            State::End => State::End,
        };
    }

    fn escape(&mut self, c: char, out: &mut String) -> State {
        if c == 'u' {
            return State::Unicode { left: 4, code: 0 };
        }
        self.lone_surrogate(out);
        out.push(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            other => other,
        });
        State::Text
    }

    fn unicode(&mut self, left: u8, code: u32, c: char, out: &mut String) -> State {
        let Some(digit) = c.to_digit(16) else {
            self.lone_surrogate(out);
            out.push(char::REPLACEMENT_CHARACTER);
            return State::Text;
        };
        let code = code << 4 | digit;
        if left > 1 {
            return State::Unicode { left: left - 1, code };
        }
        match (self.high.take(), code) {
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (code - 0xDC00);
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (high, code) => {
                if high.is_some() {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
                if (0xD800..0xDC00).contains(&code) {
                    self.high = Some(code);
                } else {
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
        State::Text
    }
}

fn skip(state: State, c: char) -> State {
    let State::Skip { depth, in_string, escaped } = state else { return state };
    if in_string {
        return match c {
            _ if escaped => State::Skip { depth, in_string, escaped: false },
            '\\' => State::Skip { depth, in_string, escaped: true },
            '"' => State::Skip { depth, in_string: false, escaped: false },
            _ => state,
        };
    }
    match c {
        '"' => State::Skip { depth, in_string: true, escaped: false },
        '{' | '[' => State::Skip { depth: depth + 1, in_string, escaped },
        '}' if depth == 0 => State::End,
        ',' if depth == 0 => State::Member,
        '}' | ']' => State::Skip { depth: depth.saturating_sub(1), in_string, escaped },
        _ => state,
    }
}

/// The text of a whole lowered call.
pub fn unwrap(arguments: &str) -> String {
    let mut machine = Unwrap::default();
    let mut text = machine.push(arguments);
    text.push_str(&machine.finish());
    text
}

/// The lowered arguments of a freeform `input`.
pub fn wrap(input: &str) -> String {
    #[derive(serde::Serialize)]
    struct Wrapped<'a> {
        input: &'a str,
    }
    serde_json::to_string(&Wrapped { input }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(json: &str, size: usize) -> String {
        let chars: Vec<char> = json.chars().collect();
        let mut machine = Unwrap::default();
        let mut out = String::new();
        for piece in chars.chunks(size) {
            out.push_str(&machine.push(&piece.iter().collect::<String>()));
        }
        out.push_str(&machine.finish());
        out
    }

    #[test]
    fn takes_the_text_out_at_every_split() {
        for (json, text) in [
            (r#"{"input":"a\nb\"c\\d\/\u00e9"}"#, "a\nb\"c\\d/é"),
            (r#"{"input":"\uD83D\uDE00 x"}"#, "😀 x"),
            (r#"{"input":"\uD83D x"}"#, "\u{fffd} x"),
            (r#"{"input":"\uD83D\uD83D\uDE00"}"#, "\u{fffd}😀"),
            (r#"{ "note" : {"input":"no","x":["}"]} , "input" : "yes", "more": 1}"#, "yes"),
            (r#"{"input":""}"#, ""),
            ("", ""),
            ("{}", ""),
            ("*** Begin Patch\n+{\"input\"}\n", "*** Begin Patch\n+{\"input\"}\n"),
            ("{not json at all", "{not json at all"),
            (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#),
        ] {
            for size in 1..=json.len().max(1) {
                assert_eq!(pieces(json, size), text, "{json} in pieces of {size}");
            }
        }
    }

    #[test]
    fn text_is_given_as_soon_as_it_is_there() {
        let mut machine = Unwrap::default();
        assert_eq!(machine.push(r#"{"inp"#), "");
        assert_eq!(machine.push(r#"ut": "ab"#), "ab");
        assert_eq!(machine.push("c\\"), "c");
        assert_eq!(machine.push("nd"), "\nd");
    }

    proptest! {
        #[test]
        fn wrapping_and_unwrapping_gives_the_same(text in any::<String>(), size in 1usize..9) {
            prop_assert_eq!(pieces(&wrap(&text), size), text);
        }
    }
}
