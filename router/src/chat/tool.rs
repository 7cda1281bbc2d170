//! Tools, the model's calls of them, and what they gave.

use super::content::Part;
use super::{CacheMark, Json, State};

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name within its namespace.
    pub name: String,
    /// OpenAI's `namespace` that it belongs to.
    pub namespace: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What kind of tool.
    pub kind: ToolKind,
    /// The client's wish that the prompt up to and with this tool be cached.
    pub cache: Option<CacheMark>,
    /// Whether the model learns of it only through a search (`defer_loading`).
    pub deferred: bool,
}

/// What kind of tool.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolKind {
    /// Takes JSON arguments.
    Function {
        /// The JSON Schema of the arguments; none: it takes none.
        schema: Option<Json>,
        /// Whether the arguments must fit the schema.
        strict: Option<bool>,
    },
    /// Takes any text (`custom` at OpenAI, for instance Codex's `apply_patch`).
    Freeform {
        /// The grammar that the text must follow.
        grammar: Option<Grammar>,
    },
    /// OpenAI's `tool_search` which the client executes.
    Search {
        /// The JSON Schema of the search.
        schema: Option<Json>,
    },
    /// One that a vendor defines: executed by its servers (`web_search`), or by the client with a schema that the
    /// model knows by heart (Anthropic's `bash_20250124`).
    Vendor {
        /// The protocol that defines it.
        protocol: crate::Protocol,
        /// Its type there.
        kind: String,
        /// The whole declaration.
        json: Json,
    },
}

/// What a freeform tool's input must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    /// `lark` or `regex`.
    pub syntax: String,
    /// The grammar itself.
    pub definition: String,
}

/// Which tools the model must or may call.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: Option<String>,
    },
    /// Only some of the tools.
    Allowed {
        /// Whether one of them must be called.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
    /// A choice that only its own protocol knows (a hosted tool).
    Vendor {
        /// The protocol.
        protocol: crate::Protocol,
        /// The whole choice.
        json: Json,
    },
}

/// What form a call has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// JSON arguments.
    #[default]
    Function,
    /// Any text.
    Freeform,
    /// OpenAI's client-executed `tool_search`; JSON arguments.
    Search,
}

/// A tool call by the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// Ties the result to it. Never changes.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The tool's namespace.
    pub namespace: Option<String>,
    /// What form it has.
    pub kind: CallKind,
    /// The arguments as JSON text as the model wrote it, or the freeform input.
    pub input: String,
    /// Gemini's thought signature.
    pub state: Option<State>,
}

/// What a tool call gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// The call's id; empty where the client gave none (Gemini), paired by name and order then.
    pub call_id: String,
    /// The tool's name, where the protocol repeats it.
    pub name: Option<String>,
    /// What form the call had.
    pub kind: CallKind,
    /// Texts, images and documents.
    pub content: Vec<Part>,
    /// The object that Gemini's clients send instead of content, as it was.
    pub object: Option<Json>,
    /// Whether the tool failed.
    pub is_error: bool,
}

impl ToolResult {
    /// All its texts, joined by line feeds.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.content.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }
}
