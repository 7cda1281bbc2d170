//! One command, one file; here is what they share: the way in, the way out, and what they may reach.

pub mod chat;
pub mod completions;
pub mod connect;
pub mod doctor;
pub mod env;
pub mod man;
pub mod models;
pub mod pingpong;
pub mod prompt;
pub mod runs;
pub mod set_key;
pub mod setup;
pub mod status;
pub mod token;
pub mod usage;
pub mod version;
pub mod wrap;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use crate::cli::{self, Cli, Command, Globals};
use crate::client::Client;
use crate::clock::Clock;
use crate::exit::{Exit, Failure};
use crate::printer::{self, Printer};
use crate::profile::{self, Env, Profile, Server};
use crate::run::wanted::RunFlags;
use crate::run::{self, Start};

/// What a command may reach.
#[derive(Debug)]
pub struct Context {
    /// Where it writes.
    pub printer: Printer,
    /// What holds for every command.
    pub globals: Globals,
    /// What was said of a run before the command.
    pub flags: RunFlags,
    /// The environment.
    pub env: Env,
    /// The time.
    pub clock: Clock,
}

impl Context {
    /// The file of gateways.
    pub fn profile(&self) -> Result<Profile, Failure> {
        let profile = Profile::read(profile::place(self.globals.config.as_deref(), self.env)?)?;
        if let Some(remark) = &profile.remark {
            self.printer.warn(remark);
        }
        Ok(profile)
    }

    /// The gateway that is meant.
    pub fn server(&self) -> Result<Server, Failure> {
        self.profile()?.server(self.globals.server.as_deref(), self.env)
    }

    /// The way to the gateway that is meant.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.server()?)?)
    }

    /// Whether somebody is there to be asked.
    pub fn may_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}

/// Runs what was typed.
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.collect();
    // It knows no options, and nothing may be in its way.
    if words.get(1).is_some_and(|word| word == run::guard::WORD) {
        return run::guard::stand().map_or(ExitCode::FAILURE, Exit::end);
    }
    let cli = match cli::read(words.into_iter()) {
        Ok(cli) => cli,
        Err(e) => {
            _ = e.print();
            return ExitCode::from(if e.use_stderr() { Exit::Unclear.code() } else { 0 });
        }
    };
    let printer = Printer::new(cli.global.json.clone(), cli.global.quiet);
    let (is_json, is_run) = (printer.is_json(), matches!(cli.command, Command::Agent(_) | Command::Wrap(_)));
    match dispatch(cli, printer) {
        Ok(exit) => exit.end(),
        Err(failure) => {
            // A run's standard output is the agent's.
            printer::fail(&failure, is_json && !is_run);
            failure.exit.end()
        }
    }
}

fn dispatch(cli: Cli, printer: Printer) -> Result<Exit, Failure> {
    let Cli { global: globals, run: flags, command } = cli;
    let context = Context { printer, globals, flags, env, clock: Clock };
    if !matches!(command, Command::Agent(_) | Command::Wrap(_))
        && let Some(flag) = context.flags.first_given()
        // Who asks a model something may name it before the command too.
        && !(flag == "--model" && matches!(command, Command::Chat(_) | Command::Doctor(_)))
    {
        return Err(Failure::unclear(format!("{flag} is about a run, and this command starts none"), "Leave it out."));
    }
    match command {
        Command::Connect(connect) => connect.run(&context),
        Command::SetKey(set_key) => set_key.run(&context),
        Command::Setup(setup) => setup.run(&context),
        Command::Env(env) => env.run(&context),
        Command::Wrap(wrap) => wrap.run(&context),
        Command::Status(status) => status.run(&context),
        Command::Models(models) => models.run(&context),
        Command::Usage(usage) => usage.run(&context),
        Command::Runs(runs) => runs.run(&context),
        Command::Chat(chat) => chat.run(&context),
        Command::Pingpong(pingpong) => pingpong.run(&context),
        Command::Token(token) => token.run(&context),
        Command::Doctor(doctor) => doctor.run(&context),
        Command::Completions(completions) => completions.run(&context),
        Command::Man(man) => man.run(&context),
        Command::Version(version) => version.run(&context),
        Command::Guard => run::guard::stand(),
        Command::Agent(words) => agent(&context, words),
    }
}

/// `toro NAME …`: an agent, and what is said to it.
fn agent(context: &Context, words: Vec<OsString>) -> Result<Exit, Failure> {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default().to_string_lossy().into_owned();
    let Some(agent) = crate::agents::find(&name) else { return Err(unknown(&name)) };
    let arguments = words.collect();
    let start = Start { agent, program: None, title: agent.name, arguments, flags: &context.flags, change: None };
    run::run(context, &start)
}

fn unknown(name: &str) -> Failure {
    let tree = cli::tree();
    let commands = tree.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name().to_owned());
    let known: Vec<String> = crate::agents::ALL.iter().map(|agent| agent.name.to_owned()).chain(commands).collect();
    let near = known.iter().map(|word| (strsim::osa_distance(word, name), word)).min();
    let advice = match near.filter(|(distance, word)| *distance <= 2 && *distance < word.len()) {
        Some((_, word)) => format!("Did you mean `{word}`?"),
        None => format!("Any program runs with `toro wrap -- {name}`. `toro --help` lists agents and commands."),
    };
    Failure::unclear(format!("`{}` is neither an agent nor a command", printer::plain(name)), advice)
}

/// The environment as it is; a variable without content is none.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
