// Messages through the official Anthropic SDK for JavaScript; run by other_node.mjs.
import assert from "node:assert/strict";

import { BASE, KEY, collect, onEveryProvider, raises, untilItBreaks } from "./harness/cases.mjs";
import { load } from "./harness/packages.mjs";
import { A_CITY, ARGUMENTS, CITY, DOT, NOTHING, ODD_STREAMS, OFFERS, RESULTS, SENTENCE } from "./harness/question.mjs";
import { THOUGHT, TOOLS, TRUTH, reported } from "./harness/question.mjs";
import { sawHangUp, sawImage, sawLoop, sawSchema, sawThought } from "./harness/question.mjs";
import { lastSeen, seen } from "./harness/seen.mjs";

const { default: Anthropic } = await load("@anthropic-ai/sdk");
const { zodOutputFormat } = await load("@anthropic-ai/sdk/helpers/zod");
const { betaTool } = await load("@anthropic-ai/sdk/helpers/beta/json-schema");
const { z } = await load("zod");

const options = { baseURL: BASE.replace(/\/v1$/, ""), maxRetries: 0, timeout: 15_000 };
const client = new Anthropic({ ...options, apiKey: KEY });
const HI = [{ role: "user", content: "hi" }];
const IMAGE = { type: "image", source: { type: "base64", media_type: "image/png", data: DOT } };
const City = z.object({ name: z.string(), kind: z.enum(["town", "city"]) });

/** One request, whole or streamed. */
async function ask(model, { messages = HI, streamed = false, ...more } = {}) {
  const body = { model, messages, max_tokens: 64, ...more };
  return streamed ? client.messages.stream(body).finalMessage() : client.messages.create(body);
}

onEveryProvider("anthropic_text", async (provider) => {
  const message = await ask(`${provider}/ok`, { system: "be brief" });
  assert.equal(message.content[0].text, TRUTH);
  assert.equal(message.stop_reason, "end_turn");
  const { texts, body } = await lastSeen();
  assert.deepEqual(texts, ["be brief", "hi"]);
  assert(Object.values({ ...body, ...body.generationConfig }).includes(64), "max_tokens did not arrive");
});

onEveryProvider("anthropic_stream", async (provider) => {
  const stream = client.messages.stream({ model: `${provider}/ok`, messages: HI, max_tokens: 64 });
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const final = await stream.finalMessage();
  assert(pieces.length > 3, pieces.join("|"));
  assert.equal(pieces.join(""), TRUTH);
  assert.equal(final.content[0].text, TRUTH);
  assert.equal(final.stop_reason, "end_turn");
  assert((await lastSeen()).streams);
  assert(final.usage.input_tokens > 1);
  assert.equal(final.usage.output_tokens, (await ask(`${provider}/ok`)).usage.output_tokens);
});

onEveryProvider("anthropic_usage", async (provider) => {
  for (const streamed of [false, true]) {
    const { usage } = await ask(`${provider}/cache`, { streamed });
    const read = usage.cache_read_input_tokens ?? 0;
    assert(read > 0);
    const input = usage.input_tokens + read + (usage.cache_creation_input_tokens ?? 0);
    assert.deepEqual([input, read, usage.output_tokens], await reported());
  }
});

/** A tool in Anthropic's form. */
function toolOf(name) {
  const [description, input_schema] = TOOLS[name];
  return { name, description, input_schema };
}

for (const streamed of [false, true]) {
  onEveryProvider(streamed ? "anthropic_tool_loop_stream" : "anthropic_tool_loop", async (provider) => {
    for (const offer of OFFERS) {
      const tools = offer.map(toolOf);
      const first = await ask(`${provider}/parallel`, { streamed, tools });
      const uses = first.content.filter(({ type }) => type === "tool_use");
      assert.equal(first.stop_reason, "tool_use");
      assert.equal(new Set(uses.map(({ id }) => id)).size, 2);
      const results = uses.map(({ id }, at) => ({ type: "tool_result", tool_use_id: id, content: RESULTS[at] }));
      const turn = [{ role: "assistant", content: first.content }, { role: "user", content: results }];
      const last = await ask(`${provider}/parallel`, { messages: [...HI, ...turn], streamed, tools });
      assert.equal(last.stop_reason, "end_turn");
      assert.equal(last.content[0].text, SENTENCE);
      sawLoop(uses.map(({ name }) => name), uses.map(({ id }) => id), (await seen()).slice(-2));
    }
  });

  onEveryProvider(streamed ? "anthropic_reasoning_stream" : "anthropic_reasoning", async (provider) => {
    const more = { streamed, max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 2048 } };
    const first = await ask(`${provider}/think`, more);
    // Gemini signs its text too: that comes as a block which only its maker can read.
    const plain = first.content.filter(({ type }) => type !== "redacted_thinking");
    assert.deepEqual(plain.map(({ type }) => type), ["thinking", "text"]);
    assert.equal(plain[0].thinking, THOUGHT);
    assert.equal(plain[1].text, TRUTH);
    const turn = [{ role: "assistant", content: first.content }, { role: "user", content: "go on" }];
    await ask(`${provider}/think`, { messages: [...HI, ...turn], ...more });
    // Gemini's signature comes behind its text, where agents look for the result: a stream cannot put it before.
    await sawThought(!(streamed && provider === "ge"));
  });
}

onEveryProvider("anthropic_tool_choice", async (provider) => {
  const tools = Object.keys(TOOLS).map(toolOf);
  for (const [script, tool_choice, called, word] of [
    ["tool", { type: "tool", name: "get_time" }, ["get_time"], "get_time"],
    ["parallel", { type: "any" }, Object.keys(TOOLS), "any"],
    ["parallel", { type: "none" }, [], "none"],
  ]) {
    const { content } = await ask(`${provider}/${script}`, { tools, tool_choice });
    assert.deepEqual(content.filter(({ type }) => type === "tool_use").map(({ name }) => name), called);
    assert.equal((await lastSeen()).choice, word);
  }
  const tool_choice = { type: "auto", disable_parallel_tool_use: true };
  const body = { model: `${provider}/parallel`, max_tokens: 64, messages: HI, tools, tool_choice };
  const { data, response } = await client.messages.create(body).withResponse();
  const { protocol } = await lastSeen();
  if (["chat", "responses"].includes(protocol)) {
    // Here the simulator heeds it.
    assert.deepEqual(data.content.map(({ type }) => type), ["tool_use"]);
  } else if (protocol !== "anthropic") {
    // The others cannot say it.
    assert.match(response.headers.get("x-tokenrouter-degraded") ?? "", /disable_parallel_tool_use/);
  }
});

// The second is as it is when nobody says otherwise: it asks for a thread, and learns where there is none.
for (const [name, more] of [["anthropic_tool_runner", { thread: false }], ["anthropic_tool_runner_thread", {}]]) {
  onEveryProvider(name, async (provider) => {
    const asked = [];
    const [description, inputSchema] = TOOLS.get_weather;
    const run = (args) => (asked.push(args), RESULTS[0]);
    const tools = [betaTool({ name: "get_weather", description, inputSchema, run })];
    const body = { model: `${provider}/tool`, max_tokens: 64, messages: HI, tools, ...more };
    const turns = await collect(client.beta.messages.toolRunner(body));
    assert.deepEqual(asked, [ARGUMENTS.get_weather]);
    assert.equal(turns.at(-1).content[0].text, SENTENCE);
    const { id } = turns[0].content.find(({ type }) => type === "tool_use");
    const { body: received, protocol, results } = await lastSeen();
    if (!received.thread) return sawLoop(["get_weather"], [id], (await seen()).slice(-2));
    // It is the provider's to remember, so only the result is sent.
    assert.deepEqual(received.thread, { type: "continue", previous_message_id: turns[0].id });
    assert.deepEqual([protocol, results], ["anthropic", [{ id, text: RESULTS[0] }]]);
  });
}

onEveryProvider("anthropic_tool_without_arguments", async (provider) => {
  for (const streamed of [false, true]) {
    const tools = [{ name: "look", input_schema: NOTHING }];
    const { content } = await ask(`${provider}/tool`, { streamed, tools });
    const uses = content.filter(({ type }) => type === "tool_use");
    assert.deepEqual(uses.map(({ input }) => input), [{}]);
    const failed = { type: "tool_result", tool_use_id: uses[0].id, content: "too dark", is_error: true };
    const messages = [...HI, { role: "assistant", content }, { role: "user", content: [failed] }];
    await ask(`${provider}/tool`, { messages, streamed, tools });
    const { asked, results, protocol } = await lastSeen();
    assert.deepEqual(asked.map(({ name, args }) => [name, args]), [["look", {}]]);
    assert.equal(results.length, 1);
    assert.match(results[0].text, /too dark/);
    // The others have no flag for it, so the text must say it.
    if (protocol !== "anthropic") assert.match(results[0].text, /error/);
  }
});

onEveryProvider("anthropic_retry", async (provider) => {
  const body = { model: `${provider}/s429x1`, max_tokens: 64, messages: HI };
  assert.equal((await client.messages.create(body, { maxRetries: 1 })).content[0].text, TRUTH);
  assert.equal((await seen()).length, 2);
});

onEveryProvider("anthropic_odd_streams", async (provider) => {
  for (const [model, truth] of Object.entries(ODD_STREAMS)) {
    assert.equal((await ask(`${provider}/${model}`, { streamed: true })).content[0].text, truth);
  }
});

onEveryProvider("anthropic_hang_up", async (provider) => {
  const body = { model: `${provider}/long+seconds=30`, messages: HI, max_tokens: 64, stream: true };
  for await (const event of await client.messages.create(body)) if (event.type === "content_block_delta") break;
  await sawHangUp();
});

onEveryProvider("anthropic_image", async (provider) => {
  const messages = [{ role: "user", content: [IMAGE, { type: "text", text: "what is it?" }] }];
  assert.match((await ask(`${provider}/img`, { messages })).content[0].text, /^images: 1; image\/png 70 bytes sha256 /);
  await sawImage();
});

onEveryProvider("anthropic_image_in_a_result", async (provider) => {
  const use = { type: "tool_use", id: "toolu_1", name: "look", input: {} };
  const result = { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "this" }, IMAGE] };
  const messages = [...HI, { role: "assistant", content: [use] }, { role: "user", content: [result] }];
  const look = { name: "look", input_schema: { type: "object", properties: {} } };
  await ask(`${provider}/img`, { messages, tools: [look] });
  const { protocol, results } = await lastSeen();
  assert.deepEqual(results.map(({ id }) => id), ["toolu_1"]);
  // In Cohere's protocol a result is text, and the text says so.
  if (protocol === "cohere") assert.match(results[0].text, /cannot be shown/);
  else await sawImage();
});

onEveryProvider("anthropic_structured_output", async (provider) => {
  for (const streamed of [false, true]) {
    const output_config = { format: { type: "json_schema", schema: CITY } };
    const message = await ask(`${provider}/ok`, { streamed, output_config });
    assert.deepEqual(JSON.parse(message.content[0].text), A_CITY);
    await sawSchema();
  }
  const output_config = { format: zodOutputFormat(City) };
  const body = { model: `${provider}/ok`, max_tokens: 64, messages: HI, output_config };
  assert.deepEqual((await client.messages.parse(body)).parsed_output, A_CITY);
  await sawSchema();
});

onEveryProvider("anthropic_count_tokens", async (provider) => {
  assert((await client.messages.countTokens({ model: `${provider}/ok`, messages: HI })).input_tokens > 0);
});

onEveryProvider("anthropic_models", async (provider) => {
  const models = await collect(client.models.list());
  const one = models.find(({ id }) => [`${provider}/ok`, "ok"].includes(id));
  assert(one, models.map(({ id }) => id).join());
  assert.equal(one.type, "model");
  assert(one.display_name);
});

onEveryProvider("anthropic_one_model", async (provider) => {
  assert.equal((await client.models.retrieve(`${provider}/ok`)).type, "model");
});

onEveryProvider("anthropic_errors", async (provider) => {
  const kindOf = ({ error }) => error.error.type;
  const limited = await raises(Anthropic.RateLimitError, () => ask(`${provider}/s429ra2`));
  assert.equal(kindOf(limited), "rate_limit_error");
  assert.equal(limited.headers.get("retry-after"), "2");
  for (const streamed of [false, true]) {
    const refused = await raises(Anthropic.BadRequestError, () => ask(`${provider}/s400`, { streamed }));
    assert.equal(kindOf(refused), "invalid_request_error");
    assert(refused.error.error.message && refused.error.request_id, JSON.stringify(refused.error));
  }
  await raises(Anthropic.NotFoundError, () => ask(`${provider}/no-such-model`));
  await raises(Anthropic.InternalServerError, () => ask(`${provider}/s529`));
  const stranger = new Anthropic({ ...options, apiKey: "tr_wrong" });
  const wrong = () => stranger.messages.create({ model: `${provider}/ok`, max_tokens: 9, messages: HI });
  assert.equal(kindOf(await raises(Anthropic.AuthenticationError, wrong)), "authentication_error");
});

onEveryProvider("anthropic_request_id", async (provider) => {
  assert((await ask(`${provider}/ok`))._request_id, "none with an answer");
  assert((await raises(Anthropic.BadRequestError, () => ask(`${provider}/s400`))).requestID, "none with an error");
});

onEveryProvider("anthropic_request_id_in_a_stream", async (provider) => {
  // An error in a stream names the request as the head of the answer did.
  const body = { model: `${provider}/err200late`, max_tokens: 64, messages: HI, stream: true };
  const { data, response } = await client.messages.create(body).withResponse();
  const { problem } = await untilItBreaks(data);
  const named = ["request-id", "x-request-id"].map((name) => response.headers.get(name));
  assert([undefined, ...named].includes(problem.error.request_id), `${problem.error.request_id} is none of ${named}`);
});

onEveryProvider("anthropic_orphan_result", async (provider) => {
  // A result without its call: refused by name before a provider of another protocol could misread it.
  const orphan = { type: "tool_result", tool_use_id: "toolu_x", content: "x" };
  const messages = [{ role: "user", content: [orphan] }];
  assert.match((await raises(Anthropic.BadRequestError, () => ask(`${provider}/ok`, { messages }))).message, /toolu_x/);
  for (const { protocol, results } of await seen()) {
    // The native lane leaves it to the provider.
    assert.equal(protocol, "anthropic");
    assert.deepEqual(results, [{ id: "toolu_x", text: "x" }]);
  }
});

onEveryProvider("anthropic_broken_streams", async (provider) => {
  await raises(Anthropic.APIError, () => ask(`${provider}/err200`, { streamed: true }));
  for (const model of ["err200late", "die5"]) {
    const body = { model: `${provider}/${model}`, max_tokens: 64, messages: HI, stream: true };
    const { items, problem } = await untilItBreaks(await client.messages.create(body));
    const types = items.map(({ type }) => type);
    assert(types.includes("content_block_delta"), `${model}: ${types}`);
    assert(problem && !types.includes("message_stop"), `${model}: ${types}`);
  }
});
