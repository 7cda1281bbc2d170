// The official OpenAI SDK for JavaScript against the gateway. Environment: BASE, KEY, SIM, PREFIX (its node_modules).
import assert from "node:assert/strict";

import { BASE, KEY, SIM, runAll, test } from "./harness/cases.mjs";
import { calls, events, lastCall, rawBody, replay, waitCalls } from "./harness/cases.mjs";
import { collect, raises, untilItBreaks } from "./harness/cases.mjs";
import { load } from "./harness/packages.mjs";
import "./openai_node_anywhere.mjs";

const { default: OpenAI } = await load("openai");
const { zodResponseFormat, zodTextFormat, zodFunction } = await load("openai/helpers/zod");
const { z } = await load("zod");

const client = new OpenAI({ baseURL: BASE, apiKey: KEY, maxRetries: 0, timeout: 15_000 });
const chat = client.chat.completions;
const messages = [{ role: "user", content: "say hello" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
const forecast = { name: "get_weather", description: "The weather of a city.", parameters, strict: true };
const weather = { type: "function", function: forecast };
const flatWeather = { type: "function", ...forecast };
const City = z.object({ name: z.string(), population: z.number().int(), kind: z.enum(["town", "city"]) });
const textOf = (parts) => parts.map((part) => part.choices[0]?.delta?.content ?? "").join("");

// --- models

test("models_list", async () => {
  const names = (await collect(client.models.list())).map((model) => model.id);
  assert(names.includes("ok") || names.includes("sim/ok"), names.join());
});

test("models_retrieve", async () => {
  const model = await client.models.retrieve("ok");
  assert.equal(model.id, "ok");
  assert.equal(model.object, "model");
  await raises(OpenAI.NotFoundError, () => client.models.retrieve("no-such-model"));
});

// --- chat completions

test("chat", async () => {
  const answer = await chat.create({ model: "ok", messages });
  const truth = JSON.parse(await replay(await lastCall("/chat/completions")));
  assert(answer.choices[0].message.content);
  assert.equal(answer.choices[0].message.content, truth.choices[0].message.content);
  assert.equal(answer.choices[0].finish_reason, "stop");
});

test("chat_usage_is_the_provider_s", async () => {
  for (const model of ["ok", "cache", "think"]) {
    const answer = await chat.create({ model, messages });
    const truth = JSON.parse(await replay(await lastCall("/chat/completions")));
    assert(answer.usage.total_tokens > 0);
    assert.deepEqual(answer.usage, truth.usage);
  }
});

test("chat_body_arrives_byte_for_byte", async () => {
  let sent;
  const own = new OpenAI({ baseURL: BASE, apiKey: KEY, fetch: (url, init) => ((sent = init.body), fetch(url, init)) });
  const x_unknown = { z: 1, 2: [1.5, null], text: "né 🦀\u2028" };
  // The provider refuses the field it does not know.
  await assert.rejects(own.chat.completions.create({ model: "ok", messages, x_unknown }), OpenAI.BadRequestError);
  assert.equal(rawBody(await lastCall()).toString(), String(sent));
});

test("chat_stream", async () => {
  for (const model of ["ok", "sim/ok+chunks=50+interval_ms=5", "sim/ok+piece=1+interval_ms=0", "sim/crlf+interval_ms=0"]) {
    const chunks = await collect(await chat.create({ model, messages, stream: true }));
    assert(chunks.every((chunk) => chunk.choices.length > 0), "a chunk without choices that nobody asked for");
    assert(chunks.every((chunk) => !chunk.usage), "usage that the client did not ask for");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert(textOf(chunks));
    assert.equal(textOf(chunks), textOf(events(await replay(await lastCall()))));
  }
});

test("chat_stream_with_usage_asked", async () => {
  const stream_options = { include_usage: true };
  const chunks = await collect(await chat.create({ model: "cache", messages, stream: true, stream_options }));
  assert.equal(chunks.filter((chunk) => chunk.choices.length === 0).length, 1);
  assert(chunks.at(-1).usage.total_tokens > 0);
  assert.deepEqual(chunks.at(-1).usage, events(await replay(await lastCall())).at(-1).usage);
});

test("chat_stream_helper", async () => {
  const stream = chat.stream({ model: "ok", messages });
  let deltas = "";
  stream.on("content", (delta) => (deltas += delta));
  const final = await stream.finalChatCompletion();
  assert(deltas);
  assert.equal(final.choices[0].message.content, deltas);
});

// --- tools

test("chat_tools", async () => {
  for (const [model, count] of [["tool", 1], ["parallel", 2]]) {
    const asked = (await chat.create({ model, messages, tools: [weather] })).choices[0];
    assert.equal(asked.finish_reason, "tool_calls");
    assert.equal(asked.message.tool_calls.length, count);
    const results = asked.message.tool_calls.map((call) => {
      assert(Number.isInteger(JSON.parse(call.function.arguments).days), call.function.arguments);
      return { role: "tool", tool_call_id: call.id, content: "clear" };
    });
    const final = await chat.create({ model, messages: [...messages, asked.message, ...results], tools: [weather] });
    assert.match(final.choices[0].message.content, /done/);
    assert.equal(final.choices[0].finish_reason, "stop");
  }
});

test("chat_tools_stream_helper", async () => {
  const final = await chat.stream({ model: "parallel", messages, tools: [weather] }).finalChatCompletion();
  const found = final.choices[0].message.tool_calls;
  assert.equal(found.length, 2);
  assert.equal(new Set(found.map((call) => call.id)).size, 2);
  for (const call of found) assert(Number.isInteger(JSON.parse(call.function.arguments).days));
});

test("chat_run_tools", async () => {
  for (const stream of [false, true]) {
    const asked = [];
    const run = (args) => (asked.push(JSON.parse(args)), "clear");
    const tools = [{ type: "function", function: { ...weather.function, function: run } }];
    const runner = chat.runTools({ model: "tool", messages, tools, stream });
    assert.match(await runner.finalContent(), /done/);
    assert.equal(asked.length, 1, "the tool must run exactly once");
    assert(Number.isInteger(asked[0].days));
  }
  assert.equal((await calls("/chat/completions")).length, 4);
});

// --- structured output

test("chat_parse", async () => {
  const answer = await chat.parse({ model: "ok", messages, response_format: zodResponseFormat(City, "city") });
  City.parse(answer.choices[0].message.parsed);
});

test("chat_parse_stream", async () => {
  const stream = chat.stream({ model: "ok", messages, response_format: zodResponseFormat(City, "city") });
  City.parse((await stream.finalChatCompletion()).choices[0].message.parsed);
});

test("chat_parse_tool", async () => {
  const tools = [zodFunction({ name: "found", parameters: City })];
  const answer = await chat.parse({ model: "tool", messages, tools });
  City.parse(answer.choices[0].message.tool_calls[0].function.parsed_arguments);
});

// --- embeddings and the legacy completions

test("embeddings", async () => {
  const one = await client.embeddings.create({ model: "ok", input: ["one", "two"] }); // base64 on the wire
  assert.equal((await lastCall("/embeddings")).body.encoding_format, "base64");
  const other = await client.embeddings.create({ model: "ok", input: ["one", "two"], encoding_format: "float" });
  assert.equal(one.data.length, 2);
  one.data.forEach(({ embedding }, index) => {
    assert(embedding.length > 0);
    assert.equal(embedding.length, other.data[index].embedding.length);
    embedding.forEach((value, at) => assert(Math.abs(value - other.data[index].embedding[at]) < 1e-6));
  });
});

test("completions", async () => {
  const plain = await client.completions.create({ model: "ok", prompt: "say hello" });
  assert(plain.choices[0].text);
  assert(plain.usage.total_tokens > 0);
  const chunks = await collect(await client.completions.create({ model: "ok", prompt: "say hello", stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), plain.choices[0].text);
});

// --- responses

test("responses", async () => {
  for (const model of ["ok", "cache", "think"]) {
    const answer = await client.responses.create({ model, input: "say hello" });
    const truth = JSON.parse(await replay(await lastCall("/responses")));
    assert.equal(answer.status, "completed");
    assert(answer.output_text);
    assert.deepEqual(answer.usage, truth.usage);
  }
});

test("responses_stream", async () => {
  const seen = await collect(await client.responses.create({ model: "ok", input: "say hello", stream: true }));
  const truth = events(await replay(await lastCall("/responses")));
  assert.deepEqual(seen.map((event) => event.type), truth.map((event) => event.type));
  seen.forEach((event, index) => assert.equal(event.sequence_number, seen[0].sequence_number + index));
  const text = seen.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
  assert(text);
  assert.equal(seen.at(-1).response.output.at(-1).content[0].text, text);
  assert.deepEqual(seen.at(-1).response.usage, truth.at(-1).response.usage);
});

test("responses_stream_helper", async () => {
  const stream = client.responses.stream({ model: "ok", input: "say hello" });
  let deltas = "";
  stream.on("response.output_text.delta", (event) => (deltas += event.delta));
  const final = await stream.finalResponse();
  assert(deltas);
  assert.equal(final.output_text, deltas);
});

test("responses_tools", async () => {
  for (const [model, count] of [["tool", 1], ["parallel", 2]]) {
    const input = [{ role: "user", content: "the weather?" }];
    const asked = await client.responses.create({ model, input, tools: [flatWeather] });
    const wanted = asked.output.filter((item) => item.type === "function_call");
    assert.equal(wanted.length, count);
    const results = wanted.map(({ call_id, arguments: args }) => {
      assert(Number.isInteger(JSON.parse(args).days), args);
      return { type: "function_call_output", call_id, output: "clear" };
    });
    const turn = [...input, ...asked.output, ...results];
    const final = await client.responses.create({ model, input: turn, tools: [flatWeather] });
    assert.match(final.output_text, /done/);
  }
});

test("responses_parse", async () => {
  const text = { format: zodTextFormat(City, "city") };
  const answer = await client.responses.parse({ model: "ok", input: "a city", text });
  City.parse(answer.output_parsed);
});

// --- errors

test("error_kinds", async () => {
  const stranger = new OpenAI({ baseURL: BASE, apiKey: "tr_wrong", maxRetries: 0 });
  const huge = [{ role: "user", content: "x".repeat(2 << 20) }];
  for (const [kind, status, work] of [
    [OpenAI.AuthenticationError, 401, () => stranger.chat.completions.create({ model: "ok", messages })],
    [OpenAI.NotFoundError, 404, () => chat.create({ model: "no-such-model", messages })],
    [OpenAI.BadRequestError, 400, () => chat.create({ model: "s400", messages })],
    [OpenAI.BadRequestError, 400, () => chat.create({ messages })],
    [OpenAI.BadRequestError, 400, () => chat.create({ model: "s400", messages, stream: true })],
    [OpenAI.APIError, 413, () => chat.create({ model: "ok", messages: huge })],
    [OpenAI.RateLimitError, 429, () => chat.create({ model: "s429ra2", messages })],
    [OpenAI.InternalServerError, undefined, () => chat.create({ model: "s500", messages })],
    [OpenAI.RateLimitError, 429, () => client.responses.create({ model: "s429ra2", input: "x" })],
  ]) {
    const problem = await raises(kind, work);
    if (status) assert.equal(problem.status, status);
    assert(problem.requestID, `no x-request-id with a ${problem.status}`);
    assert(problem.error?.message && problem.type, `a ${problem.status} without message and type`);
  }
});

test("error_inside_a_stream", async () => {
  await raises(OpenAI.APIError, async () => collect(await chat.create({ model: "err200", messages, stream: true })));
  const late = await untilItBreaks(await chat.create({ model: "err200late", messages, stream: true }));
  assert(late.items.length > 0 && late.problem instanceof OpenAI.APIError, String(late.problem));
});

test("error_cut_stream", async () => {
  const { items, problem } = await untilItBreaks(await chat.create({ model: "die5", messages, stream: true }));
  assert(items.length > 0 && problem, `${items.length} chunks and then an end like any other`);
});

test("retry_after_rate_limit", async () => {
  const answer = await chat.create({ model: "s429x1", messages }, { maxRetries: 2 });
  assert(answer.choices[0].message.content);
  assert.equal((await calls()).length, 2);
});

test("request_id", async () => {
  const { data, request_id, response } = await chat.create({ model: "ok", messages }).withResponse();
  assert(request_id);
  assert.equal(data._request_id, request_id);
  assert.equal(response.headers.get("x-request-id"), request_id);
});

// --- hanging up

test("abort_closes_the_call", async () => {
  const stream = await chat.create({ model: "sim/long+seconds=30", messages, stream: true });
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1);
    break; // leaves the loop, which aborts the request
  }
  await waitCalls((seen) => seen[0].ended === "client_closed", "that its client is gone");
});

test("timeout_closes_the_call", async () => {
  await raises(OpenAI.APIConnectionTimeoutError, () => chat.create({ model: "hang", messages }, { timeout: 500 }));
  await waitCalls((seen) => seen[0]?.ended === "client_closed", "that its client is gone");
});

assert(SIM && BASE && KEY, "started by `tests/clients/run`");
await runAll();
