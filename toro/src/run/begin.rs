//! How a run comes by its token, and what is done where it cannot.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use tokenrouter_shared::token::TokenCreate;

use super::signals::Sent;
use super::token::{self, RunToken};
use super::wanted::RunFlags;
use super::{Gateway, Start};
use crate::client::{ClientError, block_on};
use crate::commands::{Context, prompt};
use crate::exit::{Exit, Failure};

/// How long a signal may take to us once its cause was seen.
const CLOSING: Duration = Duration::from_millis(250);

/// What is said where the stored token makes no others.
const POWERLESS: &str = "the stored token is an inferrer: it cannot make a token for the run";

/// The run's token, or the signal that came first.
pub(super) fn begin(
    context: &Context,
    start: &Start<'_>,
    gateway: &Gateway,
    wanted: &TokenCreate,
    told: &Receiver<Sent>,
) -> Result<Result<RunToken, i32>, Failure> {
    let own = || RunToken { id: None, key: gateway.server.key.clone(), name: String::new(), expires_ms: None };
    if start.flags.own_token {
        if let Some(flag) = start.flags.limiting() {
            return Err(Failure::unclear(
                format!("{flag} needs a token of the run's own, which --own-token says not to make"),
                "Leave one of them out.",
            ));
        }
        return Ok(Ok(own()));
    }
    let made = block_on(async {
        let making = token::make(&gateway.client, wanted.clone(), start.flags.ttl.is_some());
        tokio::select! {
            made = making => Ok(made),
            signal = told_to_end(told) => Err(signal),
        }
    })?;
    match made {
        Err(signal) => Ok(Err(signal)),
        Ok(Ok(token)) => Ok(Ok(token)),
        Ok(Err(e)) if token::is_powerless(&e) => {
            powerless(context, start.flags, told).map(|answer| answer.map(|()| own()))
        }
        Ok(Err(e)) => Err(explained(e, start.flags)),
    }
}

/// What to do with a stored token that makes no others: run with it, if that is wanted.
fn powerless(context: &Context, flags: &RunFlags, told: &Receiver<Sent>) -> Result<Result<(), i32>, Failure> {
    let no = |message: &str| {
        let advice =
            "Run with the stored token itself: --own-token. Or ask for a token of role keymaster, then `toro set-key`.";
        Failure::new(Exit::Refused, message, advice)
    };
    if let Some(flag) = flags.limiting() {
        return Err(no(&format!("{POWERLESS}, so {flag} cannot be kept")));
    }
    if !context.may_ask() {
        return Err(no(POWERLESS));
    }
    let question =
        "The stored token is an inferrer and cannot make a token for this run. Run with the stored token itself?";
    match asked(question, told)? {
        Ok(true) => Ok(Ok(())),
        Ok(false) => Err(no("given up")),
        Err(signal) => Ok(Err(signal)),
    }
}

/// The answer, or the signal that came first: whoever waits for a key hears of no signal, and not of a terminal that closed.
fn asked(question: &'static str, told: &Receiver<Sent>) -> Result<Result<bool, i32>, Failure> {
    let before = tcgetattr(std::io::stdin()).ok();
    let (tell, answer) = channel();
    std::thread::Builder::new().name("question".to_owned()).spawn(move || {
        // Whoever was told to end does not wait for it.
        drop(tell.send(prompt::confirm(question, true)));
    })?;
    let mut failed = None;
    loop {
        match answer.recv_timeout(Duration::from_millis(20)) {
            Ok(Ok(answer)) => return Ok(Ok(answer)),
            Ok(Err(failure)) => failed = Some(failure),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                failed.get_or_insert_with(|| Failure::failed("the question could not be asked", ""));
            }
        }
        let mut sent = told.try_iter().find(|sent| sent.is_end());
        if sent.is_none()
            && let Some(failure) = failed.take()
        {
            // A terminal that closed fails the question and sends a signal, which another thread tells a little later.
            sent = told.recv_timeout(CLOSING).ok().filter(|sent| sent.is_end());
            if sent.is_none() {
                return Err(failure);
            }
        }
        if let Some(sent) = sent {
            if let Some(before) = &before {
                // The terminal may be gone.
                _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
            }
            return Ok(Err(sent.signal));
        }
    }
}

/// The gateway's refusal in the words of our flags.
fn explained(error: ClientError, flags: &RunFlags) -> Failure {
    let code = error.code().to_owned();
    let mut failure = Failure::from(error);
    if code == "outlives_parent" && flags.ttl.is_some() {
        failure.message = format!("--ttl is longer than the stored token lives: {}", failure.message);
        "Ask for less, or leave --ttl out: the run's token then ends with yours.".clone_into(&mut failure.advice);
    } else if code == "exceeds_parent" {
        failure.message = format!("the run may not have more than the stored token: {}", failure.message);
    }
    failure
}

/// Waits for a signal that asks us to end.
async fn told_to_end(told: &Receiver<Sent>) -> i32 {
    loop {
        match told.try_recv() {
            Ok(sent) if sent.is_end() => return sent.signal,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
