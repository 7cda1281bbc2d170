//! Rows 50 to 55 and 59: tiers, labels, cache marks, state at the provider, counting.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;
use tokenrouter::convert::{Asked, Context, Path, translate};
use tokenrouter::count::ask;
use tokenrouter::responses::state;

use super::wire::request;
use super::{Row, emulated, exact, hint, lossy, native, refused, usual};
use crate::support::{ask, context, target};

const OPENAI: &str = "At OpenAI and Azure.";
const ELSEWHERE: &str = "Elsewhere.";
const GPT: &str = "openai/gpt-5.2";

const KEPT: &str = "An answer that this gateway gave and still keeps is put before the request.";
const UNKNOWN: &str = "Any other is unknown.";

fn marked(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]})
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(50, "the tier `priority`")
            .ask(OpenAi, json!({"service_tier": "priority"}))
            .ask(Responses, json!({"service_tier": "priority"}))
            .ask(Gemini, json!({"serviceTier": "priority"}))
            .at(exact(OpenAi).on(GPT).has("/service_tier", "priority").note(OPENAI))
            .at(hint(OpenAi, Field::ServiceTier).note(ELSEWHERE))
            .at(exact(Responses).on(GPT).has("/service_tier", "priority").note(OPENAI))
            .at(hint(Responses, Field::ServiceTier).note(ELSEWHERE))
            .at(lossy(Anthropic, Field::ServiceTier).lacks("/service_tier").note("Anthropic sells speed by contract, not by request."))
            .at(exact(Gemini).has("/serviceTier", "priority"))
            .at(hint(Cohere, Field::ServiceTier)),
        Row::new(50, "the tiers `auto` and `default`")
            .ask(OpenAi, json!({"service_tier": "default"}))
            .ask(Responses, json!({"service_tier": "default"}))
            .ask(Anthropic, json!({"service_tier": "standard_only"}))
            .ask(Gemini, json!({"serviceTier": "standard"}))
            .at(exact(OpenAi).on(GPT).has("/service_tier", "default").note(OPENAI))
            .at(hint(OpenAi, Field::ServiceTier).note(ELSEWHERE))
            .at(exact(Responses).on(GPT).has("/service_tier", "default").note(OPENAI))
            .at(hint(Responses, Field::ServiceTier).note(ELSEWHERE))
            .at(exact(Anthropic).has("/service_tier", "standard_only"))
            .at(exact(Gemini).has("/serviceTier", "standard"))
            .at(hint(Cohere, Field::ServiceTier)),
        Row::new(51, "who asks (`user`, `safety_identifier`, `metadata.user_id`)")
            .ask(OpenAi, json!({"user": "u1"}))
            .ask(Responses, json!({"safety_identifier": "u1"}))
            .ask(Anthropic, json!({"metadata": {"user_id": "u1"}}))
            .at(exact(OpenAi).has("/user", "u1"))
            .at(exact(Responses).has("/user", "u1"))
            .at(exact(Anthropic).has("/metadata", json!({"user_id": "u1"})))
            .elsewhere(|to| hint(to, Field::User)),
        Row::new(51, "labels (`metadata`, `labels`)")
            .ask(OpenAi, json!({"metadata": {"k": "v"}}))
            .ask(Responses, json!({"metadata": {"k": "v"}}))
            .ask(Gemini, json!({"labels": {"k": "v"}}))
            .at(hint(OpenAi, Field::Metadata).lacks("/metadata").note("OpenAI takes them for stored answers only."))
            .at(exact(Responses).on(GPT).has("/metadata", json!({"k": "v"})).note(OPENAI))
            .at(hint(Responses, Field::Metadata).note(ELSEWHERE))
            .elsewhere(|to| hint(to, Field::Metadata)),
        Row::new(52, "cache marks (`cache_control`, `prompt_cache_breakpoint`)")
            .ask(Anthropic, marked("long"))
            .ask(OpenAi, json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "long", "prompt_cache_breakpoint": {"ttl": "12h"}}]}]}))
            .at(exact(OpenAi).on("openai/gpt-5.6").has("/messages/0/content/0/prompt_cache_breakpoint", json!({"mode": "explicit", "ttl": "12h"})).note("At OpenAI, from GPT-5.6 on: five minutes become half an hour, an hour half a day."))
            .at(hint(OpenAi, Field::CacheMark).has("/messages/0/content", "long").note("Elsewhere prefixes are cached unasked."))
            .at(exact(Responses).on("openai/gpt-5.6").has("/input/0/content/0/prompt_cache_breakpoint", json!({"mode": "explicit", "ttl": "12h"})).note("At OpenAI, from GPT-5.6 on: five minutes become half an hour, an hour half a day."))
            .at(hint(Responses, Field::CacheMark).note("Elsewhere prefixes are cached unasked."))
            .at(exact(Anthropic).has("/messages/0/content/0/cache_control", json!({"type": "ephemeral", "ttl": "1h"})).note("Four at most, as the vendor says: the last ones stay."))
            .at(hint(Gemini, Field::CacheMark).note("Prefixes are cached unasked."))
            .at(hint(Cohere, Field::CacheMark)),
        Row::new(53, "`prompt_cache_key`")
            .ask(OpenAi, json!({"prompt_cache_key": "k"}))
            .ask(Responses, json!({"prompt_cache_key": "k"}))
            .at(exact(OpenAi).on(GPT).has("/prompt_cache_key", "k").note(OPENAI))
            .at(hint(OpenAi, Field::CacheKey).note(ELSEWHERE))
            .at(exact(Responses).on(GPT).has("/prompt_cache_key", "k").note(OPENAI))
            .at(hint(Responses, Field::CacheKey).note(ELSEWHERE))
            .elsewhere(|to| hint(to, Field::CacheKey)),
        Row::new(54, "`cachedContent` of Gemini")
            .ask(Gemini, json!({"cachedContent": "cachedContents/1"}))
            .at(native(Gemini))
            .elsewhere(|to| refused(to, "cachedContent")),
        Row::new(54, "`background`, `conversation` and `prompt` of Responses")
            .ask(Responses, json!({"background": true}))
            .at(native(Responses))
            .elsewhere(|to| refused(to, "background")),
        Row::new(54, "`previous_response_id`")
            .ask(Responses, json!({"previous_response_id": "resp_1"}))
            .at(emulated(OpenAi).of(&[]).run(continues).note(KEPT))
            .at(refused(OpenAi, "previous_response_id").note(UNKNOWN))
            .at(native(Responses).note("A provider that keeps answers gets it as it is."))
            .at(emulated(Anthropic).of(&[]).run(continues).note(KEPT))
            .at(refused(Anthropic, "previous_response_id").note(UNKNOWN))
            .at(emulated(Gemini).of(&[]).run(continues).note(KEPT))
            .at(refused(Gemini, "previous_response_id").note(UNKNOWN))
            .at(emulated(Cohere).of(&[]).run(continues).note(KEPT))
            .at(refused(Cohere, "previous_response_id").note(UNKNOWN)),
        Row::new(54, "`store` of Responses")
            .ask(Responses, json!({"store": true}))
            .at(native(Responses))
            .elsewhere(|to| emulated(to).lacks("/store").note("The provider keeps nothing; the gateway does, as `[responses]` in its configuration says.")),
        Row::new(54, "`store` of Chat")
            .ask(OpenAi, json!({"store": true}))
            .at(native(OpenAi))
            .at(hint(Responses, "store").has("/store", false))
            .elsewhere(|to| hint(to, "store").lacks("/store")),
        Row::new(54, "`container` and `mcp_servers` of Anthropic")
            .ask(Anthropic, json!({"container": "c1"}))
            .at(native(Anthropic))
            .elsewhere(|to| refused(to, "container")),
        Row::new(54, "`context_management`, `diagnostics` and `inference_geo` of Anthropic")
            .ask(Anthropic, json!({"context_management": {"edits": []}}))
            .at(native(Anthropic))
            .elsewhere(|to| hint(to, "context_management")),
        Row::new(54, "`truncation: auto` of Responses")
            .ask(Responses, json!({"truncation": "auto"}))
            .at(native(Responses))
            .elsewhere(|to| lossy(to, "truncation").note("Too long a conversation is an error there.")),
        Row::new(54, "a field that nobody knows")
            .ask(OpenAi, json!({"novelty": 1}))
            .ask(Responses, json!({"novelty": 1}))
            .ask(Anthropic, json!({"novelty": 1}))
            .ask(Gemini, json!({"novelty": 1}))
            .ask(Cohere, json!({"novelty": 1}))
            .elsewhere(|to| lossy(to, "novelty")),
        Row::new(54, "`documents` of Cohere")
            .ask(Cohere, json!({"documents": ["d"]}))
            .at(native(Cohere))
            .elsewhere(|to| refused(to, "documents")),
        Row::new(55, "`safetySettings`")
            .ask(Gemini, json!({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}))
            .at(native(Gemini))
            .elsewhere(|to| hint(to, "safetySettings")),
        Row::new(55, "`safety_mode`")
            .ask(Cohere, json!({"safety_mode": "STRICT"}))
            .at(native(Cohere))
            .elsewhere(|to| hint(to, "safety_mode")),
        Row::new(59, "counting tokens without an answer")
            .at(emulated(OpenAi).run(counts).note("Chat and Cohere have no such question: the gateway estimates, and says so in `x-tokenrouter-estimated`."))
            .at(emulated(Cohere).run(counts).note("Chat and Cohere have no such question: the gateway estimates, and says so in `x-tokenrouter-estimated`."))
            .elsewhere(|to| exact(to).run(counts).note("The provider is asked, in its own words; where it does not answer, the gateway estimates and says so in `x-tokenrouter-estimated`.")),
    ]
}

/// The question of one protocol is read without what only an answer needs, and put to every other that has one.
fn counts() {
    let text = "some words to count";
    let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
    let read = tokenrouter::anthropic::request::read_count(body.as_bytes()).unwrap();
    assert_eq!(read.messages[0].text(), text);
    let asked = request(Anthropic, json!({"system": "sys", "temperature": 0.5}));
    for to in Protocol::ALL {
        let done = ask(Anthropic, &asked.to_string(), to, usual(to)).unwrap();
        let question = ask::question(to, "m", &done.body);
        assert_eq!(question.is_none(), matches!(to, OpenAi | Cohere), "{to}");
        let Some(question) = question else { continue };
        let question = String::from_utf8(question).unwrap();
        assert!(question.contains("sys") && question.contains("hi"), "{to}: {question}");
        assert!(to == Gemini || !question.contains("temperature"), "{to}: {question}");
    }
}

/// What a kept answer and its question said stands before the request that goes on from there.
fn continues() {
    let output =
        json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "second"}]}]);
    let kept = state::answer(json!({"id": "resp_1", "output": output}).to_string().as_bytes()).unwrap();
    let first = request(Responses, json!({"input": "first"})).to_string();
    let turn = state::Turn { input: state::own_input(first.as_bytes()).unwrap(), output: kept.output };
    let next = request(Responses, json!({"input": "third", "previous_response_id": "resp_1"})).to_string();
    let body = state::continued(next.as_bytes(), &[turn], true).unwrap();
    for to in Protocol::ALL {
        let asked = Asked { protocol: Responses, body: &body, path: Path::default() };
        let context = Context { continued: true, ..context() };
        let done = translate(asked, &target(to, usual(to)), context).unwrap();
        let said = String::from_utf8(done.body.to_vec()).unwrap();
        let places: Vec<_> = ["first", "second", "third"].iter().map(|word| said.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{to}: {said}");
    }
}
