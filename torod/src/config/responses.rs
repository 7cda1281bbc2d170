//! `[responses]`: the answers that later requests continue (`previous_response_id`).

use super::section::Section;

/// How answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responses {
    /// Days for which an answer is kept; 0 keeps none.
    pub retention_days: u32,
    /// The most that is kept, in bytes; the oldest go first.
    pub size_bytes: u64,
}

impl Default for Responses {
    fn default() -> Self {
        Self { retention_days: 30, size_bytes: 1 << 30 }
    }
}

impl Responses {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut responses = Self::default();
        section.set_integer("retention_days", 0..3_651, &mut responses.retention_days);
        if let Some(bytes) = section.take("size").and_then(|field| field.size(1 << 20..=1 << 40)) {
            responses.size_bytes = bytes;
        }
        section.finish();
        responses
    }
}
