//! A process beside the run: it keeps the run's token alive, also while Ctrl-Z holds `toro`, and when `toro` is killed it
//! ends the agent and the token.
//!
//! It is `toro` itself under another word, in a group of its own, away from the terminal. `toro` tells it through a pipe
//! whom to guard; the pipe's end without `done` is `toro`'s own end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokenrouter_shared::Secret;
use tokio::sync::oneshot;

use super::child::Identity;
use super::token;
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::exit::{Exit, Failure};

/// The word that makes `toro` a guard.
pub const WORD: &str = "guard-run";
/// What the pipe ends with when there is nothing left to do.
const DONE: &str = "done";
/// What the guard says when the gateway says that the token is over.
const OVER: &str = "over";
/// An agent without its `toro` has so long to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// One that is sent home has so long to go.
const FAREWELL: Duration = Duration::from_secs(2);
/// The gateway has so long to hear of that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to guard. Goes through a pipe: neither arguments nor environment of a process are secret.
#[derive(Serialize, Deserialize)]
struct Charge {
    url: String,
    fingerprint: Option<String>,
    key: String,
    token: String,
    lease_s: u32,
    pid: i32,
    began: u64,
    folder: Option<PathBuf>,
}

/// The guard as `toro` knows it.
#[derive(Debug)]
pub struct Guard {
    process: std::process::Child,
}

/// What is guarded.
#[derive(Clone, Copy, Debug)]
pub struct Guarded<'g> {
    /// The gateway's base URL.
    pub url: &'g str,
    /// The certificate that it must show.
    pub fingerprint: Option<&'g str>,
    /// The run's key.
    pub key: &'g Secret,
    /// The id of the run's token.
    pub token: &'g str,
    /// The token's lease.
    pub lease_s: u32,
    /// The agent.
    pub agent: Identity,
    /// The throw-away folder.
    pub folder: Option<&'g Path>,
}

impl Guard {
    /// Starts one that guards nobody yet.
    pub fn start() -> Result<Self, Failure> {
        // Also where the file was replaced meanwhile.
        let own = Path::new("/proc/self/exe");
        let program = if own.exists() { own.to_owned() } else { std::env::current_exe()? };
        let process = Command::new(program)
            .arg0("toro")
            .arg(WORD)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR"))
            .spawn()
            .map_err(|e| Failure::new(Exit::NotBegun, format!("no second process can be started: {e}"), ""))?;
        Ok(Self { process })
    }

    /// Tells it whom to guard.
    pub fn charge(&mut self, guarded: Guarded<'_>) -> std::io::Result<()> {
        let charge = Charge {
            url: guarded.url.to_owned(),
            fingerprint: guarded.fingerprint.map(str::to_owned),
            key: guarded.key.expose().to_owned(),
            token: guarded.token.to_owned(),
            lease_s: guarded.lease_s,
            pid: guarded.agent.pid,
            began: guarded.agent.began,
            folder: guarded.folder.map(Path::to_owned),
        };
        let line = Secret::new(serde_json::to_string(&charge)? + "\n");
        let pipe = self.process.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        pipe.write_all(line.expose().as_bytes())
    }

    /// Whether it has ended before it should.
    pub fn is_gone(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Sends it home. Says whether the token was over before the run was.
    pub fn dismiss(mut self) -> bool {
        if let Some(mut pipe) = self.process.stdin.take() {
            _ = pipe.write_all(DONE.as_bytes());
        }
        let clock = Clock;
        let end = clock.moment() + FAREWELL;
        while !self.is_gone() {
            if clock.left(end).is_zero() {
                _ = self.process.kill();
                _ = self.process.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut said = String::new();
        if let Some(mut out) = self.process.stdout.take() {
            _ = out.read_to_string(&mut said);
        }
        said.contains(OVER)
    }

    /// Lets it end the agent and the token, as if we were killed, and waits for that.
    pub fn let_act(mut self) {
        drop(self.process.stdin.take());
        _ = self.process.wait();
    }
}

/// What the guard's process does: `toro guard-run`, which nobody types.
pub fn stand() -> Result<Exit, Failure> {
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let Ok(charge) = serde_json::from_str::<Charge>(&line) else { return Ok(Exit::Done) };
    drop(Secret::new(line));
    let fingerprint = charge.fingerprint.as_deref().and_then(|text| text.parse().ok());
    let address = charge.url.parse().map_err(|e| Failure::failed(format!("{e}"), ""))?;
    let client = Client::to(&address, Some(Secret::new(charge.key)), fingerprint.as_ref())?;
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("pipe".to_owned()).spawn(move || {
        let mut rest = String::new();
        _ = input.read_to_string(&mut rest);
        _ = tell.send(rest.starts_with(DONE));
    })?;
    let agent = Identity { pid: charge.pid, began: charge.began };
    crate::client::block_on(async {
        let is_done = tokio::select! {
            is_done = told => is_done.unwrap_or(false),
            never = keep_alive(&client, charge.lease_s) => match never {},
        };
        if !is_done {
            end(agent).await;
            if let Some(folder) = &charge.folder {
                _ = std::fs::remove_dir_all(folder);
            }
            _ = token::end_surely(&client, &charge.token, "signal=9", PATIENCE).await;
        }
    })?;
    Ok(Exit::Done)
}

/// Renews the lease three times in its time; sooner again after a failure, since a gateway that comes back counts anew.
async fn keep_alive(client: &Client, lease_s: u32) -> std::convert::Infallible {
    let lease = Duration::from_secs(lease_s.into());
    let client = client.hurried(lease / 4, lease / 4);
    let mut pause = lease / 3;
    loop {
        tokio::time::sleep(pause).await;
        let renewed = client.post::<serde::de::IgnoredAny>("/admin/api/me/lease", &serde_json::json!({})).await;
        pause = match renewed {
            Ok(_) => lease / 3,
            Err(e) if is_over(&e) => {
                _ = writeln!(std::io::stdout(), "{OVER}");
                std::future::pending().await
            }
            // Twice the last pause, from a second to a third of the lease.
            Err(_) if pause == lease / 3 => Duration::from_secs(1),
            Err(_) => (pause * 2).min(lease / 4),
        };
    }
}

fn is_over(error: &ClientError) -> bool {
    error.status() == Some(StatusCode::UNAUTHORIZED) || error.code() == "no_lease"
}

/// Ends the agent and all that it started: first by asking.
async fn end(agent: Identity) {
    let family = agent.family();
    agent.signal(signal_hook::consts::SIGTERM);
    let clock = Clock;
    let end = clock.moment() + GRACE;
    while family.iter().any(|one| one.is_alive()) && !clock.left(end).is_zero() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for one in family.iter().copied().chain(agent.family()) {
        one.signal(signal_hook::consts::SIGKILL);
    }
}
