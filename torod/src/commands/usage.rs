//! Stub.
use super::Exit;
use crate::config::Paths;
/// Stub.
#[derive(Debug, clap::Args)]
pub struct Usage {}
impl Usage { /// r
pub fn run(self, _: &Paths, _: &mut dyn std::io::Write, _: bool, _: &crate::clock::Clock) -> anyhow::Result<Exit> { Ok(Exit::Done) } }
