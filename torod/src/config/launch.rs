//! What the command line says of the configuration: where the file is, and what goes before it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Config, Environment, LogFormat};

/// The configuration file of a running daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What goes before it, whenever it is read.
    pub overrides: Overrides,
}

/// What goes before the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where torod listens.
    pub listen_addr: Option<SocketAddr>,
    /// How a line of the log looks.
    pub log_format: Option<LogFormat>,
    /// Settings in the environment; what is said above goes before them.
    pub environment: Environment,
}

impl Overrides {
    /// Puts the command line before what was read.
    pub fn apply(&self, config: &mut Config) {
        if let Some(addr) = self.listen_addr {
            config.listen_addr = addr;
        }
        if let Some(format) = self.log_format {
            config.log.format = format;
        }
    }
}
