//! Tools that a vendor's models know by heart, written out for models that do not.
//!
//! Anthropic's `bash`, `text_editor`, `memory` and `computer` tools come without a schema; clients execute them. The
//! arguments are as Anthropic documents them.

use super::Json;

const BASH: &str = r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run"},"restart":{"type":"boolean","description":"Restart the shell instead of running a command"}}}"#;
const EDITOR: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"],"description":"What to do"},"path":{"type":"string","description":"The file or folder"},"file_text":{"type":"string","description":"For create: the whole text"},"old_str":{"type":"string","description":"For str_replace: the text to replace, which must stand there exactly once"},"new_str":{"type":"string","description":"For str_replace and insert: the new text"},"insert_line":{"type":"integer","description":"For insert: the line after which to insert"},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: first and last line"}},"required":["command","path"]}"#;
const MEMORY: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"],"description":"What to do"},"path":{"type":"string","description":"The file or folder below /memories"},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"old_path":{"type":"string"},"new_path":{"type":"string"}},"required":["command"]}"#;
const COMPUTER: &str = r#"{"type":"object","properties":{"action":{"type":"string","enum":["key","type","mouse_move","left_click","left_click_drag","right_click","middle_click","double_click","triple_click","screenshot","cursor_position","left_mouse_down","left_mouse_up","scroll","hold_key","wait","zoom"],"description":"What to do"},"coordinate":{"type":"array","items":{"type":"integer"},"description":"x and y in pixels"},"start_coordinate":{"type":"array","items":{"type":"integer"}},"text":{"type":"string","description":"The text to type or the key to press"},"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"integer"},"duration":{"type":"number","description":"In seconds"},"region":{"type":"array","items":{"type":"integer"}}},"required":["action"]}"#;

/// A tool whose type begins with the first text has the second as its schema and the third as its description.
const TABLE: [(&str, &str, &str); 4] = [
    ("bash_", BASH, "Run a command in a persistent shell."),
    ("text_editor_", EDITOR, "View, create and edit text files."),
    ("memory_", MEMORY, "Keep notes in files below /memories."),
    ("computer_2", COMPUTER, "Use a computer by screenshots, mouse and keyboard."),
];

/// The schema of the client-executed tool type `kind`; none if its own vendor executes it.
pub fn schema(kind: &str) -> Option<Json> {
    let (_, schema, _) = TABLE.iter().find(|(start, ..)| kind.starts_with(start))?;
    Json::parse(*schema)
}

/// What it is for.
pub fn description(kind: &str) -> Option<&'static str> {
    TABLE.iter().find(|(start, ..)| kind.starts_with(start)).map(|(.., description)| *description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_executed_types_have_a_schema_and_others_none() {
        for kind in ["bash_20250124", "text_editor_20250728", "memory_20250818", "computer_20251124"] {
            assert!(schema(kind).unwrap().is_object() && description(kind).is_some(), "{kind}");
        }
        for kind in ["web_search_20250305", "code_execution_20250825", "computer_toolset_20260801", ""] {
            assert_eq!(schema(kind), None, "{kind}");
        }
    }
}
