//! What a chat message may hold: its parts, its calls, and the fields of each role.
use crate::shape::{Field, Kind, Rule, may, must};

/// A mark up to which a prompt is to be cached.
pub(crate) const BREAKPOINT: Field = may(
    "prompt_cache_breakpoint",
    Rule::Object(&[must("mode", Rule::Word(&["explicit"])), may("ttl", Rule::Word(&["30m", "12h"]))]),
);

const fn one_of(kinds: &'static [Kind]) -> Rule {
    Rule::Kinds { tag: "type", kinds, untagged: None }
}

const TEXT: Kind = ("text", &[must("text", Rule::Text), BREAKPOINT]);
const REFUSAL: Kind = ("refusal", &[must("refusal", Rule::Text)]);
const IMAGE: Kind = (
    "image_url",
    &[
        must(
            "image_url",
            Rule::Object(&[must("url", Rule::Text), may("detail", Rule::Word(&["auto", "low", "high", "original"]))]),
        ),
        BREAKPOINT,
    ],
);
const AUDIO: Kind = (
    "input_audio",
    &[
        must("input_audio", Rule::Object(&[must("data", Rule::Base64), must("format", Rule::Word(&["wav", "mp3"]))])),
        BREAKPOINT,
    ],
);
const FILE: Kind = (
    "file",
    &[
        must(
            "file",
            Rule::Object(&[may("file_data", Rule::Text), may("file_id", Rule::Text), may("filename", Rule::Text)]),
        ),
        BREAKPOINT,
    ],
);

const TEXTS: Rule = Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[TEXT]))]);
const USER: Rule = Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[TEXT, IMAGE, AUDIO, FILE]))]);
const ASSISTANT: Rule = Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[TEXT, REFUSAL]))]);

const CALL: Rule = one_of(&[
    (
        "function",
        &[
            must("id", Rule::Text),
            must("function", Rule::Object(&[must("name", Rule::Text), must("arguments", Rule::Text), PARSED])),
            EXTRA,
            INDEX,
        ],
    ),
    (
        "custom",
        &[
            must("id", Rule::Text),
            must("custom", Rule::Object(&[must("name", Rule::Text), must("input", Rule::Text)])),
            EXTRA,
            INDEX,
        ],
    ),
]);
/// Compatible providers hang state of their own on a call, and clients send it back.
const EXTRA: Field = may("extra_content", Rule::Map);
/// So does OpenAI's own SDK with arguments it has parsed, and with the place of a call in a stream.
const PARSED: Field = may("parsed_arguments", Rule::Any);
const INDEX: Field = may("index", Rule::Integer(0, i64::MAX));
const NAME: Field = may("name", Rule::Text);

/// The conversation.
pub(super) const MESSAGES: Rule = Rule::Each(&Rule::Kinds {
    tag: "role",
    kinds: &[
        ("system", &[must("content", TEXTS), NAME]),
        ("developer", &[must("content", TEXTS), NAME]),
        ("user", &[must("content", USER), NAME]),
        (
            "assistant",
            &[
                may("content", ASSISTANT),
                may("tool_calls", Rule::Each(&CALL)),
                may("refusal", Rule::Text),
                may("audio", Rule::Map),
                may("function_call", Rule::Object(&[must("name", Rule::Text), must("arguments", Rule::Text)])),
                may("annotations", Rule::Each(&Rule::Map)),
                NAME,
                // What this simulator says beside the API's own fields, it takes back.
                may("reasoning_content", Rule::Text),
                may("reasoning", Rule::Text),
                may("reasoning_details", Rule::Any),
                // OpenAI's own SDK sends back what it has parsed.
                may("parsed", Rule::Any),
            ],
        ),
        ("tool", &[must("content", TEXTS), must("tool_call_id", Rule::Text), NAME]),
        ("function", &[must("content", Rule::Any), must("name", Rule::Text)]),
    ],
    untagged: None,
});

/// The tools of a chat request.
pub(super) const TOOL: Rule = one_of(&[
    (
        "function",
        &[must(
            "function",
            Rule::Object(&[
                must("name", Rule::Text),
                may("description", Rule::Text),
                may("parameters", Rule::Map),
                may("strict", Rule::Flag),
            ]),
        )],
    ),
    (
        "custom",
        &[must(
            "custom",
            Rule::Object(&[
                must("name", Rule::Text),
                may("description", Rule::Text),
                may(
                    "format",
                    one_of(&[
                        ("text", &[]),
                        (
                            "grammar",
                            &[must(
                                "grammar",
                                Rule::Object(&[
                                    must("syntax", Rule::Word(&["lark", "regex"])),
                                    must("definition", Rule::Text),
                                ]),
                            )],
                        ),
                    ]),
                ),
            ]),
        )],
    ),
]);

const NAMED: Rule = Rule::Object(&[must("name", Rule::Text)]);

/// The choice among them.
pub(super) const CHOICE: Rule = Rule::Either(&[
    Rule::Word(&["none", "auto", "required"]),
    one_of(&[
        ("function", &[must("function", NAMED)]),
        ("custom", &[must("custom", NAMED)]),
        (
            "allowed_tools",
            &[must(
                "allowed_tools",
                Rule::Object(&[must("mode", Rule::Word(&["auto", "required"])), must("tools", Rule::Each(&Rule::Map))]),
            )],
        ),
    ]),
]);

/// The form of the answer.
pub(super) const FORMAT: Rule = one_of(&[
    ("text", &[]),
    ("json_object", &[]),
    (
        "json_schema",
        &[must(
            "json_schema",
            Rule::Object(&[
                must("name", Rule::Text),
                may("description", Rule::Text),
                may("schema", Rule::Map),
                may("strict", Rule::Flag),
            ]),
        )],
    ),
]);
