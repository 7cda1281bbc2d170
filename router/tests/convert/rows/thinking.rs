//! Rows 31 to 36: how much to think, and thoughts in the conversation.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire::{generation, request};
use super::{Cell, Row, emulated, exact, lossy, nothing};
use crate::support::{sent, whole};

const CLAUDE: &str = "anthropic/claude-sonnet-4-5";
const GEMINI: &str = "google/gemini-3-pro";
const GPT: &str = "openai/gpt-5.2";
const SEALED: &str = "Through clients of Responses, Anthropic and Gemini it travels sealed, in their own field for such state; for clients of Chat and Cohere the gateway keeps it under the id of its tool call. Only models of the family that made it get it back, byte for byte.";
const OWN: &str = "Only the models that made it can read it.";

fn asks_effort(row: Row, level: &str, budget: u64) -> Row {
    let upper = level.to_ascii_uppercase();
    row.ask(OpenAi, json!({"reasoning_effort": level}))
        .ask(Responses, json!({"reasoning": {"effort": level}}))
        .ask(Anthropic, json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}))
        .ask(Gemini, generation(json!({"thinkingConfig": {"thinkingLevel": upper}})))
        .ask(Cohere, json!({"thinking": {"type": "enabled", "token_budget": budget}}))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        asks_effort(Row::new(31, "how much to think: `medium`"), "medium", 8192)
            .at(exact(OpenAi)
                .on(GPT)
                .has("/reasoning_effort", "medium")
                .note("Models that think. A budget becomes the nearest level."))
            .at(lossy(OpenAi, Field::Effort).on("openai/gpt-4o").lacks("/reasoning_effort").note("Models that cannot."))
            .at(exact(Responses)
                .on(GPT)
                .has("/reasoning/effort", "medium")
                .has("/include", json!(["reasoning.encrypted_content"]))
                .note("Models that think. A budget becomes the nearest level."))
            .at(lossy(Responses, Field::Effort).on("openai/gpt-4o").lacks("/reasoning").note("Models that cannot."))
            .at(exact(Anthropic)
                .has("/thinking", json!({"type": "enabled", "budget_tokens": 8192}))
                .note("A level becomes a budget: 1024, 2048, 8192, 16384, 32768."))
            .at(exact(Anthropic)
                .on("anthropic/claude-opus-5")
                .has("/thinking/type", "adaptive")
                .has("/output_config/effort", "medium")
                .note("Newer Claude models, from 4.6 on, take the level itself."))
            .at(lossy(Anthropic, Field::Effort)
                .on("anthropic/claude-3-5-haiku")
                .lacks("/thinking")
                .note("Models that cannot think."))
            .at(exact(Gemini)
                .on(GEMINI)
                .has("/generationConfig/thinkingConfig/thinkingLevel", "MEDIUM")
                .note("From Gemini 3 on."))
            .at(exact(Gemini)
                .has("/generationConfig/thinkingConfig/thinkingBudget", 8192)
                .note("Gemini 2.5: a level becomes a budget."))
            .at(lossy(Gemini, Field::Effort)
                .on("google/gemini-2.0-flash")
                .lacks("/generationConfig/thinkingConfig")
                .note("Models that cannot think."))
            .at(exact(Cohere)
                .has("/thinking", json!({"type": "enabled", "token_budget": 8192}))
                .note("Models that think."))
            .at(lossy(Cohere, Field::Effort)
                .on("cohere/command-r-plus")
                .lacks("/thinking")
                .note("Models that cannot.")),
        Row::new(31, "how much to think: not at all")
            .ask(OpenAi, json!({"reasoning_effort": "none"}))
            .ask(Responses, json!({"reasoning": {"effort": "none"}}))
            .ask(Anthropic, json!({"thinking": {"type": "disabled"}}))
            .ask(Gemini, generation(json!({"thinkingConfig": {"thinkingBudget": 0}})))
            .ask(Cohere, json!({"thinking": {"type": "disabled"}}))
            .at(exact(OpenAi).on(GPT).has("/reasoning_effort", "none").note("At OpenAI; elsewhere nothing is said."))
            .at(exact(OpenAi).lacks("/reasoning_effort").note("Providers that copy the protocol: nothing is said."))
            .at(exact(Responses).on(GPT).has("/reasoning/effort", "none"))
            .at(exact(Anthropic).has("/thinking", json!({"type": "disabled"})))
            .at(exact(Gemini)
                .on("google/gemini-2.5-flash")
                .has("/generationConfig/thinkingConfig/thinkingBudget", 0)
                .note("Gemini 2.5."))
            .at(lossy(Gemini, Field::Effort)
                .has("/generationConfig/thinkingConfig/thinkingBudget", 128)
                .note("Gemini 2.5 Pro thinks at least a little."))
            .at(lossy(Gemini, Field::Effort)
                .on(GEMINI)
                .has("/generationConfig/thinkingConfig/thinkingLevel", "LOW")
                .note("Gemini 3 cannot stop thinking: it thinks as little as it can."))
            .at(exact(Cohere).has("/thinking", json!({"type": "disabled"}))),
        asks_effort(Row::new(31, "how much to think: `xhigh`"), "xhigh", 32_768)
            .at(exact(OpenAi).on(GPT).has("/reasoning_effort", "xhigh").note("At OpenAI."))
            .at(lossy(OpenAi, Field::Effort)
                .has("/reasoning_effort", "high")
                .note("Providers that copy the protocol know `low`, `medium` and `high`."))
            .at(exact(Responses).has("/reasoning/effort", "xhigh"))
            .at(exact(Anthropic)
                .on("anthropic/claude-opus-5")
                .has("/output_config/effort", "xhigh")
                .note("Models that know the level."))
            .at(lossy(Anthropic, Field::Effort)
                .on("anthropic/claude-sonnet-4-6")
                .has("/output_config/effort", "high")
                .note("Claude 4.6 does not."))
            .at(exact(Anthropic)
                .of(&[OpenAi, Responses, Gemini])
                .on("anthropic/claude-opus-4-5")
                .has("/thinking/type", "enabled")
                .note("Older Claude models get a budget of 32768 tokens, or what fits below the limit."))
            .at(lossy(Gemini, Field::Effort)
                .on(GEMINI)
                .has("/generationConfig/thinkingConfig/thinkingLevel", "HIGH")
                .note("Gemini 3 knows no higher level than `HIGH`."))
            .at(exact(Gemini).has("/generationConfig/thinkingConfig/thinkingBudget", 32_768).note("Gemini 2.5."))
            .at(exact(Cohere).has("/thinking/token_budget", 32_768)),
    ];
    rows.extend(thoughts());
    rows
}

fn foreign(row: Row) -> Row {
    row.ask(OpenAi, json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "reasoning_content": "hmm", "content": "b"}, {"role": "user", "content": "c"}]}))
        .ask(Anthropic, json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hmm", "signature": "c2ln"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"}]}))
        .ask(Responses, json!({"input": [{"role": "user", "content": "a"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hmm"}], "encrypted_content": "c2ln"},
            {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}))
        .ask(Gemini, json!({"contents": [{"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "hmm", "thought": true, "thoughtSignature": "c2ln"}, {"text": "b"}]},
            {"role": "user", "parts": [{"text": "c"}]}]}))
        .ask(Cohere, json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"}]}))
}

fn thoughts() -> Vec<Row> {
    let sealed = |cell: Cell| cell.note(SEALED);
    let unsigned = "Left out: it is no part of the answer, and models refuse thoughts that they did not sign.";
    vec![
        Row::new(32, "a model's own thoughts in the conversation")
            .at(nothing(OpenAi).note("Chat has no signed thoughts; DeepSeek and Kimi get their `reasoning_content` back."))
            .at(sealed(emulated(Responses).run(openai_through_claude_code)))
            .at(sealed(emulated(Anthropic).run(claude_through_codex)))
            .at(sealed(emulated(Gemini).run(gemini_through_claude_code)))
            .at(nothing(Cohere).note("Cohere's thoughts are not signed, and its clients' bytes pass as they are.")),
        foreign(Row::new(33, "thoughts of another vendor's model"))
            .at(lossy(OpenAi, Field::Reasoning).lacks("/messages/1/reasoning_content").has("/messages/1/content", "b").note(unsigned))
            .at(exact(OpenAi).on("deepseek/deepseek-reasoner").has("/messages/1/reasoning_content", "hmm").note("Models that want every thought back (DeepSeek, Kimi) get the text."))
            .at(lossy(Responses, Field::Reasoning).lacks("/input/3").note(unsigned))
            .at(lossy(Anthropic, Field::Reasoning).has("/messages/1/content", json!([{"type": "text", "text": "b"}])).note(unsigned))
            .at(lossy(Gemini, Field::Reasoning).has("/contents/1/parts", json!([{"text": "b"}])).note(unsigned))
            .at(lossy(Cohere, Field::Reasoning).has("/messages/1/content", "b").note(unsigned)),
        Row::new(34, "signed thoughts of Claude, through other clients")
            .at(nothing(OpenAi).note(OWN))
            .at(nothing(Responses).note(OWN))
            .at(sealed(emulated(Anthropic).run(claude_through_codex)))
            .at(nothing(Gemini).note(OWN))
            .at(nothing(Cohere).note(OWN)),
        Row::new(35, "thought signatures of Gemini, through other clients")
            .at(nothing(OpenAi).note(OWN))
            .at(nothing(Responses).note(OWN))
            .at(nothing(Anthropic).note(OWN))
            .at(sealed(emulated(Gemini).run(gemini_through_claude_code)))
            .at(nothing(Cohere).note(OWN)),
        Row::new(35, "calls of another vendor's model, without a signature")
            .ask(OpenAi, super::wire::called(OpenAi, &json!({"a": 1}), &json!("x")))
            .ask(Anthropic, super::wire::called(Anthropic, &json!({"a": 1}), &json!("x")))
            .at(exact(OpenAi).lacks("/messages/1/tool_calls/0/extra_content"))
            .at(exact(Responses).lacks("/input/1/id"))
            .at(exact(Anthropic).has("/messages/1/content/0/type", "tool_use"))
            .at(emulated(Gemini).on(GEMINI).has("/contents/1/parts/0/thoughtSignature", "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv").note("Gemini 3 insists on a signature: the first call of a step gets the one that Google documents for calls made elsewhere."))
            .at(exact(Cohere).has("/messages/1/tool_calls/0/id", "call_1")),
        Row::new(36, "encrypted reasoning of OpenAI, through other clients")
            .at(nothing(OpenAi).note(OWN))
            .at(sealed(emulated(Responses).run(openai_through_claude_code)))
            .at(nothing(Anthropic).note(OWN))
            .at(nothing(Gemini).note(OWN))
            .at(nothing(Cohere).note(OWN)),
    ]
}

/// Asks once, plays `answer`, and asks again with what the client read: what the provider gets then.
fn again(client: Protocol, to: Protocol, model: &str, answer: &Value) -> Value {
    let told = whole(client, &request(client, Value::Null).to_string(), to, model, &answer.to_string());
    let body = match client {
        Responses => {
            let mut input = vec![json!({"role": "user", "content": "hi"})];
            input.extend(told["output"].as_array().unwrap().iter().cloned());
            input.push(json!({"role": "user", "content": "on"}));
            json!({"input": input})
        }
        _ => json!({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": told["content"]},
            {"role": "user", "content": "on"}]}),
    };
    let (out, lost) = sent(client, &request(client, body).to_string(), to, model);
    assert_eq!(lost, "", "{out}");
    out
}

fn claude_through_codex() {
    let block = json!({"type": "thinking", "thinking": "hmm", "signature": "c2lnbmVk"});
    let mut answer = super::wire::answer(Anthropic, "b");
    answer["content"].as_array_mut().unwrap().insert(0, block.clone());
    let out = again(Responses, Anthropic, CLAUDE, &answer);
    assert_eq!(out["messages"][1]["content"][0], block);
}

fn gemini_through_claude_code() {
    let mut answer = super::wire::answer(Gemini, "b");
    let parts = answer.pointer_mut("/candidates/0/content/parts").unwrap().as_array_mut().unwrap();
    parts.insert(0, json!({"text": "hmm", "thought": true, "thoughtSignature": "c2lnbmVk"}));
    let out = again(Anthropic, Gemini, GEMINI, &answer);
    let thought = &out["contents"][1]["parts"][0];
    assert_eq!((&thought["thoughtSignature"], &thought["thought"]), (&json!("c2lnbmVk"), &json!(true)), "{out}");
}

fn openai_through_claude_code() {
    let mut answer = super::wire::answer(Responses, "b");
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hmm"}], "encrypted_content": "c2VhbGVk"});
    answer["output"].as_array_mut().unwrap().insert(0, item);
    let out = again(Anthropic, Responses, GPT, &answer);
    let item = out["input"].as_array().unwrap().iter().find(|item| item["type"] == "reasoning").unwrap();
    assert_eq!((&item["encrypted_content"], &item["id"]), (&json!("c2VhbGVk"), &json!("rs_1")), "{out}");
}
