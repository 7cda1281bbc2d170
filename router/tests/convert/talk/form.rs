//! Tools, limits and settings of a conversation in each protocol.

use serde_json::{Map, Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

use super::{Choice, Talk, put};

impl Talk {
    pub(super) fn tell_tools(&self, protocol: Protocol, top: &mut Map<String, Value>) {
        let Some((first, _)) = self.tools.first() else { return };
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false});
        let one = |(name, description): &(String, Option<String>)| {
            let key = match protocol {
                Anthropic => "input_schema",
                Gemini => "parametersJsonSchema",
                _ => "parameters",
            };
            let mut tool = json!({"name": name, key: schema});
            if let Some(text) = description {
                tool["description"] = json!(text);
            }
            if self.strict && protocol != Cohere {
                tool["strict"] = json!(true);
            }
            match protocol {
                OpenAi | Cohere => json!({"type": "function", "function": tool}),
                Responses => {
                    tool["type"] = json!("function");
                    tool
                }
                Anthropic | Gemini => tool,
            }
        };
        let list: Vec<Value> = self.tools.iter().map(one).collect();
        put(top, "tools", if protocol == Gemini { json!([{"functionDeclarations": list}]) } else { json!(list) });
        if self.strict && protocol == Cohere {
            put(top, "strict_tools", true);
        }
        if self.serial && protocol != Anthropic {
            put(top, "parallel_tool_calls", false);
        }
        let Some(choice) = self.choice else { return };
        let word = |auto: &str, none: &str, required: &str| match choice {
            Choice::Auto => auto.to_owned(),
            Choice::None => none.to_owned(),
            Choice::Required | Choice::First => required.to_owned(),
        };
        match (protocol, choice) {
            (OpenAi, Choice::First) => {
                put(top, "tool_choice", json!({"type": "function", "function": {"name": first}}));
            }
            (Responses, Choice::First) => put(top, "tool_choice", json!({"type": "function", "name": first})),
            (OpenAi | Responses, _) => put(top, "tool_choice", word("auto", "none", "required")),
            (Cohere, Choice::Auto) => {}
            (Cohere, _) => put(top, "tool_choice", word("", "NONE", "REQUIRED")),
            (Anthropic, _) => {
                let mut out = json!({"type": word("auto", "none", "any")});
                if choice == Choice::First {
                    out = json!({"type": "tool", "name": first});
                }
                if self.serial {
                    out["disable_parallel_tool_use"] = json!(true);
                }
                put(top, "tool_choice", out);
            }
            (Gemini, _) => {
                let mut out = json!({"mode": word("AUTO", "NONE", "ANY")});
                if choice == Choice::First {
                    out["allowedFunctionNames"] = json!([first]);
                }
                put(top, "toolConfig", json!({"functionCallingConfig": out}));
            }
        }
    }

    pub(super) fn tell_form(&self, protocol: Protocol, top: &mut Map<String, Value>) {
        let names = Names::of(protocol);
        let mut out = Map::new();
        put(&mut out, names.limit, self.limit);
        let settings = &self.settings;
        let tenths = [
            ("temperature", settings.temperature),
            (names.top_p, settings.top_p),
            (names.presence, settings.presence),
            (names.frequency, settings.frequency),
        ];
        for (name, value) in tenths.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            put(&mut out, name, f64::from(value) / 10.0);
        }
        for (name, value) in [(names.top_k, settings.top_k), ("seed", settings.seed), (names.n, settings.n)] {
            if let Some(value) = value {
                put(&mut out, name, value);
            }
        }
        if !self.stop.is_empty() {
            put(&mut out, names.stop, json!(self.stop));
        }
        if let Some(n) = settings.logprobs {
            match protocol {
                Responses => put(&mut out, "include", json!(["message.output_text.logprobs"])),
                Gemini => put(&mut out, "responseLogprobs", true),
                _ => put(&mut out, "logprobs", true),
            }
            put(&mut out, if protocol == Gemini { "logprobs" } else { "top_logprobs" }, n);
        }
        if let Some(user) = &self.user {
            match protocol {
                Anthropic => put(&mut out, "metadata", json!({"user_id": user})),
                _ => put(&mut out, "user", user.as_str()),
            }
        }
        self.tell_schema(protocol, &mut out);
        if let Some(level) = self.effort {
            let word = ["", "low", "medium"][level];
            let budget = [0, 2048, 8192][level];
            match protocol {
                OpenAi => put(&mut out, "reasoning_effort", word),
                Responses => put(&mut out, "reasoning", json!({"effort": word})),
                Anthropic => put(&mut out, "thinking", json!({"type": "enabled", "budget_tokens": budget})),
                Gemini => put(&mut out, "thinkingConfig", json!({"thinkingBudget": budget})),
                Cohere => put(&mut out, "thinking", json!({"type": "enabled", "token_budget": budget})),
            }
        }
        if protocol == Gemini {
            put(top, "generationConfig", Value::Object(out));
        } else {
            top.extend(out);
        }
    }

    fn tell_schema(&self, protocol: Protocol, out: &mut Map<String, Value>) {
        if !self.schema {
            return;
        }
        let schema = json!({"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": false});
        match protocol {
            OpenAi => put(
                out,
                "response_format",
                json!({"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}),
            ),
            Responses => {
                put(out, "text", json!({"format": {"type": "json_schema", "name": "response", "schema": schema}}));
            }
            Anthropic => put(out, "output_config", json!({"format": {"type": "json_schema", "schema": schema}})),
            Gemini => {
                put(out, "responseMimeType", "application/json");
                put(out, "responseJsonSchema", schema);
            }
            Cohere => put(out, "response_format", json!({"type": "json_object", "json_schema": schema})),
        }
    }
}

/// What the settings are called.
struct Names {
    limit: &'static str,
    top_p: &'static str,
    top_k: &'static str,
    presence: &'static str,
    frequency: &'static str,
    n: &'static str,
    stop: &'static str,
}

impl Names {
    const fn of(protocol: Protocol) -> Self {
        let snake = Self {
            limit: "max_tokens",
            top_p: "top_p",
            top_k: "top_k",
            presence: "presence_penalty",
            frequency: "frequency_penalty",
            n: "n",
            stop: "stop_sequences",
        };
        match protocol {
            OpenAi => Self { stop: "stop", ..snake },
            Responses => Self { limit: "max_output_tokens", ..snake },
            Anthropic => snake,
            Gemini => Self {
                limit: "maxOutputTokens",
                top_p: "topP",
                top_k: "topK",
                presence: "presencePenalty",
                frequency: "frequencyPenalty",
                n: "candidateCount",
                stop: "stopSequences",
            },
            Cohere => Self { top_p: "p", top_k: "k", ..snake },
        }
    }
}
