//! Virtual models: `auto` and its kin stand for whichever model fits a request, chosen anew for each conversation.
//!
//! [`features`] reads out of a request's bytes what choosing needs; [`rules`] chooses among [`Candidate`]s by it;
//! [`document`] puts the same to a model that is asked to choose, and [`decision`] judges what that one says. Nothing here
//! calls anybody, and what a client wrote never decides more than which of the permitted candidates answers.
//!
//! ```
//! use tokenrouter::Protocol;
//! use tokenrouter::auto::features::Features;
//! use tokenrouter::auto::rules::{self, Wish};
//! use tokenrouter::auto::{Candidate, Virtual};
//! use tokenrouter::catalog::{Can, Facts};
//!
//! let able = Facts::default().with_context(200_000).with(Can::Tools, true);
//! let candidates = [
//!     Candidate::new("a/large", able.with(Can::Reasoning, true)).priced(5_000_000_000, 25_000_000_000),
//!     Candidate::new("a/small", able).priced(100_000_000, 400_000_000),
//! ];
//! let features = Features::read(Protocol::OpenAi, br#"{"messages":[{"role":"user","content":"Translate: bonjour"}]}"#);
//! let judged = rules::judge(Virtual::Auto, &features);
//! let wish = Wish::of(Virtual::Auto, judged.difficulty, &features);
//! let chosen = rules::choose(&candidates, &wish, &|_| true);
//! assert_eq!(chosen.map(|at| candidates[at].id.as_str()), Some("a/small"));
//! ```

mod candidate;
pub mod decision;
pub mod document;
pub mod effort;
pub mod features;
mod hints;
mod needs;
mod redact;
pub mod rules;
mod text;

pub use candidate::{Candidate, Strength};
pub use hints::Language;
pub use needs::{Need, Needs};

/// A name that stands for whichever model fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Virtual {
    /// Everyday questions.
    Auto,
    /// Work on code.
    Coding,
    /// Long texts.
    LongText,
}

/// What some clients want the names of models to begin with.
const LEAD: &str = "claude-";

impl Virtual {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Coding, Self::LongText];

    /// Every name that means one, as they are listed: the plain ones first.
    pub const NAMES: [&'static str; 6] =
        ["auto", "auto-coding", "auto-longtext", "claude-auto", "claude-auto-coding", "claude-auto-longtext"];

    /// Its plain name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Coding => "auto-coding",
            Self::LongText => "auto-longtext",
        }
    }

    /// What `name` means, also with the lead that some clients want.
    pub fn find(name: &str) -> Option<Self> {
        match name.strip_prefix(LEAD).unwrap_or(name) {
            "auto" => Some(Self::Auto),
            "auto-coding" => Some(Self::Coding),
            "auto-longtext" => Some(Self::LongText),
            _ => None,
        }
    }

    /// What is wanted of the model that is chosen, in words for the model that chooses.
    pub const fn goal(self) -> &'static str {
        match self {
            Self::Auto => {
                "Everyday work: questions, translation, rewriting, reasoning. Simple requests go to the cheapest candidate \
                 that can serve them well, hard ones to the strongest."
            }
            Self::Coding => {
                "Work on code: writing, debugging, architecture, planning, review. Simple and usual requests go to a \
                 candidate that is good at code and tools at a fair price, hard ones to the strongest with high effort."
            }
            Self::LongText => {
                "Long texts: summaries, extraction, contracts, reasoning over much context. Simple requests go to a cheap \
                 candidate with a large context window, hard ones to the strongest that the text fits into."
            }
        }
    }
}

/// How much a request asks of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Difficulty {
    /// Anybody can do it.
    Simple,
    /// The usual.
    Standard,
    /// The best are needed.
    Hard,
}

impl Difficulty {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Standard, Self::Hard];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Standard => "standard",
            Self::Hard => "hard",
        }
    }

    /// The one of this word.
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// What kind of work a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Talk.
    SimpleChat,
    /// A text in other words.
    Rewrite,
    /// A text in another language.
    Translation,
    /// A short summary.
    SimpleSummary,
    /// A small piece of code.
    SimpleCoding,
    /// Code that takes thought.
    HardCoding,
    /// A plan for code.
    CodingPlanning,
    /// A long text, simply used.
    SimpleLongText,
    /// A long text that takes thought.
    ComplexLongText,
    /// Thought.
    ComplexReasoning,
    /// Something new.
    Creative,
    /// Nobody knows.
    Unknown,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SimpleChat,
        Self::Rewrite,
        Self::Translation,
        Self::SimpleSummary,
        Self::SimpleCoding,
        Self::HardCoding,
        Self::CodingPlanning,
        Self::SimpleLongText,
        Self::ComplexLongText,
        Self::ComplexReasoning,
        Self::Creative,
        Self::Unknown,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SimpleChat => "simple_chat",
            Self::Rewrite => "rewrite",
            Self::Translation => "translation",
            Self::SimpleSummary => "simple_summary",
            Self::SimpleCoding => "simple_coding",
            Self::HardCoding => "hard_coding",
            Self::CodingPlanning => "coding_planning",
            Self::SimpleLongText => "simple_long_text",
            Self::ComplexLongText => "complex_long_text",
            Self::ComplexReasoning => "complex_reasoning",
            Self::Creative => "creative",
            Self::Unknown => "unknown",
        }
    }

    /// The one of this word; unknown where there is none.
    pub fn find(word: &str) -> Self {
        Self::ALL.into_iter().find(|known| known.as_str() == word).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_say_and_nothing_else_does() {
        for name in Virtual::NAMES {
            let found = Virtual::find(name).unwrap();
            assert!(name.ends_with(found.as_str()), "{name}");
        }
        for other in ["", "Auto", "auto-", "auto-code", "claude-", "gpt-auto", "a/auto", "claude-claude-auto", "auto "]
        {
            assert_eq!(Virtual::find(other), None, "{other}");
        }
        assert_eq!(Virtual::NAMES[..3], Virtual::ALL.map(Virtual::as_str));
        assert!(Difficulty::ALL.iter().all(|known| Difficulty::find(known.as_str()) == Some(*known)));
        assert!(Task::ALL.iter().all(|known| Task::find(known.as_str()) == *known));
        assert_eq!(Task::find("dance"), Task::Unknown);
    }
}
