//! `torod version`.

use std::io::Write;

use super::Exit;
use crate::telemetry::COMMIT;

/// Print the version, and the commit that it was built from where that is known.
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
            writeln!(out, r#"{{"name":"torod","version":"{version}","commit":"{COMMIT}"}}"#)?;
        } else if COMMIT.is_empty() {
            writeln!(out, "torod {version}")?;
        } else {
            writeln!(out, "torod {version} ({COMMIT})")?;
        }
        Ok(Exit::Done)
    }
}
