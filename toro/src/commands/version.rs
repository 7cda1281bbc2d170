//! `toro version`.

use super::Context;
use crate::exit::{Exit, Failure};

/// Print the version.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  toro version --json")]
pub struct Version {}

impl Version {
    /// Prints it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let version = env!("CARGO_PKG_VERSION");
        if context.printer.is_json() {
            context.printer.json(&serde_json::json!({ "name": "toro", "version": version }))?;
        } else {
            context.printer.line(&format!("toro {version}"))?;
        }
        Ok(Exit::Done)
    }
}
