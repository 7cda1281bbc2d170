//! Rows 1 to 4: instructions and turns.

use serde_json::json;
use tokenrouter::Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::{Row, exact, lossy, refused};

const INSTRUCTED: &str = "<system-reminder>";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(1, "instructions at the top")
            .ask(OpenAi, json!({"messages": [{"role": "system", "content": "sys"}, {"role": "user", "content": "hi"}]}))
            .ask(Responses, json!({"instructions": "sys"}))
            .ask(Anthropic, json!({"system": "sys"}))
            .ask(Gemini, json!({"systemInstruction": {"parts": [{"text": "sys"}]}}))
            .ask(Cohere, json!({"messages": [{"role": "system", "content": "sys"}, {"role": "user", "content": "hi"}]}))
            .at(exact(OpenAi).has("/messages/0", json!({"role": "system", "content": "sys"})))
            .at(exact(Responses).has("/instructions", "sys").lacks("/input/1"))
            .at(exact(Anthropic).has("/system", json!([{"type": "text", "text": "sys"}])).lacks("/messages/1"))
            .at(exact(Gemini).has("/systemInstruction/parts", json!([{"text": "sys"}])).lacks("/contents/1"))
            .at(exact(Cohere).has("/messages/0", json!({"role": "system", "content": "sys"}))),
        Row::new(2, "several instructions at the top")
            .ask(OpenAi, json!({"messages": [{"role": "system", "content": "one"}, {"role": "developer", "content": "two"}, {"role": "user", "content": "hi"}]}))
            .ask(Responses, json!({"instructions": "one", "input": [{"role": "developer", "content": "two"}, {"role": "user", "content": "hi"}]}))
            .at(exact(OpenAi).has("/messages/0/content", "one").has("/messages/1", json!({"role": "system", "content": "two"})))
            .at(exact(Responses).has("/instructions", "one").has("/input/0/role", "developer").has("/input/0/content/0/text", "two"))
            .at(exact(Anthropic).has("/system/0/text", "one").has("/system/1/text", "two"))
            .at(exact(Gemini).has("/systemInstruction/parts/1/text", "two"))
            .at(exact(Cohere).has("/messages/1", json!({"role": "system", "content": "two"}))),
        Row::new(2, "instructions between turns")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "late"}]}))
            .ask(Responses, json!({"input": [{"role": "user", "content": "hi"}, {"role": "developer", "content": "late"}]}))
            .ask(Anthropic, json!({"messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "late"}]}))
            .at(exact(OpenAi).has("/messages/1", json!({"role": "system", "content": "late"})))
            .at(exact(Responses).has("/input/1/role", "developer").has("/input/1/content/0/text", "late"))
            .at(exact(Anthropic)
                .on("anthropic/claude-opus-5-5")
                .has("/messages/1", json!({"role": "system", "content": [{"type": "text", "text": "late"}]}))
                .note("Claude models from 4.8 on take instructions between turns."))
            .at(lossy(Anthropic, Field::LateSystem)
                .says("/messages/0/content/1/text", INSTRUCTED)
                .note("Older Claude models do not: they stand in the user's turn, between `<system-reminder>` tags."))
            .at(lossy(Gemini, Field::LateSystem)
                .says("/contents/0/parts/1/text", INSTRUCTED)
                .note("They stand in the user's turn, between `<system-reminder>` tags."))
            .at(lossy(Cohere, Field::LateSystem)
                .says("/messages/1/content", INSTRUCTED)
                .note("They become a message of the user, between `<system-reminder>` tags.")),
        Row::new(3, "several turns of one side in a row")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}))
            .ask(Responses, json!({"input": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}))
            .ask(Anthropic, json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}))
            .ask(Gemini, json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": "b"}]}]}))
            .ask(Cohere, json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}))
            .at(exact(OpenAi).has("/messages/1", json!({"role": "user", "content": "b"})))
            .at(exact(Responses).has("/input/1/content/0/text", "b"))
            .at(exact(Anthropic).has("/messages/0/content/1/text", "b").note("They are merged into one turn."))
            .at(exact(Gemini).has("/contents/0/parts/1/text", "b").note("They are merged into one turn."))
            .at(exact(Cohere).has("/messages/1", json!({"role": "user", "content": "b"}))),
        Row::new(3, "the name of a speaker (`name`)")
            .ask(OpenAi, json!({"messages": [{"role": "user", "name": "ada", "content": "hi"}]}))
            .at(super::native(OpenAi))
            .elsewhere(|to| lossy(to, Field::Name)),
        Row::new(4, "an empty text beside others")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "c"}]}]}))
            .ask(Responses, json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": ""}, {"type": "input_text", "text": "c"}]}]}))
            .ask(Gemini, json!({"contents": [{"role": "user", "parts": [{"text": ""}, {"text": "c"}]}]}))
            .at(exact(OpenAi).has("/messages/0/content", "c"))
            .at(exact(Responses).has("/input/0/content", json!([{"type": "input_text", "text": "c"}])))
            .at(exact(Anthropic).has("/messages/0/content", json!([{"type": "text", "text": "c"}])))
            .at(exact(Gemini).has("/contents/0/parts", json!([{"text": "c"}])))
            .at(exact(Cohere).has("/messages/0/content", "c")),
        Row::new(4, "a message of the user with nothing in it")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": ""}]}))
            .ask(Responses, json!({"input": [{"role": "user", "content": ""}]}))
            .at(refused(OpenAi, Field::Messages))
            .at(refused(Responses, Field::Messages))
            .at(refused(Anthropic, Field::Messages))
            .at(refused(Gemini, Field::Messages))
            .at(refused(Cohere, Field::Messages)),
        Row::new(4, "an answer of the model with nothing in it")
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}]}))
            .ask(Responses, json!({"input": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}]}))
            .at(exact(OpenAi).has("/messages/1/content", "b").note("The turn is left out; nothing is lost with it."))
            .at(exact(Responses).has("/input/1/content/0/text", "b").note("The turn is left out; nothing is lost with it."))
            .at(exact(Anthropic).has("/messages/0/content/1/text", "b").note("The turn is left out; nothing is lost with it."))
            .at(exact(Gemini).has("/contents/0/parts/1/text", "b").note("The turn is left out; nothing is lost with it."))
            .at(exact(Cohere).has("/messages/1/content", "b").note("The turn is left out; nothing is lost with it.")),
    ]
}
