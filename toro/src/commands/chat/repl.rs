//! A conversation at the terminal: what was said stays in memory, and goes with the process.

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::turn::{Ended, Turn};
use crate::client::block_on;
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::talk::Message;

const HELP: &str = "  /model NAME    go on with another model; without a name, choose one\n  \
    /system TEXT   what the model is told beforehand; without a text, nothing\n  \
    /retry         ask the last question again\n  \
    /clear         forget what was said\n  \
    /quit          leave; so does Ctrl-D\n  \
    Ctrl-C stops an answer. A line that ends in \\ goes on in the next one. //text sends /text.";

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
enum Line<'l> {
    Nothing,
    Quit,
    Clear,
    Retry,
    Help,
    Model(&'l str),
    System(&'l str),
    Unknown(&'l str),
    Said(&'l str),
}

fn read(line: &str) -> Line<'_> {
    let line = line.trim();
    let Some(command) = line.strip_prefix('/') else {
        return if line.is_empty() { Line::Nothing } else { Line::Said(line) };
    };
    if command.starts_with('/') {
        return Line::Said(command);
    }
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match word {
        "quit" | "exit" | "q" | "bye" => Line::Quit,
        "clear" | "new" => Line::Clear,
        "retry" => Line::Retry,
        "help" | "?" | "h" => Line::Help,
        "model" | "m" => Line::Model(rest.trim()),
        "system" => Line::System(rest.trim()),
        _ => Line::Unknown(word),
    }
}

/// Talks until somebody leaves.
pub(super) fn run(mut turn: Turn<'_>) -> Result<Exit, Failure> {
    let gone = |e: ReadlineError| Failure::failed(format!("the terminal cannot be read: {e}"), "");
    let mut editor = DefaultEditor::new().map_err(gone)?;
    let printer = &turn.context.printer;
    printer.say(&format!("Talking with {}. /help says what else can be typed, Ctrl-D leaves.", plain(&turn.model)));
    let mut typed = String::new();
    loop {
        let prompt = if typed.is_empty() { "> " } else { "… " };
        match editor.readline(prompt) {
            Ok(line) => match line.strip_suffix('\\') {
                Some(begun) => {
                    typed += begun;
                    typed.push('\n');
                    continue;
                }
                None => typed += &line,
            },
            Err(ReadlineError::Interrupted) => {
                if typed.is_empty() {
                    turn.context.printer.say("Ctrl-D or /quit leaves.");
                }
                typed.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(Exit::Done),
            Err(e) => return Err(gone(e)),
        }
        let whole = std::mem::take(&mut typed);
        if !whole.trim().is_empty() {
            _ = editor.add_history_entry(whole.as_str());
        }
        match read(&whole) {
            Line::Nothing => {}
            Line::Quit => return Ok(Exit::Done),
            Line::Help => turn.context.printer.say(HELP),
            Line::Clear => {
                turn.anew();
                turn.context.printer.say("Forgotten.");
            }
            Line::Model(name) => model(&mut turn, name),
            Line::System(text) => {
                turn.messages.retain(|message| message.role != "system");
                if !text.is_empty() {
                    turn.messages.insert(0, Message::new("system", text));
                }
            }
            Line::Unknown(word) => turn.context.printer.say(&format!("There is no /{}; /help lists all.", plain(word))),
            Line::Retry => {
                if turn.messages.last().is_some_and(|message| message.role == "assistant") {
                    turn.messages.pop();
                }
                match turn.messages.pop_if(|message| message.role == "user") {
                    Some(last) => answer(&mut turn, last),
                    None => turn.context.printer.say("Nothing was asked yet."),
                }
            }
            Line::Said(text) => answer(&mut turn, Message::new("user", text)),
        }
    }
}

/// Asks, and keeps what was said. What was not answered is as if it had not been asked.
fn answer(turn: &mut Turn<'_>, question: Message) {
    turn.messages.push(question);
    match turn.ask() {
        Ok(Ended::Whole(reply)) => turn.messages.push(Message::new("assistant", reply.text)),
        Ok(Ended::Stopped(text)) if text.is_empty() => {
            turn.messages.pop();
            turn.context.printer.say("[stopped; nothing was said]");
        }
        Ok(Ended::Stopped(text)) => {
            turn.messages.push(Message::new("assistant", text));
            turn.context.printer.say("[stopped]");
        }
        Err(failure) => {
            turn.messages.pop();
            turn.context.printer.warn(&failure.to_string());
        }
    }
}

/// Goes on with another model, if there is such a one.
fn model(turn: &mut Turn<'_>, name: &str) {
    let printer = &turn.context.printer;
    if name.is_empty() {
        match super::choose(turn.context, turn.client) {
            Ok(chosen) => turn.model = chosen,
            Err(failure) => return printer.warn(&failure.to_string()),
        }
    } else {
        let path = format!("/v1/models/{}", crate::client::escape(name).replace("%2F", "/"));
        // A provider may serve what it does not list: the next question tells.
        match block_on(turn.client.get::<serde_json::Value>(&path)) {
            Ok(Ok(_)) => {}
            Ok(Err(e)) => printer.warn(&Failure::from(e).to_string()),
            Err(e) => printer.warn(&e.to_string()),
        }
        name.clone_into(&mut turn.model);
    }
    printer.say(&format!("Talking with {}.", plain(&turn.model)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_what_is_said() {
        for (line, expected) in [
            ("", Line::Nothing),
            ("  ", Line::Nothing),
            (" hello ", Line::Said("hello")),
            ("/quit", Line::Quit),
            ("/clear ", Line::Clear),
            ("/model openai/gpt-5.5", Line::Model("openai/gpt-5.5")),
            ("/model", Line::Model("")),
            ("/system Be brief.", Line::System("Be brief.")),
            ("/modle x", Line::Unknown("modle")),
            ("//etc/hosts", Line::Said("/etc/hosts")),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
