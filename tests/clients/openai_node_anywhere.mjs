// Chat and Responses through the official OpenAI SDK for JavaScript on providers of every protocol; run by openai_node.mjs.
import assert from "node:assert/strict";

import { BASE, KEY, collect, onEveryProvider, raises, untilItBreaks } from "./harness/cases.mjs";
import { load } from "./harness/packages.mjs";
import { A_CITY, ARGUMENTS, CITY, DOT, OFFERS, RESULTS, SENTENCE, THOUGHT, TOOLS, TRUTH } from "./harness/question.mjs";
import { sawImage, sawLoop, sawSchema } from "./harness/question.mjs";
import { lastSeen, seen } from "./harness/seen.mjs";

const { default: OpenAI } = await load("openai");

const client = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: 0, timeout: 15_000 });
const HI = [{ role: "user", content: "hi" }];
const URL_OF_DOT = `data:image/png;base64,${DOT}`;

/** The message of an answer, whole or put together by the SDK. */
async function chat(model, messages, streamed, more = {}) {
  const body = { model, messages, ...more };
  const completions = client.chat.completions;
  const answer = streamed ? await completions.stream(body).finalChatCompletion() : await completions.create(body);
  return answer.choices[0].message;
}

/** An answer, whole or as the last event of its stream has it. */
async function respond(model, input, streamed, more = {}) {
  const body = { model, input, ...more };
  return streamed ? client.responses.stream(body).finalResponse() : client.responses.create(body);
}

onEveryProvider("openai_chat_text", async (provider) => {
  for (const streamed of [false, true]) {
    assert.equal((await chat(`${provider}/ok`, HI, streamed)).content, TRUTH);
    assert.deepEqual((await lastSeen()).texts, ["hi"]);
  }
});

onEveryProvider("openai_responses_text", async (provider) => {
  for (const streamed of [false, true]) {
    const answer = await respond(`${provider}/ok`, "hi", streamed, { instructions: "be brief" });
    assert.deepEqual([answer.output_text, answer.status], [TRUTH, "completed"]);
    assert(answer.usage.output_tokens > 1);
    assert.deepEqual((await lastSeen()).texts, ["be brief", "hi"]);
  }
});

for (const streamed of [false, true]) {
  onEveryProvider(streamed ? "openai_chat_loop_stream" : "openai_chat_loop", async (provider) => {
    for (const offer of OFFERS) {
      const tools = offer.map((name) => {
        const [description, parameters] = TOOLS[name];
        return { type: "function", function: { name, description, parameters } };
      });
      const first = await chat(`${provider}/parallel`, HI, streamed, { tools });
      const names = first.tool_calls.map((call) => call.function.name);
      const ids = first.tool_calls.map(({ id }) => id);
      const made = first.tool_calls.map((call) => JSON.parse(call.function.arguments));
      assert.deepEqual(made, names.map((name) => ARGUMENTS[name]));
      const tool_calls = first.tool_calls.map(({ id, type, function: { name, arguments: args } }) => {
        return { id, type, function: { name, arguments: args } };
      });
      const results = ids.map((id, at) => ({ role: "tool", tool_call_id: id, content: RESULTS[at] }));
      const messages = [...HI, { role: "assistant", tool_calls }, ...results];
      assert.equal((await chat(`${provider}/parallel`, messages, streamed, { tools })).content, SENTENCE);
      sawLoop(names, ids, (await seen()).slice(-2));
    }
  });

  onEveryProvider(streamed ? "openai_responses_loop_stream" : "openai_responses_loop", async (provider) => {
    for (const offer of OFFERS) {
      const tools = offer.map((name) => {
        const [description, parameters] = TOOLS[name];
        return { type: "function", name, description, parameters, strict: false };
      });
      const more = { tools, store: false };
      const first = await respond(`${provider}/parallel`, HI, streamed, more);
      const made = first.output.filter(({ type }) => type === "function_call");
      const [names, ids] = [made.map(({ name }) => name), made.map((call) => call.call_id)];
      assert.deepEqual(made.map((call) => JSON.parse(call.arguments)), names.map((name) => ARGUMENTS[name]));
      const calls = made.map(({ call_id, name, arguments: args }) => {
        return { type: "function_call", call_id, name, arguments: args };
      });
      const results = ids.map((id, at) => ({ type: "function_call_output", call_id: id, output: RESULTS[at] }));
      const last = await respond(`${provider}/parallel`, [...HI, ...calls, ...results], streamed, more);
      assert.equal(last.output_text, SENTENCE);
      sawLoop(names, ids, (await seen()).slice(-2));
    }
  });
}

onEveryProvider("openai_images", async (provider) => {
  const chatted = [{ type: "text", text: "what is it?" }, { type: "image_url", image_url: { url: URL_OF_DOT } }];
  const { content } = await chat(`${provider}/img`, [{ role: "user", content: chatted }], false);
  assert(content.includes("images: 1; image/png 70 bytes"), content);
  await sawImage();
  const asked = [
    { type: "input_text", text: "what is it?" },
    { type: "input_image", image_url: URL_OF_DOT, detail: "auto" },
  ];
  const answer = await respond(`${provider}/img`, [{ role: "user", content: asked }], true);
  assert(answer.output_text.includes("images: 1; image/png 70 bytes"), answer.output_text);
  await sawImage();
});

onEveryProvider("openai_structured_output", async (provider) => {
  const schema = { name: "city", schema: CITY, strict: true };
  for (const streamed of [false, true]) {
    const response_format = { type: "json_schema", json_schema: schema };
    assert.deepEqual(JSON.parse((await chat(`${provider}/ok`, HI, streamed, { response_format })).content), A_CITY);
    await sawSchema();
    const text = { format: { type: "json_schema", ...schema } };
    assert.deepEqual(JSON.parse((await respond(`${provider}/ok`, "hi", streamed, { text })).output_text), A_CITY);
    await sawSchema();
  }
});

onEveryProvider("openai_reasoning", async (provider) => {
  for (const streamed of [false, true]) {
    const more = { reasoning: { effort: "low", summary: "auto" }, max_output_tokens: 8000 };
    const answer = await respond(`${provider}/think`, "hi", streamed, more);
    // An item without any text is there for its state alone.
    const items = answer.output.filter(({ type }) => type === "reasoning");
    const parts = items.flatMap(({ summary, content }) => (summary.length > 0 ? summary : (content ?? [])));
    assert.equal(parts.map(({ text }) => text).join(""), THOUGHT);
    assert.equal(answer.output_text, TRUTH);
    assert((await lastSeen()).thinks);
    const asked = { reasoning_effort: "low", max_completion_tokens: 8000 };
    assert.equal((await chat(`${provider}/think`, HI, streamed, asked)).content, TRUTH);
    assert((await lastSeen()).thinks);
  }
});

onEveryProvider("openai_continues_an_answer", async (provider) => {
  const first = await respond(`${provider}/ok`, "my name is Ada", false);
  const second = await respond(`${provider}/ok`, "who am I?", true, { previous_response_id: first.id });
  assert.equal(second.output_text, TRUTH);
  assert.equal((await client.responses.retrieve(second.id)).output_text, TRUTH);
  if (provider !== "sim") assert.deepEqual((await lastSeen()).texts, ["my name is Ada", "who am I?"]);
  await client.responses.delete(second.id);
  await raises(OpenAI.NotFoundError, () => client.responses.retrieve(second.id));
});

onEveryProvider("openai_errors", async (provider) => {
  const busy = provider === "ge" || provider === "co" ? "s503" : "s529";
  for (const [model, kind] of [
    ["s400", OpenAI.BadRequestError],
    ["s429ra2", OpenAI.RateLimitError],
    [busy, OpenAI.APIError],
  ]) {
    assert((await raises(kind, () => chat(`${provider}/${model}`, HI, false))).requestID);
    await raises(kind, () => respond(`${provider}/${model}`, "hi", false));
  }
  for (const name of ["err200", "err200late", "die5"]) {
    const model = `${provider}/${name}`;
    const streamed = async () => collect(await client.chat.completions.create({ model, messages: HI, stream: true }));
    await raises(OpenAI.APIError, streamed);
    const told = async function* () {
      yield* await client.responses.create({ model, input: "hi", stream: true });
    };
    const { items, problem } = await untilItBreaks(told());
    const kinds = items.map(({ type }) => type);
    assert(problem || kinds.includes("response.failed") || kinds.includes("error"), `${name}: ${kinds}`);
    assert(!kinds.includes("response.completed"), `${name}: ${kinds}`);
  }
});
