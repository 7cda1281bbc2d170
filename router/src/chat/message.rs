//! One message of a conversation.

use super::content::Part;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator of the application.
    System,
    /// The same in OpenAI's newer word.
    Developer,
    /// The user; results of tools are parts of a user's message.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Whether it gives instructions.
    pub const fn instructs(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

/// One message. Several of one role in a row are legal, as are instructions between turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// The speaker's name, where there are several.
    pub name: Option<String>,
}

impl Message {
    /// A message without a name.
    pub const fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None }
    }

    /// Its texts, joined by blank lines.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(Part::as_text).collect();
        texts.join("\n\n")
    }
}
