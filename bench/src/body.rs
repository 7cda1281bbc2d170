//! The requests that are sent.
//!
//! Models are written `up/…`: torod finds the provider by it and cuts it off, the simulated provider ignores it.
use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::json;

/// A short chat request of about one kilobyte for this model.
pub(crate) fn small(model: &str, stream: bool) -> Bytes {
    let question = "Which of the two functions below is called first, and why does the order matter here? ".repeat(8);
    let mut body = json!({
        "model": model,
        "messages": [
            {"role": "system", "content": "You answer in one short paragraph."},
            {"role": "user", "content": question},
        ],
        "temperature": 0.2,
        "max_tokens": 256,
    });
    if let (true, Some(body)) = (stream, body.as_object_mut()) {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    Bytes::from(body.to_string())
}

/// What a coding agent sends in the middle of its work: twenty tools and a history of calls, at least 100 KB.
pub(crate) fn agent(model: &str) -> Bytes {
    let tools: Vec<_> = (0..20).map(tool).collect();
    let mut messages = vec![
        json!({"role": "system", "content": "You are a careful engineer. Read before you write. ".repeat(60)}),
        json!({"role": "user", "content": "Find out why the import fails for empty files, and mend it."}),
    ];
    let mut size = tools.iter().map(|tool| tool.to_string().len()).sum::<usize>();
    let mut turn = 0;
    while size < 100 * 1024 {
        let id = format!("call_{turn:04}");
        let mut listing = String::new();
        for line in 0..30 {
            // Text as tools really return it: quotes, tabs, line ends and letters that are not ASCII.
            let _ = writeln!(listing, "{line:>4}\tlet path_{turn} = \"src/größe/{line}.rs\"; // \\n → {}", line * turn);
        }
        let arguments = json!({"path": format!("src/part_{turn}.rs"), "offset": turn * 30}).to_string();
        let call = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "tool_3", "arguments": arguments}}]});
        let result = json!({"role": "tool", "tool_call_id": id, "content": listing});
        size += call.to_string().len() + result.to_string().len();
        messages.extend([call, result]);
        turn += 1;
    }
    Bytes::from(json!({"model": model, "messages": messages, "tools": tools, "tool_choice": "auto"}).to_string())
}

fn tool(number: u32) -> serde_json::Value {
    json!({"type": "function", "function": {
        "name": format!("tool_{number}"),
        "description": "Reads a part of a file of the workspace and returns it with line numbers. ".repeat(4),
        "parameters": {"type": "object", "required": ["path"], "additionalProperties": false, "properties": {
            "path": {"type": "string", "description": "The file, relative to the root of the workspace."},
            "offset": {"type": "integer", "minimum": 0, "description": "The first line."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 2000, "description": "How many lines."},
        }},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let small = small("ok", false).len();
        assert!((800..1_200).contains(&small), "{small}");
        let agent = agent("ok").len();
        assert!((100_000..115_000).contains(&agent), "{agent}");
    }

    #[test]
    fn streams_ask_for_usage() {
        let body: serde_json::Value = serde_json::from_slice(&small("ok", true)).unwrap();
        assert_eq!(body["stream"], true);
        assert_eq!(body["stream_options"]["include_usage"], true);
    }
}
