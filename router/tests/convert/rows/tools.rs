//! Rows 13 to 23: tools, and which of them to call.

use serde_json::{Value, json};
use tokenrouter::Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire::{tools, with_tools};
use super::{Cell, Row, emulated, exact, hint, lossy, native, refused};

const GPT: &str = "openai/gpt-5.2";
const LOWERED: &str = "It becomes a function with one text; its calls come back as freeform calls.";
const UNENFORCED: &str = "It becomes a function with one text; the grammar is told to the model, nothing enforces it.";
const FLAT: &str = "`ns` and `g` become `ns__g`; the client hears both names again.";
const ALLOWED: &str = "All tools stay, for leaving some out would spoil the provider's prompt cache.";

fn schema() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "integer"}}})
}

fn chat_tool(function: &Value) -> Value {
    json!({"tools": [{"type": "function", "function": function}]})
}

fn freeform(to: tokenrouter::Protocol, cell: Cell) -> Cell {
    let schema = match to {
        Responses => "/tools/0/parameters/required",
        Anthropic => "/tools/0/input_schema/required",
        Gemini => "/tools/0/functionDeclarations/0/parametersJsonSchema/required",
        OpenAi | Cohere => "/tools/0/function/parameters/required",
    };
    cell.has(schema, json!(["input"]))
}

fn hosted(to: tokenrouter::Protocol) -> Cell {
    lossy(to, "tools.web_search").note("Left out beside other tools.")
}

pub(super) fn rows() -> Vec<Row> {
    let long = "a".repeat(90);
    let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: x"});
    let chat_grammar = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}});
    let mut rows = vec![
        Row::new(13, "functions with a schema")
            .ask(OpenAi, with_tools(OpenAi, &["f"], json!({})))
            .ask(Responses, with_tools(Responses, &["f"], json!({})))
            .ask(Anthropic, with_tools(Anthropic, &["f"], json!({})))
            .ask(Gemini, with_tools(Gemini, &["f"], json!({})))
            .ask(Cohere, with_tools(Cohere, &["f"], json!({})))
            .at(exact(OpenAi).has("/tools/0/function", json!({"name": "f", "parameters": schema()})))
            .at(exact(Responses).has("/tools/0", json!({"type": "function", "name": "f", "parameters": schema(), "strict": false})).note("Where the client does not say `strict`, the gateway says `false`: the server would otherwise refuse many schemas."))
            .at(exact(Anthropic).has("/tools/0", json!({"name": "f", "input_schema": schema()})))
            .at(exact(Gemini).has("/tools/0/functionDeclarations/0", json!({"name": "f", "parametersJsonSchema": schema()})))
            .at(exact(Cohere).has("/tools/0/function", json!({"name": "f", "parameters": schema()}))),
        Row::new(13, "a schema whose keywords few know (`$defs`, `pattern`, `exclusiveMinimum`)")
            .ask(OpenAi, chat_tool(&json!({"name": "f", "parameters": odd()})))
            .ask(Responses, json!({"tools": [{"type": "function", "name": "f", "parameters": odd()}]}))
            .ask(Anthropic, json!({"tools": [{"name": "f", "input_schema": odd()}]}))
            .at(exact(OpenAi).has("/tools/0/function/parameters", odd()))
            .at(exact(Responses).has("/tools/0/parameters", odd()))
            .at(exact(Anthropic).has("/tools/0/input_schema", odd()))
            .at(exact(Gemini).has("/tools/0/functionDeclarations/0/parametersJsonSchema", odd()))
            .at(exact(Cohere).has("/tools/0/function/parameters", odd())),
        Row::new(14, "a function without parameters")
            .ask(OpenAi, chat_tool(&json!({"name": "f"})))
            .ask(Responses, json!({"tools": [{"type": "function", "name": "f", "parameters": null}]}))
            .ask(Gemini, json!({"tools": [{"functionDeclarations": [{"name": "f"}]}]}))
            .at(exact(OpenAi).has("/tools/0/function", json!({"name": "f"})))
            .at(exact(Responses).has("/tools/0/parameters", json!({"type": "object", "properties": {}})))
            .at(exact(Anthropic).has("/tools/0/input_schema", json!({"type": "object", "properties": {}})))
            .at(exact(Gemini).has("/tools/0/functionDeclarations/0", json!({"name": "f"})))
            .at(exact(Cohere).has("/tools/0/function/parameters", json!({"type": "object", "properties": {}}))),
        Row::new(15, "a name with other characters, or too long")
            .ask(OpenAi, with_tools(OpenAi, &["odd name/x", &long], json!({})))
            .ask(Gemini, with_tools(Gemini, &["odd name/x", &long], json!({})))
            .at(emulated(OpenAi).has("/tools/0/function/name", "odd_name_x_7427d7b6").note("Renamed on the way there and back; the client sees its own names."))
            .at(emulated(Responses).has("/tools/0/name", "odd_name_x_7427d7b6"))
            .at(emulated(Anthropic).has("/tools/0/name", "odd_name_x_7427d7b6").has("/tools/1/name", long.clone()).note("Up to 128 characters fit."))
            .at(emulated(Gemini).has("/tools/0/functionDeclarations/0/name", "odd_name_x_7427d7b6"))
            .at(emulated(Cohere).has("/tools/0/function/name", "odd_name_x_7427d7b6")),
        Row::new(16, "`strict` functions")
            .ask(OpenAi, chat_tool(&json!({"name": "f", "parameters": schema(), "strict": true})))
            .ask(Responses, json!({"tools": [{"type": "function", "name": "f", "parameters": schema(), "strict": true}]}))
            .ask(Anthropic, json!({"tools": [{"name": "f", "input_schema": schema(), "strict": true}]}))
            .ask(Cohere, with_tools(Cohere, &["f"], json!({"strict_tools": true})))
            .at(exact(OpenAi).has("/tools/0/function/strict", true).note("Most providers."))
            .at(lossy(OpenAi, Field::ToolStrict).on("ollama/llama").lacks("/tools/0/function/strict").note("Ollama, vLLM, LM Studio and llama.cpp refuse it, and do not get it."))
            .at(exact(Responses).has("/tools/0/strict", true))
            .at(exact(Anthropic).has("/tools/0/strict", true))
            .at(lossy(Gemini, Field::ToolStrict))
            .at(exact(Cohere).has("/strict_tools", true).note("All tools or none: lossy where only some are strict.")),
        Row::new(16, "`strict` for some functions only")
            .ask(OpenAi, json!({"tools": [{"type": "function", "function": {"name": "f", "strict": true}}, {"type": "function", "function": {"name": "g"}}]}))
            .ask(Anthropic, json!({"tools": [{"name": "f", "input_schema": schema(), "strict": true}, {"name": "g", "input_schema": schema()}]}))
            .at(exact(OpenAi).has("/tools/0/function/strict", true).lacks("/tools/1/function/strict"))
            .at(exact(Responses).has("/tools/0/strict", true).has("/tools/1/strict", false))
            .at(exact(Anthropic).has("/tools/0/strict", true).lacks("/tools/1/strict"))
            .at(lossy(Gemini, Field::ToolStrict))
            .at(lossy(Cohere, Field::ToolStrict).lacks("/strict_tools")),
        Row::new(17, "freeform tools (`custom`)")
            .ask(OpenAi, json!({"tools": [{"type": "custom", "custom": {"name": "patch", "description": "p"}}]}))
            .ask(Responses, json!({"tools": [{"type": "custom", "name": "patch", "description": "p", "format": {"type": "text"}}]}))
            .at(exact(OpenAi).on(GPT).has("/tools/0", json!({"type": "custom", "custom": {"name": "patch", "description": "p"}})).note("At OpenAI, from GPT-5 on."))
            .at(freeform(OpenAi, emulated(OpenAi)).note(LOWERED))
            .at(exact(Responses).on(GPT).has("/tools/0/type", "custom").note("At OpenAI, from GPT-5 on."))
            .at(freeform(Responses, emulated(Responses)).note(LOWERED))
            .elsewhere(|to| freeform(to, emulated(to)).note(LOWERED)),
        Row::new(17, "the grammar of a freeform tool")
            .ask(OpenAi, json!({"tools": [{"type": "custom", "custom": {"name": "patch", "format": chat_grammar.clone()}}]}))
            .ask(Responses, json!({"tools": [{"type": "custom", "name": "patch", "format": grammar.clone()}]}))
            .at(exact(OpenAi).on(GPT).has("/tools/0/custom/format", chat_grammar).note("At OpenAI, from GPT-5 on."))
            .at(lossy(OpenAi, Field::ToolGrammar).says("/tools/0/function/description", "start: x").note(UNENFORCED))
            .at(exact(Responses).on(GPT).has("/tools/0/format", grammar).note("At OpenAI, from GPT-5 on."))
            .at(lossy(Responses, Field::ToolGrammar).says("/tools/0/description", "start: x").note(UNENFORCED))
            .at(lossy(Anthropic, Field::ToolGrammar).says("/tools/0/description", "start: x").note(UNENFORCED))
            .at(lossy(Gemini, Field::ToolGrammar).says("/tools/0/functionDeclarations/0/description", "start: x").note(UNENFORCED))
            .at(lossy(Cohere, Field::ToolGrammar).says("/tools/0/function/description", "start: x").note(UNENFORCED)),
        Row::new(18, "tools in namespaces")
            .ask(Responses, json!({"tools": [{"type": "namespace", "name": "ns", "tools": tools(Responses, &["g"])}]}))
            .at(emulated(OpenAi).has("/tools/0/function/name", "ns__g").note(FLAT))
            .at(native(Responses))
            .at(emulated(Anthropic).has("/tools/0/name", "ns__g").note(FLAT))
            .at(emulated(Gemini).has("/tools/0/functionDeclarations/0/name", "ns__g").note(FLAT))
            .at(emulated(Cohere).has("/tools/0/function/name", "ns__g").note(FLAT)),
        Row::new(18, "tools inside the conversation (`additional_tools`)")
            .ask(Responses, json!({"input": [{"type": "additional_tools", "role": "developer", "tools": tools(Responses, &["g"])}, {"role": "user", "content": "hi"}]}))
            .at(emulated(OpenAi).has("/tools/0/function/name", "g").has("/messages/0/role", "user"))
            .at(native(Responses))
            .at(emulated(Anthropic).has("/tools/0/name", "g"))
            .at(emulated(Gemini).has("/tools/0/functionDeclarations/0/name", "g"))
            .at(emulated(Cohere).has("/tools/0/function/name", "g")),
        Row::new(19, "a tool search that the client runs")
            .ask(Responses, json!({
                "tools": [{"type": "tool_search", "execution": "client", "parameters": schema()}],
                "input": [{"role": "user", "content": "hi"},
                    {"type": "tool_search_call", "call_id": "call_1", "execution": "client", "arguments": {"a": 1}},
                    {"type": "tool_search_output", "call_id": "call_1", "tools": tools(Responses, &["found"])}]}))
            .at(emulated(OpenAi).has("/tools/0/function/name", "tool_search").has("/tools/1/function/name", "found").says("/messages/2/content", "found"))
            .at(native(Responses))
            .at(emulated(Anthropic).has("/tools/0/name", "tool_search").has("/tools/1/name", "found"))
            .at(emulated(Gemini).has("/tools/0/functionDeclarations/1/name", "found"))
            .at(emulated(Cohere).has("/tools/1/function/name", "found")),
        Row::new(19, "tools that wait for a search (`defer_loading`)")
            .ask(Anthropic, json!({"tools": [{"name": "f", "input_schema": schema()}, {"name": "later", "input_schema": schema(), "defer_loading": true}]}))
            .at(hint(OpenAi, "tools.defer_loading").has("/tools/0/function/name", "f").lacks("/tools/1").note("Their client declares them again once they are found."))
            .at(hint(Responses, "tools.defer_loading").has("/tools/0/name", "f").lacks("/tools/1"))
            .at(native(Anthropic))
            .at(hint(Gemini, "tools.defer_loading").lacks("/tools/0/functionDeclarations/1"))
            .at(hint(Cohere, "tools.defer_loading").lacks("/tools/1")),
        Row::new(20, "a web search by the provider, alone")
            .ask(Responses, json!({"tools": [{"type": "web_search"}]}))
            .ask(Anthropic, json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}))
            .ask(Gemini, json!({"tools": [{"googleSearch": {}}]}))
            .at(refused(OpenAi, Field::HostedTool))
            .at(exact(Responses).on("openai/gpt-5.2").has("/tools", json!([{"type": "web_search"}])).note("At OpenAI."))
            .at(refused(Responses, Field::HostedTool).note("Elsewhere."))
            .at(exact(Anthropic).has("/tools", json!([{"type": "web_search_20250305", "name": "web_search"}])))
            .at(exact(Gemini).has("/tools", json!([{"googleSearch": {}}])))
            .at(refused(Cohere, Field::HostedTool)),
        Row::new(20, "a web search by the provider, beside functions")
            .ask(Responses, json!({"tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": schema()}]}))
            .ask(Anthropic, json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}, {"name": "f", "input_schema": schema()}]}))
            .at(hosted(OpenAi).has("/tools/0/function/name", "f"))
            .at(exact(Responses).on("openai/gpt-5.2").has("/tools/0", json!({"type": "web_search"})).note("At OpenAI."))
            .at(lossy(Responses, "tools.web_search").note("Elsewhere: left out beside other tools."))
            .at(exact(Anthropic).has("/tools/0/name", "web_search"))
            .at(lossy(Gemini, "tools.web_search").lacks("/tools/0/googleSearch").note("Google refuses its search beside functions."))
            .at(hosted(Cohere)),
        Row::new(20, "running code at the provider")
            .ask(Responses, json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}))
            .ask(Gemini, json!({"tools": [{"codeExecution": {}}]}))
            .at(exact(Anthropic).has("/tools", json!([{"type": "code_execution_20250825", "name": "code_execution"}])))
            .at(exact(Gemini).has("/tools", json!([{"codeExecution": {}}])))
            .elsewhere(|to| refused(to, Field::HostedTool)),
        Row::new(20, "other tools of OpenAI (file search, MCP, image generation), alone")
            .ask(Responses, json!({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}))
            .at(native(Responses))
            .elsewhere(|to| refused(to, Field::HostedTool)),
        Row::new(20, "such a tool beside functions")
            .ask(Responses, json!({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}, {"type": "function", "name": "f", "parameters": schema()}]}))
            .at(native(Responses))
            .elsewhere(|to| lossy(to, "tools.file_search")),
        Row::new(20, "other tools of Google (`urlContext`, `googleMaps` …), alone")
            .ask(Gemini, json!({"tools": [{"urlContext": {}}]}))
            .at(native(Gemini))
            .elsewhere(|to| refused(to, Field::HostedTool)),
        Row::new(20, "the same beside functions")
            .ask(Gemini, json!({"tools": [{"url_context": {}}, {"functionDeclarations": [{"name": "f"}]}]}))
            .at(native(Gemini))
            .elsewhere(|to| lossy(to, "tools.urlContext")),
        Row::new(20, "the search of Chat's search models (`web_search_options`)")
            .ask(OpenAi, json!({"web_search_options": {}}))
            .at(native(OpenAi))
            .elsewhere(|to| lossy(to, "web_search_options")),
        Row::new(21, "Anthropic's client tools (bash, text editor, memory, computer)")
            .ask(Anthropic, json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}))
            .at(emulated(OpenAi).has("/tools/0/function/parameters/properties/command/type", "string").note("Declared with the schema that Claude knows by heart."))
            .at(emulated(Responses).has("/tools/0/parameters/properties/command/type", "string"))
            .at(native(Anthropic))
            .at(emulated(Gemini).has("/tools/0/functionDeclarations/0/parametersJsonSchema/properties/command/type", "string"))
            .at(emulated(Cohere).has("/tools/0/function/parameters/properties/command/type", "string")),
    ];
    rows.extend(choices());
    rows
}

fn odd() -> Value {
    json!({"type": "object", "$defs": {"n": {"type": "integer", "exclusiveMinimum": 0}},
        "properties": {"a": {"$ref": "#/$defs/n"}, "s": {"type": "string", "pattern": "^x", "default": "x"}},
        "additionalProperties": false})
}

fn choices() -> Vec<Row> {
    let chat = |choice: Value| with_tools(OpenAi, &["f", "g"], json!({"tool_choice": choice}));
    let resp = |choice: Value| with_tools(Responses, &["f", "g"], json!({"tool_choice": choice}));
    let anth = |choice: Value| with_tools(Anthropic, &["f", "g"], json!({"tool_choice": choice}));
    let gem = |config: Value| with_tools(Gemini, &["f", "g"], json!({"toolConfig": {"functionCallingConfig": config}}));
    let coh = |choice: &str| with_tools(Cohere, &["f", "g"], json!({"tool_choice": choice}));
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]});
    let chat_allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}});
    vec![
        Row::new(22, "`tool_choice`: as the model likes")
            .ask(OpenAi, chat(json!("auto")))
            .ask(Responses, resp(json!("auto")))
            .ask(Anthropic, anth(json!({"type": "auto"})))
            .ask(Gemini, gem(json!({"mode": "AUTO"})))
            .at(exact(OpenAi).has("/tool_choice", "auto"))
            .at(exact(Responses).has("/tool_choice", "auto"))
            .at(exact(Anthropic).has("/tool_choice", json!({"type": "auto"})))
            .at(exact(Gemini).has("/toolConfig/functionCallingConfig/mode", "AUTO"))
            .at(exact(Cohere).lacks("/tool_choice")),
        Row::new(22, "`tool_choice`: none")
            .ask(OpenAi, chat(json!("none")))
            .ask(Responses, resp(json!("none")))
            .ask(Anthropic, anth(json!({"type": "none"})))
            .ask(Gemini, gem(json!({"mode": "NONE"})))
            .ask(Cohere, coh("NONE"))
            .at(exact(OpenAi).has("/tool_choice", "none"))
            .at(exact(Responses).has("/tool_choice", "none"))
            .at(exact(Anthropic).has("/tool_choice", json!({"type": "none"})))
            .at(exact(Gemini).has("/toolConfig/functionCallingConfig/mode", "NONE"))
            .at(exact(Cohere).has("/tool_choice", "NONE")),
        Row::new(22, "`tool_choice`: at least one")
            .ask(OpenAi, chat(json!("required")))
            .ask(Responses, resp(json!("required")))
            .ask(Anthropic, anth(json!({"type": "any"})))
            .ask(Gemini, gem(json!({"mode": "ANY"})))
            .ask(Cohere, coh("REQUIRED"))
            .at(exact(OpenAi).has("/tool_choice", "required"))
            .at(exact(Responses).has("/tool_choice", "required"))
            .at(exact(Anthropic).has("/tool_choice", json!({"type": "any"})))
            .at(exact(Gemini).has("/toolConfig/functionCallingConfig/mode", "ANY"))
            .at(exact(Cohere).has("/tool_choice", "REQUIRED")),
        Row::new(22, "`tool_choice`: this one")
            .ask(OpenAi, chat(json!({"type": "function", "function": {"name": "f"}})))
            .ask(Responses, resp(json!({"type": "function", "name": "f"})))
            .ask(Anthropic, anth(json!({"type": "tool", "name": "f"})))
            .ask(Gemini, gem(json!({"mode": "ANY", "allowedFunctionNames": ["f"]})))
            .at(exact(OpenAi).has("/tool_choice", json!({"type": "function", "function": {"name": "f"}})))
            .at(exact(Responses).has("/tool_choice", json!({"type": "function", "name": "f"})))
            .at(exact(Anthropic).has("/tool_choice", json!({"type": "tool", "name": "f"})))
            .at(exact(Gemini).has("/toolConfig/functionCallingConfig", json!({"mode": "ANY", "allowedFunctionNames": ["f"]})))
            .at(lossy(Cohere, Field::ToolChoice).has("/tool_choice", "REQUIRED").has("/tools/0/function/name", "f").lacks("/tools/1").note("Only that tool is sent, and the model must call one.")),
        Row::new(22, "`tool_choice`: only some of the tools")
            .ask(OpenAi, chat(chat_allowed.clone()))
            .ask(Responses, resp(allowed.clone()))
            .ask(Gemini, gem(json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})))
            .at(exact(OpenAi).on("openai/gpt-5.2").has("/tool_choice", chat_allowed).note("At OpenAI."))
            .at(lossy(OpenAi, Field::ToolChoice).has("/tool_choice", "auto").note(ALLOWED))
            .at(exact(Responses).has("/tool_choice", allowed))
            .at(lossy(Anthropic, Field::ToolChoice).has("/tool_choice", json!({"type": "auto"})).has("/tools/1/name", "g").note(ALLOWED))
            .at(exact(Gemini).has("/toolConfig/functionCallingConfig", json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})))
            .at(lossy(Cohere, Field::ToolChoice).has("/tools/0/function/name", "f").lacks("/tools/1").note("The others are left out.")),
        Row::new(22, "`tool_choice`: this freeform tool")
            .ask(OpenAi, json!({"tools": [{"type": "custom", "custom": {"name": "p"}}], "tool_choice": {"type": "custom", "custom": {"name": "p"}}}))
            .ask(Responses, json!({"tools": [{"type": "custom", "name": "p"}], "tool_choice": {"type": "custom", "name": "p"}}))
            .at(emulated(OpenAi).has("/tool_choice", json!({"type": "function", "function": {"name": "p"}})))
            .at(emulated(Responses).has("/tool_choice", json!({"type": "function", "name": "p"})))
            .at(emulated(Anthropic).has("/tool_choice", json!({"type": "tool", "name": "p"})))
            .at(emulated(Gemini).has("/toolConfig/functionCallingConfig/allowedFunctionNames", json!(["p"])))
            .at(lossy(Cohere, Field::ToolChoice).has("/tool_choice", "REQUIRED").note("Only that tool is sent, and the model must call one.")),
        Row::new(23, "no calls in parallel")
            .ask(OpenAi, with_tools(OpenAi, &["f"], json!({"parallel_tool_calls": false})))
            .ask(Responses, with_tools(Responses, &["f"], json!({"parallel_tool_calls": false})))
            .ask(Anthropic, with_tools(Anthropic, &["f"], json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}})))
            .at(exact(OpenAi).has("/parallel_tool_calls", false).note("Most providers."))
            .at(lossy(OpenAi, Field::ParallelCalls).on("ollama/llama").lacks("/parallel_tool_calls").note("Ollama, vLLM, DeepSeek, Cerebras and the like refuse the switch, and do not get it."))
            .at(exact(Responses).has("/parallel_tool_calls", false))
            .at(exact(Anthropic).has("/tool_choice", json!({"type": "auto", "disable_parallel_tool_use": true})))
            .elsewhere(|to| lossy(to, Field::ParallelCalls)),
    ]
}
