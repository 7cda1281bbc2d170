// What every SDK is made to ask, and what the provider must have seen of it. `question.py` is the same for Python.
import assert from "node:assert/strict";

import { SIM, calls, events, replay, waitCalls } from "./cases.mjs";
import { lastSeen, protocolOf, read, seen } from "./seen.mjs";

const object = (properties) => ({ type: "object", properties, required: Object.keys(properties) });
export const TOOLS = {
  get_weather: ["The weather of a city.", object({ city: { type: "string" }, days: { type: "integer" } })],
  get_time: ["The time in a zone.", object({ zone: { type: "string" } })],
};
// The provider calls the first two tools it is offered, or the only one twice: then only order and ids tell them apart.
export const OFFERS = [["get_weather", "get_time"], ["get_weather"]];
export const ARGUMENTS = { get_weather: { city: "lorem", days: 1 }, get_time: { zone: "lorem" } };
export const RESULTS = ["sunny: 21 °C", 'half "past" nine'];
export const CITY = {
  ...object({ name: { type: "string" }, kind: { type: "string", enum: ["town", "city"] } }),
  additionalProperties: false,
};
export const A_CITY = { name: "lorem", kind: "town" };
// It holds a `+`, which the URL-safe alphabet writes differently.
export const DOT =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const THOUGHT = " The user asks, so I think 漢字 first.";
export const NOTHING = object({});
export const SENTENCE = "The tools have answered: done.";

/** An answer of the provider when nothing is in between. */
async function direct(path, model) {
  const body = JSON.stringify({ model, max_tokens: 9, messages: [{ role: "user", content: "hi" }] });
  const headers = { "content-type": "application/json" };
  return (await fetch(`${SIM}${path}`, { method: "POST", headers, body })).json();
}

const truth = async (model) => (await direct("/v1/chat/completions", model)).choices[0].message.content;
/** What the provider says. */
export const TRUTH = await truth("ok");
/** The same words in shapes that a careless reader of streams stumbles over. */
export const ODD_STREAMS = {};
for (const model of ["crlf+interval_ms=0", "ok+piece=1+interval_ms=0", "events400"]) {
  ODD_STREAMS[model] = await truth(model);
}
/** What the provider signs its reasoning with. */
const SIGNATURE = (await direct("/v1/messages", "think")).content.find(({ type }) => type === "thinking").signature;

/** Both requests of a tool loop arrived: the tools with the first, each result under its call's id with the second. */
export function sawLoop(names, ids, loop) {
  assert.equal(loop.length, 2, "a tool loop is two requests");
  const [first, second] = loop;
  const offered = Object.fromEntries(names.map((name) => [name, required(TOOLS[name][1])]));
  const arrived = Object.entries(first.tools).map(([name, schema]) => [name, required(schema)]);
  assert.deepEqual(Object.fromEntries(arrived), offered);
  assert.deepEqual([first.asked, first.results], [[], []]);
  assert.deepEqual(second.tools, first.tools);
  const asked = names.map((name) => ({ name, args: ARGUMENTS[name] }));
  assert.deepEqual(second.asked.map(({ name, args }) => ({ name, args })), asked);
  assert.equal(second.results.length, names.length);
  second.results.forEach(({ text }, at) => {
    const inside = JSON.stringify(RESULTS[at]).slice(1, -1);
    assert(text.includes(RESULTS[at]) || text.includes(inside), `${text} instead of ${RESULTS[at]}`);
  });
  const held = second.asked.map(({ id }) => id);
  if (second.protocol === "gemini") {
    // There ids are optional: the order tells.
    second.results.forEach(({ id }, at) => assert([undefined, held[at]].includes(id), `${id} answers ${held[at]}`));
  } else {
    assert.deepEqual(second.results.map(({ id }) => id), held);
    assert(held.every(Boolean) && new Set(held).size === names.length, held.join());
  }
  if (ids.every(Boolean)) assert(held.join() === ids.join() || !held.some(Boolean), `${ids} became ${held}`);
}

/** What a schema requires, which survives every translation. */
function required(schema) {
  for (const name of schema.required) assert(name in schema.properties, JSON.stringify(schema));
  return [...schema.required].sort();
}

/** The image arrived, byte for byte. */
export async function sawImage() {
  assert.deepEqual((await lastSeen()).images, [{ type: "image/png", data: DOT }]);
}

/** The schema of the answer arrived. */
export async function sawSchema() {
  const { schema, body } = await lastSeen();
  assert(schema, JSON.stringify(body));
  assert.deepEqual(required(schema), ["kind", "name"]);
  assert.deepEqual(schema.properties.kind.enum, ["town", "city"]);
}

/** The provider noticed that its client is gone. */
export async function sawHangUp() {
  await waitCalls((received) => received.at(-1)?.ended === "client_closed", "that its client is gone");
}

/** The reasoning of the first turn came back with the second, if its provider can read it; nothing else did.
 * `sealed`: whether the client's protocol can carry what only the maker of a thought can read. */
export async function sawThought(sealed) {
  const [first, second, ...more] = await seen();
  assert.equal(more.length, 0);
  assert(first.thinks, JSON.stringify(first.body));
  for (const text of ["hi", "go on"]) assert(second.texts.includes(text), JSON.stringify(second.body));
  assert(!second.texts.includes(THOUGHT), JSON.stringify(second.body));
  const { protocol, seals, thoughts } = second;
  if (["anthropic", "responses"].includes(protocol)) {
    // They take a thought with its signature or not at all.
    assert.deepEqual([seals, thoughts], sealed ? [[SIGNATURE], [THOUGHT]] : [[], []]);
  } else assert(["", THOUGHT].includes(thoughts.join("")), thoughts.join("|"));
}

/** Input (cached included), cached input and output, in tokens, of the newest call as its provider counts them. */
export async function reported() {
  const call = (await calls()).filter(protocolOf).at(-1);
  const answer = await replay(call);
  const usage = {}; // of a stream, what its events say one after the other
  for (const event of read(call).streams ? events(answer) : [JSON.parse(answer)]) {
    const parts = [event, event.message, event.response, event.delta];
    for (const part of parts) Object.assign(usage, part?.usage ?? part?.usageMetadata);
  }
  const protocol = protocolOf(call);
  if (protocol === "gemini") {
    const { candidatesTokenCount = 0, thoughtsTokenCount = 0 } = usage;
    return [usage.promptTokenCount, usage.cachedContentTokenCount ?? 0, candidatesTokenCount + thoughtsTokenCount];
  }
  if (protocol === "cohere") return [usage.tokens.input_tokens, usage.cached_tokens ?? 0, usage.tokens.output_tokens];
  if (protocol === "anthropic") {
    const cached = usage.cache_read_input_tokens;
    return [usage.input_tokens + cached + usage.cache_creation_input_tokens, cached, usage.output_tokens];
  }
  const [input, output] = "prompt_tokens" in usage ? ["prompt", "completion"] : ["input", "output"];
  return [usage[`${input}_tokens`], usage[`${input}_tokens_details`]?.cached_tokens ?? 0, usage[`${output}_tokens`]];
}
