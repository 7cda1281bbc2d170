//! What is asked: the words that were typed, and what comes on standard input.

use std::io::{IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::commands::Context;
use crate::exit::Failure;

/// No question is longer, in bytes.
const MOST_BYTES: u64 = 32 << 20;
/// With words of its own a command waits so long for standard input, in milliseconds: who starts programs often leaves
/// them a pipe that nothing ever comes out of.
const PATIENCE_MS: u16 = 1_000;

/// The question; nothing where there is to be a conversation.
pub(super) fn question(context: &Context, words: &[String]) -> Result<Option<String>, Failure> {
    let waits = words.iter().any(|word| word == "-");
    let said = words.iter().filter(|word| *word != "-").cloned().collect::<Vec<_>>().join(" ");
    let is_terminal = std::io::stdin().is_terminal();
    if said.trim().is_empty() && !waits && is_terminal && context.printer.is_terminal() && !context.printer.is_json() {
        return Ok(None);
    }
    let reads =
        waits || (is_terminal && said.trim().is_empty()) || (!is_terminal && (said.trim().is_empty() || comes()));
    if reads && is_terminal {
        context.printer.say("Type your question, and Ctrl-D at its end.");
    }
    let mut piped = String::new();
    if reads {
        std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_string(&mut piped)
            .map_err(|e| Failure::failed(format!("standard input cannot be read: {e}"), "Only text can be sent."))?;
        if piped.len() as u64 > MOST_BYTES {
            return Err(Failure::unclear("that is more than 32 MiB", "No model takes so much."));
        }
    }
    let parts: Vec<&str> = [said.trim(), piped.trim()].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(Failure::unclear("nothing was asked", "Write the question behind the command, or pipe it in."));
    }
    Ok(Some(parts.join("\n\n")))
}

/// Whether something comes on standard input, or its end.
fn comes() -> bool {
    let input = std::io::stdin();
    let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(PATIENCE_MS)).is_ok_and(|ready| ready > 0)
}
