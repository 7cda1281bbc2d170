//! What a script answers, before a protocol gives it a form.
use std::borrow::Cow;

use crate::ask::Ask;
use crate::count::{self, Count};
use crate::script::Kind;
use crate::{image, tools};

/// The words of a plain answer: letters of one to four bytes, joined letters, and all that JSON escapes.
const WORDS: [&str; 20] = [
    " Lorem",
    " ipsum",
    " dolor",
    " sit",
    " amet,",
    " größer",
    " \u{1f980}",
    " 漢字かな",
    " \"quoted\"",
    " back\\slash",
    "\n",
    " consectetur",
    " \u{1f469}\u{200d}\u{1f4bb}",
    " tab\there",
    " </script>",
    " adipiscing",
    " e\u{301}lit,",
    " Привет",
    " \u{7f}",
    " sed.",
];

/// How large a `bigbody` is.
const BIG_BYTES: usize = 5 << 20;

/// A signature as opaque as a real one.
pub(crate) const SIGNATURE: &str = "c2ltdWxhdGVkIHNpZ25hdHVyZSBvZiBhIHNpbXVsYXRlZCB0aG91Z2h0";

type Pieces = Vec<Cow<'static, str>>;

/// One part of an answer, in the pieces it is streamed in.
pub(crate) enum Part {
    Reasoning {
        pieces: Pieces,
    },
    /// Thoughts that are there but not shown.
    Redacted,
    Text {
        pieces: Pieces,
    },
    Tool {
        name: String,
        namespace: Option<String>,
        custom: bool,
        pieces: Pieces,
    },
}

impl Part {
    pub(crate) fn pieces(&self) -> &[Cow<'static, str>] {
        match self {
            Self::Redacted => &[],
            Self::Reasoning { pieces } | Self::Text { pieces } | Self::Tool { pieces, .. } => pieces,
        }
    }

    pub(crate) fn is_reasoning(&self) -> bool {
        matches!(self, Self::Reasoning { .. } | Self::Redacted)
    }

    /// All pieces in one.
    pub(crate) fn whole(&self) -> String {
        self.pieces().concat()
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) parts: Vec<Part>,
    /// None when the script reports no usage.
    pub(crate) count: Option<Count>,
}

impl Answer {
    /// What the script says to this request.
    pub(crate) fn compose(ask: &Ask<'_>) -> Self {
        let kind = ask.script.kind;
        let parts = match kind {
            Kind::Tool { calls } => called(ask, calls),
            Kind::ThinkTool => {
                let mut parts = called(ask, 1);
                parts.insert(0, thoughts());
                parts
            }
            Kind::Think => vec![thoughts(), text(ask)],
            Kind::Redact => vec![Part::Redacted, text(ask)],
            Kind::Img => vec![plain(ask, &image::describe(ask.body))],
            Kind::BigBody => {
                let piece = "lorem ipsum dolor sit amet, 1234".repeat(2_048);
                let pieces = BIG_BYTES / piece.len();
                vec![Part::Text { pieces: vec![Cow::Owned(piece); pieces] }]
            }
            _ => vec![text(ask)],
        };
        let count = count::of_call(&ask.script, ask.body.len(), &parts);
        Self { parts, count }
    }

    pub(crate) fn calls_tools(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Tool { .. }))
    }

    /// How many pieces there are in all.
    pub(crate) fn pieces(&self) -> usize {
        self.parts.iter().map(|part| part.pieces().len()).sum()
    }
}

/// The calls of tools, or the words after them.
fn called(ask: &Ask<'_>, calls: usize) -> Vec<Part> {
    if let Some(words) = tools::said(ask) {
        return vec![plain(ask, &words)];
    }
    tools::call(ask, calls).unwrap_or_else(|| vec![plain(ask, "The tools have answered: done.")])
}

fn thoughts() -> Part {
    Part::Reasoning { pieces: [" The user", " asks,", " so I", " think 漢字", " first."].map(Cow::Borrowed).to_vec() }
}

/// The words, or what the client wants instead of words.
fn text(ask: &Ask<'_>) -> Part {
    if let Some(json) = ask.structured_text() {
        return Part::Text { pieces: cut(&json, ask.script.chunks) };
    }
    let words = WORDS.iter().cycle().take(ask.script.chunks as usize);
    let first = |(at, word): (usize, &'static str)| Cow::Borrowed(if at == 0 { word.trim_start() } else { word });
    Part::Text { pieces: words.copied().enumerate().map(first).collect() }
}

fn plain(ask: &Ask<'_>, sentence: &str) -> Part {
    Part::Text { pieces: cut(sentence, ask.script.chunks) }
}

/// Cuts a text into at most so many pieces of about the same length, between characters.
pub(crate) fn cut(text: &str, pieces: u32) -> Pieces {
    let size = text.chars().count().div_ceil(pieces.max(1) as usize).max(1);
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|piece| Cow::Owned(piece.iter().collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_keeps_every_letter() {
        for text in ["", "a", "größer 漢字 \u{1f980}!"] {
            for pieces in 1..20 {
                let cut = cut(text, pieces);
                assert!(cut.len() <= pieces as usize);
                assert_eq!(cut.concat(), text);
            }
        }
    }
}
