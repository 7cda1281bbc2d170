// Chat through the official Cohere SDK for JavaScript; run by other_node.mjs.
import assert from "node:assert/strict";

import { BASE, KEY, collect, onEveryProvider, raises, untilItBreaks } from "./harness/cases.mjs";
import { load } from "./harness/packages.mjs";
import { A_CITY, ARGUMENTS, CITY, DOT, NOTHING, ODD_STREAMS, OFFERS, RESULTS, SENTENCE } from "./harness/question.mjs";
import { THOUGHT, TOOLS, TRUTH, reported } from "./harness/question.mjs";
import { sawHangUp, sawImage, sawLoop, sawSchema, sawThought } from "./harness/question.mjs";
import { lastSeen, seen } from "./harness/seen.mjs";

const { Cohere, CohereClientV2, CohereError } = (await load("cohere-ai")).default;

const options = { baseUrl: BASE.replace(/\/v1$/, ""), maxRetries: 0 };
const client = new CohereClientV2({ ...options, token: KEY });
const HI = [{ role: "user", content: "hi" }];
const THINKING = { type: "enabled", tokenBudget: 2048 };

/** One request: its answer, whole or put together from its stream. */
async function ask(model, { messages = HI, streamed = false, ...more } = {}) {
  const body = { model, messages, ...more };
  const found = { text: "", thought: "", finish: "", calls: [] };
  if (!streamed) {
    const answer = await client.chat(body);
    for (const item of answer.message.content ?? []) {
      found.text += item.text ?? "";
      found.thought += item.thinking ?? "";
    }
    return { ...found, finish: answer.finishReason, calls: answer.message.toolCalls ?? [] };
  }
  for await (const { type, delta } of await client.chatStream(body)) {
    if (type === "content-delta") {
      found.text += delta.message.content.text ?? "";
      found.thought += delta.message.content.thinking ?? "";
    }
    if (type === "tool-call-start") found.calls.push(structuredClone(delta.message.toolCalls));
    if (type === "tool-call-delta") found.calls.at(-1).function.arguments += delta.message.toolCalls.function.arguments;
    if (type === "message-end") found.finish = delta.finishReason;
  }
  return found;
}

onEveryProvider("cohere_text", async (provider) => {
  const messages = [{ role: "system", content: "be brief" }, ...HI];
  const answer = await client.chat({ model: `${provider}/ok`, messages, temperature: 0.5, maxTokens: 64 });
  assert.equal(answer.message.content[0].text, TRUTH);
  assert.equal(answer.finishReason, "COMPLETE");
  assert(answer.id);
  const { texts, body } = await lastSeen();
  assert.deepEqual(texts, ["be brief", "hi"]);
  assert.equal(body.temperature ?? body.generationConfig.temperature, 0.5);
});

onEveryProvider("cohere_stream", async (provider) => {
  const body = { model: `${provider}/ok`, messages: HI };
  const events = await collect(await client.chatStream(body));
  const pieces = events.filter(({ type }) => type === "content-delta").map(({ delta }) => delta.message.content.text);
  assert(pieces.length > 3, pieces.join("|"));
  assert.equal(pieces.join(""), TRUTH);
  const frame = events.map(({ type }) => type).filter((type) => type !== "content-delta");
  assert.deepEqual(frame, ["message-start", "content-start", "content-end", "message-end"]);
  const { finishReason, usage } = events.at(-1).delta;
  assert.equal(finishReason, "COMPLETE");
  const whole = (await client.chat(body)).usage.tokens.outputTokens;
  assert(whole > 1);
  assert.equal(usage.tokens.outputTokens, whole);
});

onEveryProvider("cohere_usage", async (provider) => {
  const body = { model: `${provider}/cache`, messages: HI };
  const streamed = async () => (await collect(await client.chatStream(body))).at(-1).delta;
  for (const answer of [() => client.chat(body), streamed]) {
    const { usage } = await answer();
    const counted = [usage.tokens.inputTokens, usage.cachedTokens, usage.tokens.outputTokens];
    assert.deepEqual(counted, await reported());
    assert(counted[1] > 0);
  }
});

/** A tool in Cohere's form. */
function toolOf(name) {
  const [description, parameters] = TOOLS[name];
  return { type: "function", function: { name, description, parameters } };
}

for (const streamed of [false, true]) {
  onEveryProvider(streamed ? "cohere_tool_loop_stream" : "cohere_tool_loop", async (provider) => {
    for (const offer of OFFERS) {
      const tools = offer.map(toolOf);
      const first = await ask(`${provider}/parallel`, { streamed, tools });
      const names = first.calls.map((call) => call.function.name);
      const made = first.calls.map((call) => JSON.parse(call.function.arguments));
      assert.deepEqual(made, names.map((name) => ARGUMENTS[name]));
      assert.equal(first.finish, "TOOL_CALL");
      const ids = first.calls.map(({ id }) => id);
      assert.equal(new Set(ids).size, 2);
      // Both forms of a result: a document, as Cohere's own examples have it, and plain text.
      const contents = [[{ type: "document", document: { data: { result: RESULTS[0] } } }], RESULTS[1]];
      const results = ids.map((toolCallId, at) => ({ role: "tool", toolCallId, content: contents[at] }));
      const messages = [...HI, { role: "assistant", toolCalls: first.calls }, ...results];
      const last = await ask(`${provider}/parallel`, { messages, streamed, tools });
      assert.deepEqual([last.text, last.finish], [SENTENCE, "COMPLETE"]);
      sawLoop(names, ids, (await seen()).slice(-2));
    }
  });

  onEveryProvider(streamed ? "cohere_reasoning_stream" : "cohere_reasoning", async (provider) => {
    const first = await ask(`${provider}/think`, { streamed, thinking: THINKING });
    assert.deepEqual([first.thought, first.text], [THOUGHT, TRUTH]);
    const content = [{ type: "thinking", thinking: first.thought }, { type: "text", text: first.text }];
    const messages = [...HI, { role: "assistant", content }, { role: "user", content: "go on" }];
    await ask(`${provider}/think`, { messages, streamed, thinking: THINKING });
    await sawThought(false);
  });
}

onEveryProvider("cohere_tool_choice", async (provider) => {
  const tools = Object.keys(TOOLS).map(toolOf);
  for (const [toolChoice, called, word] of [["REQUIRED", Object.keys(TOOLS), "any"], ["NONE", [], "none"]]) {
    const answer = await ask(`${provider}/parallel`, { tools, toolChoice });
    assert.deepEqual(answer.calls.map((call) => call.function.name), called);
    assert.equal((await lastSeen()).choice, word);
  }
});

onEveryProvider("cohere_tool_without_arguments", async (provider) => {
  for (const streamed of [false, true]) {
    // This SDK, unlike the other, refuses a tool that leaves its parameters out.
    const tools = [{ type: "function", function: { name: "look", description: "Looks.", parameters: NOTHING } }];
    const { calls } = await ask(`${provider}/tool`, { streamed, tools });
    assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments) ?? {}), [{}]);
    const result = { role: "tool", toolCallId: calls[0].id, content: "too dark" };
    const messages = [...HI, { role: "assistant", toolCalls: calls, toolPlan: "I look." }, result];
    await ask(`${provider}/tool`, { messages, streamed, tools });
    const { asked, results } = await lastSeen();
    assert.deepEqual(asked.map(({ name, args }) => [name, args]), [["look", {}]]);
    assert.deepEqual(results, [{ id: calls[0].id, text: "too dark" }]);
  }
});

onEveryProvider("cohere_retry", async (provider) => {
  const body = { model: `${provider}/s429x1`, messages: HI };
  assert.equal((await client.chat(body, { maxRetries: 1 })).message.content[0].text, TRUTH);
  assert.equal((await seen()).length, 2);
});

onEveryProvider("cohere_odd_streams", async (provider) => {
  for (const [model, truth] of Object.entries(ODD_STREAMS)) {
    assert.equal((await ask(`${provider}/${model}`, { streamed: true })).text, truth);
  }
});

onEveryProvider("cohere_hang_up", async (provider) => {
  const stop = new AbortController();
  const body = { model: `${provider}/long+seconds=30`, messages: HI };
  const stream = await client.chatStream(body, { abortSignal: stop.signal });
  for await (const { type } of stream) if (type === "content-delta") break;
  stop.abort();
  await sawHangUp();
});

onEveryProvider("cohere_image", async (provider) => {
  const image = { type: "image_url", imageUrl: { url: `data:image/png;base64,${DOT}` } };
  const messages = [{ role: "user", content: [image, { type: "text", text: "what is it?" }] }];
  assert.match((await ask(`${provider}/img`, { messages })).text, /^images: 1; image\/png 70 bytes sha256 /);
  await sawImage();
});

onEveryProvider("cohere_structured_output", async (provider) => {
  for (const streamed of [false, true]) {
    const responseFormat = { type: "json_object", jsonSchema: CITY };
    assert.deepEqual(JSON.parse((await ask(`${provider}/ok`, { streamed, responseFormat })).text), A_CITY);
    await sawSchema();
  }
});

onEveryProvider("cohere_models", async (provider) => {
  const names = ((await client.models.list()).models ?? []).map(({ name }) => name);
  assert(names.includes(`${provider}/ok`) || names.includes("ok"), names.join());
});

onEveryProvider("cohere_errors", async (provider) => {
  const stranger = new CohereClientV2({ ...options, token: "tr_wrong" });
  for (const [kind, status, work] of [
    [Cohere.TooManyRequestsError, 429, () => ask(`${provider}/s429ra2`)],
    [Cohere.BadRequestError, 400, () => ask(`${provider}/s400`)],
    [Cohere.BadRequestError, 400, () => ask(`${provider}/s400`, { streamed: true })],
    [Cohere.NotFoundError, 404, () => ask(`${provider}/no-such-model`)],
    [Cohere.ServiceUnavailableError, 503, () => ask(`${provider}/s529`)],
    [Cohere.UnauthorizedError, 401, () => stranger.chat({ model: `${provider}/ok`, messages: HI })],
  ]) {
    const problem = await raises(kind, work);
    assert.equal(problem.statusCode, status);
    assert.equal(typeof problem.body.message, "string", JSON.stringify(problem.body));
    if (status === 429) assert.equal(problem.rawResponse.headers.get("retry-after"), "2");
  }
});

onEveryProvider("cohere_broken_streams", async (provider) => {
  for (const model of ["err200", "err200late", "die5"]) {
    let found;
    try {
      found = await untilItBreaks(await client.chatStream({ model: `${provider}/${model}`, messages: HI }));
    } catch (problem) {
      assert(problem instanceof CohereError, String(problem));
      found = { items: [], problem };
    }
    assert(model === "err200" || found.items.some(({ type }) => type === "content-delta"), `${model}: no text`);
    const end = found.items.find(({ type }) => type === "message-end");
    assert(end ? end.delta.finishReason === "ERROR" : found.problem, `${model}: ${JSON.stringify(found.items.at(-1))}`);
  }
});
