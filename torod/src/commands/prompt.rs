//! Questions to the person at the terminal; nothing that is typed at a question for a key is shown.

use std::io::IsTerminal as _;

use inquire::{Confirm, InquireError, MultiSelect, Password, PasswordDisplayMode, Text};
use tokenrouter_shared::Secret;

/// The person had enough: whoever asks undoes nothing, because nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("given up: nothing was written")]
pub(super) struct GivenUp;

/// Whether somebody is there to be asked.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn told<T>(answer: Result<T, InquireError>) -> anyhow::Result<T> {
    answer.map_err(|e| match e {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => GivenUp.into(),
        other => anyhow::Error::new(other).context("the terminal cannot be asked"),
    })
}

/// Asks for a key; none where just Enter was pressed.
pub(super) fn secret(question: &str, help: &str) -> anyhow::Result<Option<Secret>> {
    let asked = Password::new(question)
        .with_display_mode(PasswordDisplayMode::Hidden)
        .with_help_message(help)
        .without_confirmation()
        .prompt();
    let text = told(asked)?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(Secret::from))
}

/// Asks for a line of text.
pub(super) fn text(question: &str, help: &str) -> anyhow::Result<String> {
    let asked = Text::new(question).with_help_message(help).prompt();
    Ok(told(asked)?.trim().to_owned())
}

/// Asks yes or no; Enter alone means `usual`.
pub(super) fn confirm(question: &str, usual: bool) -> anyhow::Result<bool> {
    told(Confirm::new(question).with_default(usual).prompt())
}

/// Lets any number of `options` be chosen, of which the first `chosen` are to begin with. Gives their places.
pub(super) fn choose(question: &str, options: Vec<String>, chosen: usize) -> anyhow::Result<Vec<usize>> {
    let first: Vec<usize> = (0..chosen).collect();
    let asked = MultiSelect::new(question, options)
        .with_default(&first)
        .with_page_size(14)
        .with_help_message("↑↓ to move, space to choose, type to search, Enter to go on, Ctrl-C to give up")
        .raw_prompt();
    Ok(told(asked)?.into_iter().map(|option| option.index).collect())
}

/// Says something between two questions.
pub(super) fn say(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    writeln!(anstream::stderr(), "{text}")
}
