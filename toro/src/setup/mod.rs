//! An agent's own configuration, edited to go through the gateway: what is written where, and how it is taken back.

pub mod diff;
pub mod form;
pub mod mask;
pub mod record;
pub mod target;

use std::path::PathBuf;

use serde_json::Value;

pub use self::form::Form;
pub use self::record::Record;
pub use self::target::{Target, find};

/// One value of a file: where it stands, and what it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The keys that lead there.
    pub path: Vec<String>,
    /// The value; `null` removes it.
    pub value: Value,
}

impl Change {
    /// Sets the value at a path.
    pub fn new(path: &[&str], value: impl Into<Value>) -> Self {
        Self { path: path.iter().map(|part| (*part).to_owned()).collect(), value: value.into() }
    }
}

/// What is to be done to a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub form: Form,
    /// What changes in it.
    pub changes: Vec<Change>,
}
