//! `torod version`.

use std::io::Write;

use super::Exit;

/// Print the version.
#[derive(Debug, clap::Args)]
pub struct Version {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Version {
    /// Prints it.
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let version = env!("CARGO_PKG_VERSION");
        if self.json {
            writeln!(out, r#"{{"name":"torod","version":"{version}"}}"#)?;
        } else {
            writeln!(out, "torod {version}")?;
        }
        Ok(Exit::Done)
    }
}
