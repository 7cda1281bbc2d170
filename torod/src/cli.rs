//! The command tree: what can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands;

/// One endpoint for many LLM providers: any client protocol, tokens with roles, exact usage, one binary.
#[derive(Debug, Parser)]
#[command(
    name = "torod",
    version,
    propagate_version = true,
    after_help = "Start here:\n  torod demo       try it: no key, no network, nothing left behind\n  torod config     choose providers, try their keys, write torod.toml\n  torod serve      run the gateway; a first start without a torod.toml writes one"
)]
pub struct Cli {
    /// The configuration file [default: ~/.config/tokenrouter/torod.toml].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the database [default: ~/.local/share/tokenrouter].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve(commands::serve::Serve),
    /// Ask the gateway on this machine whether it serves; the exit code tells.
    Health(commands::health::Health),
    /// Run a gateway against a simulated provider, with a little traffic; nothing is kept.
    Demo(commands::demo::Demo),
    /// Run the simulated provider alone.
    Simulate(commands::simulate::Simulate),
    /// Set up providers step by step; or check, show or explain the configuration.
    Config(commands::config::Config),
    /// Add, try, change and remove providers.
    Provider(commands::provider::Provider),
    /// Show or switch the active profile of the model aliases.
    Profile(commands::profile::Profile),
    /// List and search models: what they can, how much fits, what they cost.
    Models(commands::models::Models),
    /// Show who would get a request and why, or who got one; nobody is called.
    Route(commands::route::Route),
    /// Keep keys of providers sealed in the data folder.
    Secrets(commands::secrets::Secrets),
    /// Show the gateway's certificate and where it listens.
    Tls(commands::tls::Tls),
    /// Create, list, change and revoke tokens; works while the gateway runs and while it does not.
    Token(commands::token::Token),
    /// Show what somebody should know: quotas, budgets, providers that are down.
    Alerts(commands::alerts::Alerts),
    /// Show who changed what.
    Audit(commands::audit::Audit),
    /// Show the last lines of the log.
    Log(commands::log::Log),
    /// Show, search, export and delete what was asked and answered, where that is kept.
    Conversations(commands::conversations::Conversations),
    /// Show what was used.
    Usage(commands::usage::Usage),
    /// Check what the gateway needs, and say what to do where something is wrong.
    Doctor(commands::doctor::Doctor),
    /// Write databases, keys and configuration into one file, while the gateway serves.
    Backup(commands::backup::Backup),
    /// Look at a backup, or put it back.
    Restore(commands::restore::Restore),
    /// Carry over what other programs wrote down.
    Import(commands::import::Import),
    /// Print a completion script for a shell.
    Completions(commands::completions::Completions),
    /// Print the version.
    Version(commands::version::Version),
}
