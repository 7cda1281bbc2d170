//! `[shutdown]`: how torod ends.

use std::time::Duration;

use super::section::Section;

/// How torod ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long requests in flight may still run after the signal to stop.
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: Duration::from_secs(30) }
    }
}

impl Shutdown {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut shutdown = Self::default();
        let range = Duration::ZERO..=Duration::from_hours(24);
        if let Some(grace) = section.take("grace").and_then(|field| field.duration(range)) {
            shutdown.grace = grace;
        }
        section.finish();
        shutdown
    }
}
