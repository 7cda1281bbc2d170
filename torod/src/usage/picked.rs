//! What an attempt has to do with the choice of a model for a virtual one.

use tokenrouter::auto::{Difficulty, Virtual};

/// What an attempt has to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picked {
    /// It asks a model who shall serve a request for this one.
    Asks(Virtual),
    /// It serves a request for this one.
    Serves {
        /// The name that was asked for.
        of: Virtual,
        /// How hard the request was taken to be.
        difficulty: Difficulty,
        /// Who chose: `rules`, `model`, `cache`, …
        by: &'static str,
    },
}
