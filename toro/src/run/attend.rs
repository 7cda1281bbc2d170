//! The agent's life: it is started, what we are sent is passed on to it, and its end is ours.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::child::{Child, Identity};
use super::forward::Door;
use super::guard::{Guard, Guarded};
use super::signals::Sent;
use super::token::RunToken;
use super::{Gateway, Start, lease_of};
use crate::agents::Agent;
use crate::agents::launch::{Launch, Models};
use crate::agents::listed::{self, Listed};
use crate::agents::plan::Plan;
use crate::client::block_on;
use crate::commands::Context;
use crate::exit::{Exit, Failure};

/// An agent that was told to end has so long until it and all that it started are killed.
const GRACE: Duration = Duration::from_secs(10);

/// Starts the agent and stays with it to its end. Also says whether the token ended before.
pub(super) fn attend(
    context: &Context,
    start: &Start<'_>,
    gateway: &Gateway,
    token: &RunToken,
    models: &Models,
    program: PathBuf,
    told: &Receiver<Sent>,
) -> Result<(Exit, bool), Failure> {
    let folder = folder_for(start.agent)?;
    let listed = list_for(start, gateway, token, models)?;
    let door = door_for(start, gateway, token)?;
    let launch = Launch {
        address: door.as_ref().map_or(gateway.client.address(), |door| &door.address),
        key: door.as_ref().map_or(&token.key, |door| &door.secret),
        models,
        listed: &listed,
        arguments: &start.arguments,
        env: context.env,
        folder: folder.as_ref().map(tempfile::TempDir::path),
    };
    let mut plan = Plan::of(start.agent, program, &launch)?;
    if let Some(change) = start.change {
        change(&mut plan, &launch);
    }
    // First, so that nothing is started that nobody guards; it waits for its charge.
    let mut guard = token.id.as_ref().map(|_| Guard::start()).transpose()?;
    let mut child = match Child::start(&plan) {
        Ok(child) => child,
        Err(failure) => {
            dismiss(guard);
            return Err(failure);
        }
    };
    let agent = child.identity;
    let thrown_away = folder.as_ref().map(tempfile::TempDir::path);
    if let Some(guard) = guard.as_mut() {
        charge(guard, start, gateway, token, agent, thrown_away);
    }
    let mut look = || {
        if guard.as_mut().is_some_and(Guard::is_gone)
            && let Ok(mut other) = Guard::start()
        {
            // Somebody killed it: another one takes over.
            charge(&mut other, start, gateway, token, agent, thrown_away);
            guard = Some(other);
        }
    };
    match catch_unwind(AssertUnwindSafe(|| stay(context, &mut child, told, &mut look))) {
        Ok(exit) => {
            let was_over = dismiss(guard);
            Ok((exit?, was_over))
        }
        Err(panic) => {
            if let Some(guard) = guard {
                guard.let_act();
            }
            std::panic::resume_unwind(panic)
        }
    }
}

fn charge(
    guard: &mut Guard,
    start: &Start<'_>,
    gateway: &Gateway,
    token: &RunToken,
    agent: Identity,
    folder: Option<&Path>,
) {
    let url = gateway.client.address().to_string();
    let fingerprint = gateway.server.fingerprint.as_ref().map(ToString::to_string);
    // One that cannot be told is gone, which the next look finds out.
    _ = guard.charge(Guarded {
        url: &url,
        fingerprint: fingerprint.as_deref(),
        key: &token.key,
        token: token.id.as_deref().unwrap_or_default(),
        lease_s: lease_of(start.flags),
        agent,
        folder,
    });
}

/// Sends the guard home; says whether the token was over before.
fn dismiss(guard: Option<Guard>) -> bool {
    guard.is_some_and(Guard::dismiss)
}

/// The models that the agent is told of.
fn list_for(start: &Start<'_>, gateway: &Gateway, token: &RunToken, models: &Models) -> Result<Vec<Listed>, Failure> {
    let brings = !start.agent.brings.is_empty();
    // An agent that asks for models of its own knows them.
    if !start.agent.lists || (brings && models.main.is_none()) {
        return Ok(Vec::new());
    }
    match block_on(listed::fetch(&gateway.client.with_key(token.key.clone())))? {
        Ok(listed) => Ok(listed),
        Err(_) if brings => Ok(Vec::new()),
        Err(e) => Err(e.into()),
    }
}

/// A door to the gateway, where one is wanted, or where the agent could not reach the gateway itself.
fn door_for(start: &Start<'_>, gateway: &Gateway, token: &RunToken) -> Result<Option<Door>, Failure> {
    let address = gateway.client.address();
    let is_far = start.agent.needs_near && !address.is_https() && !address.is_loopback();
    // No agent knows of a certificate that was looked at by a person.
    let is_pinned = address.is_https() && gateway.server.fingerprint.is_some();
    let is_wanted = start.flags.forward || is_far || is_pinned;
    is_wanted.then(|| Door::open(&gateway.client, &token.key)).transpose()
}

/// A folder that ends with the run, for agents that need files.
fn folder_for(agent: &Agent) -> Result<Option<tempfile::TempDir>, Failure> {
    if !agent.uses_folder() {
        return Ok(None);
    }
    let made = tempfile::Builder::new().prefix("toro-").permissions(Permissions::from_mode(0o700)).tempdir();
    let failed = |e: std::io::Error| {
        Failure::new(Exit::NotBegun, format!("no temporary folder can be made: {e}"), "Is the disk full?")
    };
    made.map(Some).map_err(failed)
}

/// Waits for the agent's end and passes on what we are sent. `look` is called when any process of ours has changed.
fn stay(context: &Context, child: &mut Child, told: &Receiver<Sent>, look: &mut dyn FnMut()) -> Result<Exit, Failure> {
    let mut kill_at: Option<Instant> = None;
    loop {
        let event = match kill_at {
            Some(at) => told.recv_timeout(context.clock.left(at)),
            None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(sent) if sent.is_child() => {
                if let Some(exit) = child.ended()? {
                    return Ok(exit);
                }
                look();
            }
            Ok(sent) => {
                if !sent.is_shared {
                    child.identity.signal(sent.signal);
                }
                if sent.is_final() {
                    // Whoever asks twice does not want to wait.
                    let grace = if kill_at.is_some() { Duration::ZERO } else { GRACE };
                    kill_at = Some(context.clock.moment() + grace);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                for one in child.identity.family() {
                    one.signal(signal_hook::consts::SIGKILL);
                }
                kill_at = None;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?),
        }
    }
}
