//! Stub.
use super::Exit;
use crate::config::Paths;
/// Stub.
#[derive(Debug, clap::Args)]
pub struct Config {}
impl Config {
    /// r
    pub fn run(self, _: &Paths, _: &mut dyn std::io::Write, _: bool) -> anyhow::Result<Exit> {
        Ok(Exit::Done)
    }
}
