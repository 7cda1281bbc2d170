//! What may stand in `input` and in `tools` of a Responses request.
use crate::openai::parts::BREAKPOINT;
use crate::shape::{Field, Kind, OPEN, Rule, TEXTS, may, must};

const fn one_of(kinds: &'static [Kind]) -> Rule {
    Rule::Kinds { tag: "type", kinds, untagged: None }
}

const DETAIL: Field = may("detail", Rule::Word(&["auto", "low", "high", "original"]));
const INPUT_TEXT: Kind = ("input_text", &[must("text", Rule::Text), BREAKPOINT]);
const INPUT_IMAGE: Kind =
    ("input_image", &[may("image_url", Rule::Text), may("file_id", Rule::Text), DETAIL, BREAKPOINT]);
const INPUT_FILE: Kind = (
    "input_file",
    &[
        may("file_data", Rule::Text),
        may("file_id", Rule::Text),
        may("file_url", Rule::Text),
        may("filename", Rule::Text),
        DETAIL,
        BREAKPOINT,
    ],
);
const OUTPUT_TEXT: Kind = (
    "output_text",
    &[must("text", Rule::Text), may("annotations", Rule::Each(&Rule::Map)), may("logprobs", Rule::Each(&Rule::Map))],
);
const REFUSAL: Kind = ("refusal", &[must("refusal", Rule::Text)]);

const STATUS: Field = may("status", Rule::Word(&["in_progress", "completed", "incomplete", "failed"]));
const ID: Field = may("id", Rule::Text);
const CALLER: Field = may("caller", Rule::Map);
const NAMESPACE: Field = may("namespace", Rule::Text);

const MESSAGE: &[Field] = &[
    must("role", Rule::Word(&["assistant", "system", "developer", "user"])),
    must(
        "content",
        Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[INPUT_TEXT, INPUT_IMAGE, INPUT_FILE, OUTPUT_TEXT, REFUSAL]))]),
    ),
    may("phase", Rule::Word(&["commentary", "final_answer"])),
    ID,
    STATUS,
];

/// What a tool gave back: a text, or parts as in a message.
const OUTPUT: Rule = Rule::Either(&[Rule::Text, Rule::Each(&one_of(&[INPUT_TEXT, INPUT_IMAGE, INPUT_FILE]))]);

const ITEM: Rule = Rule::Kinds {
    tag: "type",
    kinds: &[
        ("message", MESSAGE),
        (
            "function_call",
            &[
                must("call_id", Rule::Text),
                must("name", Rule::Text),
                must("arguments", Rule::Text),
                NAMESPACE,
                ID,
                STATUS,
                CALLER,
            ],
        ),
        (
            "function_call_output",
            &[
                must("call_id", Rule::Text),
                must("output", OUTPUT),
                may("name", Rule::Text),
                NAMESPACE,
                ID,
                STATUS,
                CALLER,
            ],
        ),
        (
            "custom_tool_call",
            &[
                must("call_id", Rule::Text),
                must("name", Rule::Text),
                must("input", Rule::Text),
                NAMESPACE,
                ID,
                STATUS,
                CALLER,
            ],
        ),
        (
            "custom_tool_call_output",
            &[must("call_id", Rule::Text), must("output", OUTPUT), may("name", Rule::Text), ID, STATUS, CALLER],
        ),
        (
            "reasoning",
            &[
                may("id", Rule::Text),
                must("summary", Rule::Each(&one_of(&[("summary_text", &[must("text", Rule::Text)])]))),
                may("content", Rule::Each(&one_of(&[("reasoning_text", &[must("text", Rule::Text)])]))),
                may("encrypted_content", Rule::Text),
                STATUS,
            ],
        ),
        ("additional_tools", &[must("role", Rule::Word(&["developer"])), must("tools", TOOLS), ID]),
        ("compaction", &[must("encrypted_content", Rule::Text), ID, may("created_by", Rule::Text)]),
        ("compaction_summary", &[OPEN]),
        ("compaction_trigger", &[OPEN]),
        ("item_reference", &[must("id", Rule::Text)]),
        ("configuration_update", &[OPEN]),
        ("tool_search_call", &[OPEN]),
        ("tool_search_output", &[OPEN]),
        ("web_search_call", &[OPEN]),
        ("file_search_call", &[OPEN]),
        ("code_interpreter_call", &[OPEN]),
        ("image_generation_call", &[OPEN]),
        ("computer_call", &[OPEN]),
        ("computer_call_output", &[OPEN]),
        ("local_shell_call", &[OPEN]),
        ("local_shell_call_output", &[OPEN]),
        ("shell_call", &[OPEN]),
        ("shell_call_output", &[OPEN]),
        ("apply_patch_call", &[OPEN]),
        ("apply_patch_call_output", &[OPEN]),
        ("mcp_list_tools", &[OPEN]),
        ("mcp_approval_request", &[OPEN]),
        ("mcp_approval_response", &[OPEN]),
        ("mcp_call", &[OPEN]),
        ("program", &[OPEN]),
        ("program_output", &[OPEN]),
    ],
    untagged: Some(MESSAGE),
};

/// The conversation: one text, or items.
pub(super) const INPUT: Rule = Rule::Either(&[Rule::Text, Rule::Each(&ITEM)]);

const FUNCTION: Kind = (
    "function",
    &[
        must("name", Rule::Text),
        may("description", Rule::Text),
        may("parameters", Rule::Map),
        may("strict", Rule::Flag),
        may("output_schema", Rule::Map),
        may("defer_loading", Rule::Flag),
        may("allowed_callers", TEXTS),
        may("async", Rule::Flag),
    ],
);
const CUSTOM: Kind = (
    "custom",
    &[
        must("name", Rule::Text),
        may("description", Rule::Text),
        may(
            "format",
            one_of(&[
                ("text", &[]),
                ("grammar", &[must("syntax", Rule::Word(&["lark", "regex"])), must("definition", Rule::Text)]),
            ]),
        ),
        may("defer_loading", Rule::Flag),
        may("allowed_callers", TEXTS),
    ],
);

/// The tools; those that run at the provider are taken as they are.
pub(super) const TOOLS: Rule = Rule::Each(&one_of(&[
    FUNCTION,
    CUSTOM,
    (
        "namespace",
        &[
            must("name", Rule::Text),
            may("description", Rule::Text),
            must("tools", Rule::Each(&one_of(&[FUNCTION, CUSTOM]))),
        ],
    ),
    (
        "tool_search",
        &[
            may("description", Rule::Text),
            may("execution", Rule::Word(&["server", "client"])),
            may("parameters", Rule::Map),
        ],
    ),
    ("web_search", &[OPEN]),
    ("web_search_2025_08_26", &[OPEN]),
    ("web_search_preview", &[OPEN]),
    ("web_search_preview_2025_03_11", &[OPEN]),
    ("file_search", &[OPEN]),
    ("code_interpreter", &[OPEN]),
    ("image_generation", &[OPEN]),
    ("mcp", &[must("server_label", Rule::Text), OPEN]),
    ("local_shell", &[]),
    ("shell", &[OPEN]),
    ("apply_patch", &[OPEN]),
    ("computer", &[OPEN]),
    ("computer_use_preview", &[OPEN]),
    ("programmatic_tool_calling", &[OPEN]),
]));

const NAMED: &[Field] = &[must("name", Rule::Text), NAMESPACE];

/// The choice among them.
pub(super) const CHOICE: Rule = Rule::Either(&[
    Rule::Word(&["none", "auto", "required"]),
    one_of(&[
        ("function", NAMED),
        ("custom", NAMED),
        ("allowed_tools", &[must("mode", Rule::Word(&["auto", "required"])), must("tools", Rule::Each(&Rule::Map))]),
        ("mcp", &[must("server_label", Rule::Text), may("name", Rule::Text)]),
        ("file_search", &[]),
        ("web_search_preview", &[]),
        ("web_search", &[]),
        ("code_interpreter", &[]),
        ("image_generation", &[]),
        ("computer_use_preview", &[]),
        ("shell", &[]),
        ("apply_patch", &[]),
        ("programmatic_tool_calling", &[]),
    ]),
]);

/// The form of the answer.
pub(super) const TEXT: Rule = Rule::Object(&[
    may(
        "format",
        one_of(&[
            ("text", &[]),
            ("json_object", &[]),
            (
                "json_schema",
                &[
                    must("name", Rule::Text),
                    must("schema", Rule::Map),
                    may("description", Rule::Text),
                    may("strict", Rule::Flag),
                ],
            ),
        ]),
    ),
    may("verbosity", Rule::Word(&["low", "medium", "high"])),
]);
