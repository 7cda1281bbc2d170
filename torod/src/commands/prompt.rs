//! Questions to the person at the terminal; nothing that is typed at a question for a key is shown.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inquire::list_option::ListOption;
use inquire::validator::Validation;
use inquire::{Confirm, InquireError, MultiSelect, Password, PasswordDisplayMode, Select, Text};
use tokenrouter_shared::Secret;

/// The person had enough: whoever asks undoes nothing, because nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
    /// A question was answered so.
    #[error("given up: nothing was written")]
    Answered,
    /// Ctrl-C was pressed.
    #[error("given up: nothing was written")]
    Interrupted,
    /// Ctrl-C was pressed where nothing is written anyway.
    #[error("given up")]
    Stopped,
}

impl GivenUp {
    /// Whether it was by Ctrl-C.
    pub(super) const fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Stopped)
    }
}

/// Whether somebody is there to be asked.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn told<T>(answer: Result<T, InquireError>) -> anyhow::Result<T> {
    answer.map_err(|e| match e {
        InquireError::OperationCanceled => GivenUp::Answered.into(),
        InquireError::OperationInterrupted => GivenUp::Interrupted.into(),
        other => anyhow::Error::new(other).context("the terminal cannot be asked"),
    })
}

/// Asks for a key; none where just Enter was pressed.
pub(super) fn secret(question: &str, help: &str) -> anyhow::Result<Option<Secret>> {
    let asked = Password::new(question)
        .with_display_mode(PasswordDisplayMode::Hidden)
        .with_help_message(help)
        .with_formatter(&|typed| if typed.trim().is_empty() { "(none)".to_owned() } else { "********".to_owned() })
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

/// The same with what Enter alone means.
pub(super) fn text_or(question: &str, usual: &str, help: &str) -> anyhow::Result<String> {
    let asked = Text::new(question).with_default(usual).with_help_message(help).prompt();
    Ok(told(asked)?.trim().to_owned())
}

/// Lets one of `options` be chosen; the first is under the cursor.
pub(super) fn pick<T: std::fmt::Display>(question: &str, options: Vec<T>) -> anyhow::Result<T> {
    told(Select::new(question, options).with_help_message("↑↓ to move, Enter to choose, Ctrl-C to give up").prompt())
}

/// Asks yes or no; Enter alone means `usual`.
pub(super) fn confirm(question: &str, usual: bool) -> anyhow::Result<bool> {
    told(Confirm::new(question).with_default(usual).prompt())
}

/// What separates the name of an option from what is said of it.
pub(super) const REMARK: &str = " — ";

/// Lets any number of `options` be chosen, of which the first `chosen` are to begin with. Gives their places.
pub(super) fn choose(question: &str, options: Vec<String>, chosen: usize) -> anyhow::Result<Vec<usize>> {
    let first: Vec<usize> = (0..chosen).collect();
    let was_told = Arc::new(AtomicBool::new(false));
    let is_meant = move |ticked: &[ListOption<&String>]| {
        // Enter on a line that is not ticked is mostly meant to choose it.
        let is_doubtful = ticked.is_empty() && !was_told.swap(true, Ordering::Relaxed);
        Ok(if is_doubtful { Validation::Invalid(NOTHING_TICKED.into()) } else { Validation::Valid })
    };
    let asked = MultiSelect::new(question, options)
        .with_default(&first)
        .with_page_size(14)
        .with_validator(is_meant)
        .with_formatter(&names)
        .with_help_message("↑↓ to move, space to choose, type to search, Enter to go on, Ctrl-C to give up")
        .raw_prompt();
    Ok(told(asked)?.into_iter().map(|option| option.index).collect())
}

const NOTHING_TICKED: &str =
    "Nothing is ticked: space ticks the line at the cursor. Enter once more goes on without any.";

/// What was chosen, by name.
fn names(chosen: &[ListOption<&String>]) -> String {
    let name = |option: &ListOption<&String>| option.value.split(REMARK).next().unwrap_or_default().to_owned();
    let names: Vec<String> = chosen.iter().map(name).collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

/// Says something between two questions.
pub(super) fn say(text: &str) -> std::io::Result<()> {
    super::terminal::say(text, 0)
}
