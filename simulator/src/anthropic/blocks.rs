//! The content blocks a message may hold.
use crate::shape::{Kind, OPEN, Rule, may, must};

const TTL: Rule = Rule::Word(&["5m", "1h"]);
/// A mark up to which a prompt is to be cached.
pub(super) const CACHE: Rule = Rule::Kinds { tag: "type", kinds: &[("ephemeral", &[may("ttl", TTL)])], untagged: None };
const CITED: Rule = Rule::Object(&[may("enabled", Rule::Flag)]);

const fn one_of(kinds: &'static [Kind]) -> Rule {
    Rule::Kinds { tag: "type", kinds, untagged: None }
}

const TEXT: Kind =
    ("text", &[must("text", Rule::Text), may("cache_control", CACHE), may("citations", Rule::Each(&Rule::Map))]);

const URL: Kind = ("url", &[must("url", Rule::Text)]);
const FILE: Kind = ("file", &[must("file_id", Rule::Text)]);
const PICTURES: Rule = Rule::Word(&["image/jpeg", "image/png", "image/gif", "image/webp"]);

const IMAGE: Kind = (
    "image",
    &[
        must("source", one_of(&[("base64", &[must("media_type", PICTURES), must("data", Rule::Base64)]), URL, FILE])),
        may("cache_control", CACHE),
        may("transformations", Rule::Map),
    ],
);

const DOCUMENT: Kind = (
    "document",
    &[
        must(
            "source",
            one_of(&[
                ("base64", &[must("media_type", Rule::Word(&["application/pdf"])), must("data", Rule::Base64)]),
                ("text", &[must("media_type", Rule::Word(&["text/plain"])), must("data", Rule::Text)]),
                ("content", &[must("content", Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[TEXT, IMAGE]))]))]),
                URL,
                FILE,
            ]),
        ),
        may("title", Rule::Text),
        may("context", Rule::Text),
        may("citations", CITED),
        may("cache_control", CACHE),
    ],
);

const SEARCH_RESULT: Kind = (
    "search_result",
    &[
        must("source", Rule::Text),
        must("title", Rule::Text),
        must("content", Rule::Each(&one_of(&[TEXT]))),
        may("citations", CITED),
        may("cache_control", CACHE),
    ],
);

const RESULT: Kind = (
    "tool_result",
    &[
        must("tool_use_id", Rule::Text),
        may(
            "content",
            Rule::Either(&[
                Rule::Text,
                Rule::Each(&one_of(&[
                    TEXT,
                    IMAGE,
                    DOCUMENT,
                    SEARCH_RESULT,
                    ("tool_reference", &[must("tool_name", Rule::Text), may("cache_control", CACHE)]),
                    ("browser_state", &[OPEN]),
                ])),
            ]),
        ),
        may("is_error", Rule::Flag),
        may("cache_control", CACHE),
        may("toolset_name", Rule::Text),
    ],
);

const USE: Kind = (
    "tool_use",
    &[
        must("id", Rule::Text),
        must("name", Rule::Text),
        must("input", Rule::Map),
        may("cache_control", CACHE),
        may("caller", Rule::Map),
        may("toolset_name", Rule::Text),
    ],
);

/// All blocks; those of tools that run at the provider are taken as they are.
const BLOCK: Rule = one_of(&[
    TEXT,
    IMAGE,
    DOCUMENT,
    SEARCH_RESULT,
    ("thinking", &[must("thinking", Rule::Text), must("signature", Rule::Text)]),
    ("redacted_thinking", &[must("data", Rule::Text)]),
    USE,
    RESULT,
    ("server_tool_use", &[must("id", Rule::Text), must("name", Rule::Text), must("input", Rule::Map), OPEN]),
    ("web_search_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("web_fetch_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("code_execution_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("bash_code_execution_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("text_editor_code_execution_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("tool_search_tool_result", &[must("tool_use_id", Rule::Text), OPEN]),
    ("advisor_tool_result", &[OPEN]),
    ("mcp_tool_use", &[OPEN]),
    ("mcp_tool_result", &[OPEN]),
    ("mcp_tool_listing", &[OPEN]),
    ("container_upload", &[must("file_id", Rule::Text), may("cache_control", CACHE)]),
    ("compaction", &[OPEN]),
    ("fallback", &[OPEN]),
    ("tool_addition", &[OPEN]),
    ("tool_removal", &[OPEN]),
]);

/// A system prompt.
pub(super) const SYSTEM: Rule = Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[TEXT]))]);

/// The conversation.
pub(super) const MESSAGES: Rule = Rule::Each(&Rule::Object(&[
    must("role", Rule::Word(&["user", "assistant", "system"])),
    may("content", Rule::Either(&[Rule::Text, Rule::Each(&BLOCK)])),
    // These two go with the role `system` alone.
    may("clear_at", Rule::Word(&["next_user_message", "never"])),
    may("output_config", Rule::Map),
]));
