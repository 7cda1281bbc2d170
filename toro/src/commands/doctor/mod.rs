//! `toro doctor`.
use crate::commands::Context;
use crate::exit::{Exit, Failure};
/// Check.
#[derive(Debug, clap::Args)]
pub struct Doctor {}
impl Doctor {
    /// Does it.
    pub fn run(&self, _context: &Context) -> Result<Exit, Failure> {
        Ok(Exit::Done)
    }
}
