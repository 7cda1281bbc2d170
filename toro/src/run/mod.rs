//! A run: a token is made, the agent works with it, the token is taken back, and the bill is told.
//!
//! Whatever happens to us, the token ends: by us, else by the guard, else by its lease, else by its time.

mod attend;
mod begin;
pub mod child;
pub mod forward;
pub mod guard;
mod model;
pub mod place;
pub mod signals;
pub mod summary;
pub mod token;
pub mod wanted;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokenrouter_shared::Role;
use tokenrouter_shared::token::TokenCreate;

use self::attend::attend;
use self::begin::begin;
use self::token::RunToken;
use self::wanted::{RunFlags, USUAL_TTL_MS};
use crate::agents::Agent;
use crate::agents::families::{REMOVED, is_among};
use crate::agents::launch::Launch;
use crate::agents::plan::{Plan, find_program, is_about_itself};
use crate::client::{Client, ClientError, block_on};
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::profile::Server;

/// The gateway has so long to hear that the run is over.
const PATIENCE: Duration = Duration::from_secs(3);
/// A lease where nobody said otherwise, in seconds.
const USUAL_LEASE_S: u32 = 60;

/// What changes a plan before the start.
pub type Change<'c> = &'c dyn Fn(&mut Plan, &Launch<'_>);

/// What is to be run.
pub struct Start<'s> {
    /// Its description.
    pub agent: &'s Agent,
    /// Another program than the description's.
    pub program: Option<&'s str>,
    /// What it is called in labels and names.
    pub title: &'s str,
    /// What the user says to it.
    pub arguments: Vec<OsString>,
    /// What the run may do.
    pub flags: &'s RunFlags,
    /// What changes the plan at last.
    pub change: Option<Change<'s>>,
}

/// The gateway as a run needs it.
struct Gateway {
    server: Server,
    client: Client,
}

/// Runs it, from the token to the bill.
pub fn run(context: &Context, start: &Start<'_>) -> Result<Exit, Failure> {
    if start.program.is_none() && is_about_itself(&start.arguments) {
        return become_it(&find(start)?, start);
    }
    let prepared = prepare(context, start);
    let (gateway, program, wanted) = prepared.map_err(not_begun)?;
    let models = model::choose(context, start, &gateway).map_err(not_begun)?;
    let told = signals::listen()?;
    let started_ms = context.clock.now_ms();
    let moment = context.clock.moment();
    let token = match begin(context, start, &gateway, &wanted, &told).map_err(not_begun)? {
        Ok(token) => token,
        Err(signal) => return Ok(Exit::Signal(signal)),
    };
    let attended = catch_unwind(AssertUnwindSafe(|| attend(context, start, &gateway, &token, &models, program, &told)));
    let how = match &attended {
        Ok(Ok((Exit::Code(code), _))) => format!("exit={code}"),
        Ok(Ok((Exit::Signal(signal), _))) => format!("signal={signal}"),
        _ => "exit=125".to_owned(),
    };
    let ended = end(&gateway, &token, &how);
    if let Err(e) = &ended {
        context.printer.warn(&format!(
            "the run's token could not be ended ({e}); it ends by itself within {} s",
            lease_of(start.flags)
        ));
    }
    let (exit, was_over) = match attended {
        Ok(attended) => attended.map_err(not_begun)?,
        Err(_) => {
            return Err(Failure::new(
                Exit::NotBegun,
                "a mistake of ours; the agent and the run's token were ended",
                "Please report it.",
            ));
        }
    };
    if was_over {
        context.printer.warn(
            "the run's token ended before the run did: it was revoked, or the gateway was out of reach for too long",
        );
    }
    let seen = summary::Seen {
        started_ms,
        ended_ms: context.clock.now_ms(),
        duration: moment.elapsed(),
        exit,
        agent: start.title,
    };
    summary::tell(context, &gateway.client, &token, &seen);
    Ok(exit)
}

/// Becomes the agent, without a token and without the keys of others: it is only asked what it is.
fn become_it(program: &Path, start: &Start<'_>) -> Result<Exit, Failure> {
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new(program);
    command.args(&start.arguments);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| is_among(name, REMOVED) || is_among(name, start.agent.removes)) {
        command.env_remove(name);
    }
    let e = command.exec();
    Err(Failure::new(Exit::NotStarted, format!("{} cannot be started: {e}", program.display()), ""))
}

/// All that can fail before there is a token.
fn prepare(context: &Context, start: &Start<'_>) -> Result<(Gateway, PathBuf, TokenCreate), Failure> {
    let program = find(start)?;
    let server = context.server()?;
    let client = Client::new(&server)?;
    let folder = std::env::current_dir().ok();
    let mut labels = place::labels(start.title, folder.as_deref());
    labels.extend(start.flags.labels()?);
    let name = start.flags.name.clone().unwrap_or_else(|| place::name(start.title, folder.as_deref()));
    let wanted = TokenCreate {
        name: Some(name),
        role: Role::Inferrer,
        ttl_ms: Some(start.flags.ttl.unwrap_or(USUAL_TTL_MS)),
        limits: start.flags.limits()?,
        labels,
        run: true,
        lease_s: Some(lease_of(start.flags)),
        ..TokenCreate::default()
    };
    Ok((Gateway { server, client }, program, wanted))
}

fn lease_of(flags: &RunFlags) -> u32 {
    flags.lease.unwrap_or(USUAL_LEASE_S)
}

/// The failure of a run that did not begin: a script tells it from the agent's own.
fn not_begun(failure: Failure) -> Failure {
    match failure.exit {
        Exit::Failed | Exit::Unconfigured | Exit::Unreachable | Exit::Refused => {
            Failure { exit: Exit::NotBegun, ..failure }
        }
        _ => failure,
    }
}

/// The program's file.
fn find(start: &Start<'_>) -> Result<PathBuf, Failure> {
    let path = std::env::var("PATH").ok();
    let names: Vec<&str> = start.program.map_or_else(|| start.agent.programs.to_vec(), |name| vec![name]);
    let mut worst = Exit::NotInstalled;
    for name in &names {
        match find_program(name, path.as_deref()) {
            Ok(program) => return Ok(program),
            Err(exit) => worst = exit,
        }
    }
    let name = names.first().copied().unwrap_or_default();
    let advice = match (start.agent.install, worst) {
        (_, Exit::NotStarted) => "Make it executable.".to_owned(),
        ("", _) => "Check its name, or give its whole path.".to_owned(),
        (install, _) => format!("Install it: {install}"),
    };
    let what =
        if worst == Exit::NotStarted { "is there but is no program that can be started" } else { "is not installed" };
    Err(Failure::new(worst, format!("`{name}` {what}"), advice))
}

/// Takes the token back.
fn end(gateway: &Gateway, token: &RunToken, how: &str) -> Result<(), ClientError> {
    let Some(id) = &token.id else { return Ok(()) };
    let ended = block_on(token::end_surely(&gateway.client, id, how, PATIENCE));
    ended.unwrap_or_else(|e| {
        Err(ClientError::Unreachable { url: gateway.client.address().to_string(), why: e.to_string() })
    })
}
