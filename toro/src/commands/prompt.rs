//! Questions to the person at the terminal; nothing that is typed at a question for a key is shown.

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text};
use tokenrouter_shared::Secret;

use crate::exit::{Exit, Failure};

fn told<T>(answer: Result<T, InquireError>) -> Result<T, Failure> {
    answer.map_err(|e| match e {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => {
            Failure::new(Exit::Interrupted, "given up: nothing was changed", "")
        }
        other => Failure::failed(format!("the terminal cannot be asked: {other}"), ""),
    })
}

/// Asks for a key; none where just Enter was pressed.
pub fn secret(question: &str, help: &str) -> Result<Option<Secret>, Failure> {
    let asked = Password::new(question)
        .with_display_mode(PasswordDisplayMode::Hidden)
        .with_help_message(help)
        .with_formatter(&|typed| if typed.trim().is_empty() { "(none)".to_owned() } else { "********".to_owned() })
        .without_confirmation()
        .prompt();
    let text = Secret::new(told(asked)?);
    Ok(Some(text.expose().trim()).filter(|text| !text.is_empty()).map(Secret::from))
}

/// Asks for a line of text; Enter alone means `usual`.
pub fn text_or(question: &str, usual: &str, help: &str) -> Result<String, Failure> {
    let asked = Text::new(question).with_default(usual).with_help_message(help).prompt();
    Ok(told(asked)?.trim().to_owned())
}

/// Lets one of `options` be chosen, also by typing a part of it; the first is under the cursor.
pub fn pick<T: std::fmt::Display>(question: &str, options: Vec<T>) -> Result<T, Failure> {
    told(Select::new(question, options).with_help_message("↑↓ to move, type to search, Enter to choose").prompt())
}

/// Asks yes or no; Enter alone means `usual`.
pub fn confirm(question: &str, usual: bool) -> Result<bool, Failure> {
    told(Confirm::new(question).with_default(usual).prompt())
}
