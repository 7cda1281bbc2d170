//! Stub.
use super::Exit;
use crate::config::Paths;
/// Stub.
#[derive(Debug, clap::Args)]
pub struct Token {}
impl Token { /// r
pub async fn run(self, _: &Paths, _: &mut dyn std::io::Write, _: bool, _: crate::clock::Clock, _: crate::access::Random) -> anyhow::Result<Exit> { Ok(Exit::Done) } }
