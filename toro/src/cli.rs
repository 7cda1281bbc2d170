//! The command tree: what can be typed. What stands after an agent's name is the agent's, whatever it is.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::run::wanted::RunFlags;

/// Start coding agents on any model through a tokenrouter gateway, each with its own token and its own bill.
#[derive(Debug, Parser)]
#[command(
    name = "toro",
    version,
    propagate_version = true,
    override_usage = "toro [OPTIONS] AGENT [ARGUMENTS OF THE AGENT]...\n       toro [OPTIONS] COMMAND"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Globals,
    /// What a run may do.
    #[command(flatten)]
    pub run: RunFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Globals {
    /// Which of the stored gateways [default: the one that `toro connect` stored last].
    #[arg(long, global = true, value_name = "NAME", env = "TORO_SERVER")]
    pub server: Option<String>,
    /// The file that the gateways are stored in [default: ~/.config/tokenrouter/toro.toml].
    #[arg(long, global = true, value_name = "FILE", env = "TORO_CONFIG")]
    pub config: Option<PathBuf>,
    /// Say nothing but errors; a run ends without its summary.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print JSON, to FILE where one is named; a run writes its summary so (without FILE to standard error).
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find a gateway, check it, and store how to reach it.
    Connect(commands::connect::Connect),
    /// Store another token for a gateway, from standard input or a prompt.
    SetKey(commands::set_key::SetKey),
    /// Point an agent's own configuration at the gateway, and take that back.
    Setup(commands::setup::Setup),
    /// Print what a shell or a .env file needs to use the gateway.
    Env(commands::env::Env),
    /// Run any command against the gateway, under a token of its own.
    Wrap(commands::wrap::Wrap),
    /// Show whether the gateway can serve, and what your token has left.
    Status(commands::status::Status),
    /// List and search the models that your token may use.
    Models(commands::models::Models),
    /// Show what your token and those below it have used.
    Usage(commands::usage::Usage),
    /// List past runs with what they cost, or show one with its sessions.
    Runs(commands::runs::Runs),
    /// Ask a model something, or talk with it.
    Chat(commands::chat::Chat),
    /// Let two models talk with each other.
    Pingpong(commands::pingpong::Pingpong),
    /// Make, list, show, rotate and revoke the tokens below your own.
    Token(commands::token::Token),
    /// Check the way to the gateway, what agents need of it, and an agent's own settings.
    Doctor(commands::doctor::Doctor),
    /// Print a completion script for a shell.
    Completions(commands::completions::Completions),
    /// Print the manual page, or write all of them into a folder.
    Man(commands::man::Man),
    /// Print the version.
    Version(commands::version::Version),
    /// Keeps a run's token alive, and ends what a killed toro leaves behind.
    #[command(hide = true, name = crate::run::guard::WORD)]
    Guard,
    /// An agent by name, and what is said to it.
    #[command(external_subcommand)]
    Agent(Vec<OsString>),
}

/// The command tree with the agents among the commands, for help, completions and manual pages.
pub fn tree() -> clap::Command {
    let mut list = String::from("Agents (all that follows the name goes to the agent):\n");
    for agent in crate::agents::ALL {
        list += &format!("  {:<12} {}\n", agent.name, agent.title);
    }
    let examples = "Start here:\n  toro connect                                  find the gateway and check it\n  \
        toro claude                                   Claude Code, with a token that lives as long as the run\n  \
        toro --ttl 8h --budget 5 codex                at most eight hours and five dollars\n  \
        toro --model openai/gpt-5.5 codex exec 'hi'   any model, any agent\n  \
        toro wrap -- python agent.py                  any other program";
    Cli::command().after_help(format!("{list}\n{examples}\n\n{}", crate::exit::CODES))
}

/// The same tree with every agent as a command: only for what lists words, never for reading them.
pub fn listed() -> clap::Command {
    crate::agents::ALL.iter().fold(tree(), |tree, agent| {
        let own = clap::Arg::new("arguments").num_args(0..).help("What is said to the agent").trailing_var_arg(true);
        let about = format!("Start {} against the gateway, under a token of its own", agent.title);
        tree.subcommand(clap::Command::new(agent.name).about(about).disable_help_flag(true).arg(own))
    })
}

/// Reads what was typed.
pub fn read(words: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = tree().try_get_matches_from(joined(words.collect()))?;
    <Cli as clap::FromArgMatches>::from_arg_matches(&matches)
}

/// Before the command, `--json FILE` means `--json=FILE`; `--json codex` does not, since that is a command.
fn joined(words: Vec<OsString>) -> Vec<OsString> {
    let tree = tree();
    let takes_value = |word: &str| {
        let long = word.strip_prefix("--").map(|name| tree.get_arguments().find(|a| a.get_long() == Some(name)));
        let short = || word.strip_prefix('-').and_then(|s| s.chars().next().filter(|_| s.chars().count() == 1));
        let found =
            long.unwrap_or_else(|| tree.get_arguments().find(|a| a.get_short().is_some() && a.get_short() == short()));
        found.is_some_and(|a| a.get_action().takes_values())
    };
    let is_command = |word: &OsStr| {
        let name = word.to_string_lossy();
        crate::agents::find(&name).is_some() || tree.find_subcommand(&*name).is_some() || name == "help"
    };
    let mut out: Vec<OsString> = Vec::with_capacity(words.len());
    let mut rest = words.into_iter();
    out.extend(rest.next());
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--json" {
            let Some(next) = rest.next() else {
                out.push(word);
                break;
            };
            if !next.to_string_lossy().starts_with('-') && !is_command(&next) {
                let mut whole = OsString::from("--json=");
                whole.push(next);
                out.push(whole);
                continue;
            }
            out.push(word);
            if next.to_string_lossy().starts_with('-') {
                let value = if takes_value(&next.to_string_lossy()) { rest.next() } else { None };
                out.push(next);
                out.extend(value);
                continue;
            }
            out.push(next);
            break;
        }
        let is_flag = text.starts_with('-');
        out.push(word);
        if !is_flag || text == "--" {
            break;
        }
        if takes_value(&text) {
            out.extend(rest.next());
        }
    }
    out.extend(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(line: &str) -> Cli {
        read(line.split(' ').map(OsString::from)).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    #[test]
    fn the_tree_is_sound() {
        tree().debug_assert();
        listed().debug_assert();
    }

    #[test]
    fn everything_after_the_agents_name_is_the_agents() {
        let line = "toro --budget 5 codex --full-auto do --budget 7 -c a=b --help --version --json -- --server x";
        let Command::Agent(words) = cli(line).command else { panic!("no agent") };
        let expected = "codex --full-auto do --budget 7 -c a=b --help --version --json -- --server x";
        assert_eq!(words.join(OsStr::new(" ")), OsString::from(expected));
        let Command::Wrap(wrap) = cli("toro wrap -- env --json --budget 3").command else { panic!("no wrap") };
        assert_eq!(wrap.command, ["env", "--json", "--budget", "3"]);
        let Command::Wrap(wrap) = cli("toro wrap --budget 2 env --json -- --quiet").command else { panic!("no wrap") };
        assert_eq!(wrap.command, ["env", "--json", "--", "--quiet"]);
    }

    #[test]
    fn json_takes_a_file_and_never_a_command() {
        let file = |line: &str| cli(line).global.json.map(|path| path.display().to_string());
        assert_eq!(file("toro --json out.json codex --json"), Some("out.json".into()));
        assert_eq!(file("toro --json=out.json codex"), Some("out.json".into()));
        assert_eq!(file("toro --json codex"), Some("-".into()));
        assert_eq!(file("toro --json --ttl 1h codex x"), Some("-".into()));
        assert_eq!(file("toro --ttl 1h --json run.json --budget 5 codex x"), Some("run.json".into()));
        assert_eq!(file("toro -q --json version"), Some("-".into()));
        assert_eq!(file("toro version --json"), Some("-".into()));
        assert_eq!(file("toro codex --json x"), None);
    }
}
