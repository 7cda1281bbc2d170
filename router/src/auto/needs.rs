//! What a request cannot do without: a model that lacks it is no candidate.

use std::collections::BTreeSet;

use crate::catalog::{Can, Facts, Modality};

/// One thing that a request cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// It shows pictures.
    Vision,
    /// It plays sound.
    Audio,
    /// It shows film.
    Video,
    /// It shows PDF files.
    Pdf,
    /// It wants sound back.
    Speech,
    /// It offers tools.
    ToolCalls,
    /// It wants several tools called at once.
    ParallelToolCalls,
    /// It wants an answer by a JSON schema.
    StructuredOutput,
}

impl Need {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Pdf => "pdf",
            Self::Speech => "speech",
            Self::ToolCalls => "tool_calls",
            Self::ParallelToolCalls => "parallel_tool_calls",
            Self::StructuredOutput => "structured_output",
        }
    }

    /// Whether a model with these facts meets it. Who is not known to does not.
    pub fn is_met_by(self, facts: &Facts) -> bool {
        let can = |what| facts.can(what) == Some(true);
        match self {
            Self::Vision => facts.takes(Modality::Image) == Some(true),
            Self::Audio => facts.takes(Modality::Audio) == Some(true),
            Self::Video => facts.takes(Modality::Video) == Some(true),
            Self::Pdf => facts.takes(Modality::Pdf) == Some(true),
            Self::Speech => facts.gives(Modality::Audio) == Some(true),
            Self::ToolCalls => can(Can::Tools),
            // Who calls tools and is not known to call them one by one may be asked for several; it may also call one.
            Self::ParallelToolCalls => can(Can::Tools) && facts.can(Can::ParallelTools) != Some(false),
            Self::StructuredOutput => can(Can::Schema) || can(Can::StrictSchema),
        }
    }
}

/// All that a request cannot do without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(BTreeSet<Need>);

impl Needs {
    /// It needs this too.
    pub fn insert(&mut self, need: Need) {
        self.0.insert(need);
    }

    /// Whether it needs this.
    pub fn has(&self, need: Need) -> bool {
        self.0.contains(&need)
    }

    /// Each, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = Need> + '_ {
        self.0.iter().copied()
    }

    /// Whether a model with these facts meets all.
    pub fn are_met_by(&self, facts: &Facts) -> bool {
        self.iter().all(|need| need.is_met_by(facts))
    }
}

impl FromIterator<Need> for Needs {
    fn from_iter<I: IntoIterator<Item = Need>>(needs: I) -> Self {
        Self(needs.into_iter().collect())
    }
}
