// generateContent through the official Google SDK for JavaScript; run by other_node.mjs.
import assert from "node:assert/strict";

import { BASE, KEY, collect, onEveryProvider, raises, untilItBreaks } from "./harness/cases.mjs";
import { load } from "./harness/packages.mjs";
import { A_CITY, ARGUMENTS, CITY, DOT, ODD_STREAMS, OFFERS, RESULTS, SENTENCE } from "./harness/question.mjs";
import { THOUGHT, TOOLS, TRUTH, reported } from "./harness/question.mjs";
import { sawHangUp, sawImage, sawLoop, sawSchema, sawThought } from "./harness/question.mjs";
import { lastSeen, seen } from "./harness/seen.mjs";

const { ApiError, GoogleGenAI } = await load("@google/genai");

const httpOptions = { baseUrl: BASE.replace(/\/v1$/, ""), retryOptions: { attempts: 1 } };
const client = new GoogleGenAI({ apiKey: KEY, httpOptions });
const THINKING = { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } };
const says = (text) => ({ role: "user", parts: [{ text }] });

/** One request, whole or streamed: the parts of its answer, which must have ended well. */
async function ask(model, { contents = "hi", config, streamed = false } = {}) {
  const body = { model, contents, config };
  const answers = streamed
    ? await collect(await client.models.generateContentStream(body))
    : [await client.models.generateContent(body)];
  assert.equal(answers.at(-1).candidates[0].finishReason, "STOP");
  return answers.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
}

const textOf = (parts, thought = false) =>
  parts.map((part) => (Boolean(part.thought) === thought ? (part.text ?? "") : "")).join("");

onEveryProvider("google_text", async (provider) => {
  const config = { systemInstruction: "be brief", temperature: 0.5, maxOutputTokens: 64 };
  const answer = await client.models.generateContent({ model: `${provider}/ok`, contents: "hi", config });
  assert.equal(answer.text, TRUTH);
  assert.equal(answer.candidates[0].finishReason, "STOP");
  const { texts, body } = await lastSeen();
  assert.deepEqual(texts, ["be brief", "hi"]);
  assert.equal((body.generationConfig ?? body).temperature, 0.5);
});

onEveryProvider("google_stream", async (provider) => {
  const body = { model: `${provider}/ok`, contents: "hi" };
  const chunks = await collect(await client.models.generateContentStream(body));
  const pieces = chunks.map(({ text }) => text).filter(Boolean);
  assert(pieces.length > 3, pieces.join("|"));
  assert.equal(pieces.join(""), TRUTH);
  assert.equal(chunks.at(-1).candidates[0].finishReason, "STOP");
  const counted = chunks.at(-1).usageMetadata;
  const whole = (await client.models.generateContent(body)).usageMetadata;
  assert(whole.candidatesTokenCount > 1);
  assert.equal(counted.candidatesTokenCount, whole.candidatesTokenCount);
  assert.equal(counted.totalTokenCount, counted.promptTokenCount + counted.candidatesTokenCount);
});

onEveryProvider("google_usage", async (provider) => {
  const body = { model: `${provider}/cache`, contents: "hi" };
  const streamed = async () => (await collect(await client.models.generateContentStream(body))).at(-1);
  for (const answer of [() => client.models.generateContent(body), streamed]) {
    const { usageMetadata: usage } = await answer();
    const counted = [usage.promptTokenCount, usage.cachedContentTokenCount, usage.candidatesTokenCount];
    assert.deepEqual(counted, await reported());
    assert(counted[1] > 0);
  }
});

/** A tool in Google's form. */
function toolOf(name) {
  const [description, parametersJsonSchema] = TOOLS[name];
  return { name, description, parametersJsonSchema };
}

for (const streamed of [false, true]) {
  onEveryProvider(streamed ? "google_tool_loop_stream" : "google_tool_loop", async (provider) => {
    for (const offer of OFFERS) {
      for (const withIds of [true, false]) {
        const [model, asked] = [`${provider}/parallel`, says("hi")];
        const config = { tools: [{ functionDeclarations: offer.map(toolOf) }] };
        const first = await ask(model, { contents: [asked], config, streamed });
        const made = first.map(({ functionCall }) => functionCall).filter(Boolean);
        assert.deepEqual(made.map(({ args }) => args), made.map(({ name }) => ARGUMENTS[name]));
        assert.equal(made.length, 2);
        const results = made.map(({ id, name }, at) => {
          const response = { output: RESULTS[at] };
          return { functionResponse: withIds ? { id, name, response } : { name, response } };
        });
        const contents = [asked, { role: "model", parts: first }, { role: "user", parts: results }];
        const last = await ask(model, { contents, config, streamed });
        assert.equal(textOf(last), SENTENCE);
        sawLoop(made.map(({ name }) => name), made.map(({ id }) => id), (await seen()).slice(-2));
      }
    }
  });

  onEveryProvider(streamed ? "google_reasoning_stream" : "google_reasoning", async (provider) => {
    const first = await ask(`${provider}/think`, { contents: [says("hi")], config: THINKING, streamed });
    assert.equal(textOf(first, true), THOUGHT);
    assert.equal(textOf(first), TRUTH);
    const contents = [says("hi"), { role: "model", parts: first }, says("go on")];
    await ask(`${provider}/think`, { contents, config: THINKING, streamed });
    await sawThought(true);
  });

  onEveryProvider(streamed ? "google_chat_stream" : "google_chat", async (provider) => {
    // The SDK keeps the history here, of a stream too.
    const chat = client.chats.create({ model: `${provider}/think`, config: THINKING });
    for (const message of ["hi", "go on"]) {
      if (streamed) await collect(await chat.sendMessageStream({ message }));
      else assert.equal((await chat.sendMessage({ message })).text, TRUTH);
    }
    await sawThought(true);
  });
}

onEveryProvider("google_automatic_functions", async (provider) => {
  const asked = [];
  const weather = {
    tool: async () => ({ functionDeclarations: [toolOf("get_weather")] }),
    callTool: async (made) => {
      asked.push(...made.map(({ args }) => args));
      return made.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: RESULTS[0] } } }));
    },
  };
  const body = { model: `${provider}/tool`, contents: "hi", config: { tools: [weather] } };
  const answer = await client.models.generateContent(body);
  assert.deepEqual(asked, [ARGUMENTS.get_weather]);
  assert.equal(answer.text, SENTENCE);
  sawLoop(["get_weather"], [undefined], await seen());
});

onEveryProvider("google_tool_choice", async (provider) => {
  const functionDeclarations = Object.keys(TOOLS).map(toolOf);
  for (const [script, functionCallingConfig, called, word] of [
    ["tool", { mode: "ANY", allowedFunctionNames: ["get_time"] }, ["get_time"], "get_time"],
    ["parallel", { mode: "ANY" }, Object.keys(TOOLS), "any"],
    ["parallel", { mode: "NONE" }, [], "none"],
  ]) {
    const config = { tools: [{ functionDeclarations }], toolConfig: { functionCallingConfig } };
    const parts = await ask(`${provider}/${script}`, { config });
    assert.deepEqual(parts.filter((part) => part.functionCall).map((part) => part.functionCall.name), called);
    assert.equal((await lastSeen()).choice, word);
  }
});

onEveryProvider("google_tool_without_arguments", async (provider) => {
  for (const streamed of [false, true]) {
    const config = { tools: [{ functionDeclarations: [{ name: "look", description: "Looks." }] }] };
    const first = await ask(`${provider}/tool`, { config, streamed });
    const made = first.map(({ functionCall }) => functionCall).filter(Boolean);
    assert.deepEqual(made.map(({ name, args = {} }) => [name, args]), [["look", {}]]);
    const failed = { functionResponse: { id: made[0].id, name: "look", response: { error: "too dark" } } };
    const contents = [says("hi"), { role: "model", parts: first }, { role: "user", parts: [failed] }];
    await ask(`${provider}/tool`, { contents, config, streamed });
    const { asked, results } = await lastSeen();
    assert.deepEqual(asked.map(({ name, args }) => [name, args]), [["look", {}]]);
    assert.equal(results.length, 1);
    assert.match(results[0].text, /too dark/);
  }
});

onEveryProvider("google_retry", async (provider) => {
  const patient = new GoogleGenAI({ apiKey: KEY, httpOptions: { ...httpOptions, retryOptions: { attempts: 2 } } });
  assert.equal((await patient.models.generateContent({ model: `${provider}/s429x1`, contents: "hi" })).text, TRUTH);
  assert.equal((await seen()).length, 2);
});

onEveryProvider("google_odd_streams", async (provider) => {
  for (const [model, truth] of Object.entries(ODD_STREAMS)) {
    assert.equal(textOf(await ask(`${provider}/${model}`, { streamed: true })), truth);
  }
});

onEveryProvider("google_hang_up", async (provider) => {
  const stop = new AbortController();
  const body = { model: `${provider}/long+seconds=30`, contents: "hi", config: { abortSignal: stop.signal } };
  const stream = await client.models.generateContentStream(body);
  assert((await stream.next()).value.text);
  stop.abort();
  await sawHangUp();
});

onEveryProvider("google_reasoning_loss", async (provider) => {
  // A thought that arrives is not called lost, even when it came in pieces; one that does not arrive is.
  const first = await ask(`${provider}/think`, { contents: [says("hi")], config: THINKING, streamed: true });
  const contents = [says("hi"), { role: "model", parts: first }, says("go on")];
  const last = await client.models.generateContent({ model: `${provider}/think`, contents, config: THINKING });
  const lost = (last.sdkHttpResponse.headers["x-tokenrouter-degraded"] ?? "").includes("thought");
  const { thoughts } = await lastSeen();
  assert.notEqual(lost, thoughts.length > 0, `lost: ${lost}, arrived: ${thoughts}`);
});

onEveryProvider("google_image", async (provider) => {
  const contents = [{ inlineData: { mimeType: "image/png", data: DOT } }, { text: "what is it?" }];
  assert.match(textOf(await ask(`${provider}/img`, { contents })), /^images: 1; image\/png 70 bytes sha256 /);
  await sawImage();
});

onEveryProvider("google_structured_output", async (provider) => {
  // What Google calls a schema knows no `additionalProperties: false`.
  const { additionalProperties, ...simple } = CITY;
  for (const wanted of [{ responseJsonSchema: CITY }, { responseSchema: simple }]) {
    for (const streamed of [false, true]) {
      const config = { responseMimeType: "application/json", ...wanted };
      assert.deepEqual(JSON.parse(textOf(await ask(`${provider}/ok`, { config, streamed }))), A_CITY);
      await sawSchema();
    }
  }
});

onEveryProvider("google_reasoning_usage", async (provider) => {
  const body = { model: `${provider}/think`, contents: "hi", config: THINKING };
  const { usageMetadata: usage } = await client.models.generateContent(body);
  const [input, , output] = await reported();
  assert.equal(usage.promptTokenCount, input);
  assert.equal(usage.totalTokenCount, input + output);
  assert(usage.thoughtsTokenCount > 0);
  assert.equal(usage.candidatesTokenCount + usage.thoughtsTokenCount, output);
});

onEveryProvider("google_count_tokens", async (provider) => {
  assert((await client.models.countTokens({ model: `${provider}/ok`, contents: "hi" })).totalTokens > 0);
});

onEveryProvider("google_models", async (provider) => {
  const names = (await collect(await client.models.list())).map(({ name }) => name);
  assert(names.includes(`models/${provider}/ok`) || names.includes("models/ok"), names.join());
});

onEveryProvider("google_one_model", async (provider) => {
  assert.match((await client.models.get({ model: `${provider}/ok` })).name, /ok$/);
});

onEveryProvider("google_errors", async (provider) => {
  const stranger = new GoogleGenAI({ apiKey: "tr_wrong", httpOptions });
  for (const [status, name, work] of [
    [429, "RESOURCE_EXHAUSTED", () => ask(`${provider}/s429ra2`)],
    [400, "INVALID_ARGUMENT", () => ask(`${provider}/s400`)],
    [400, "INVALID_ARGUMENT", () => ask(`${provider}/s400`, { streamed: true })],
    [404, "NOT_FOUND", () => ask(`${provider}/no-such-model`)],
    [503, "UNAVAILABLE", () => ask(`${provider}/s529`)],
    [401, "UNAUTHENTICATED", () => stranger.models.generateContent({ model: `${provider}/ok`, contents: "hi" })],
  ]) {
    const problem = await raises(ApiError, work);
    assert.equal(problem.status, status);
    const { error } = JSON.parse(problem.message); // this SDK's message is the body
    assert.deepEqual([error.code, error.status], [status, name]);
    assert(error.message);
  }
});

onEveryProvider("google_retry_delay", async (provider) => {
  const problem = await raises(ApiError, () => ask(`${provider}/s429ra2`));
  const { details } = JSON.parse(problem.message).error;
  assert.equal(details.find((detail) => detail["@type"].endsWith("RetryInfo"))?.retryDelay, "2s");
});

onEveryProvider("google_broken_streams", async (provider) => {
  await raises(ApiError, () => ask(`${provider}/err200`, { streamed: true }));
  for (const model of ["err200late", "die5"]) {
    const body = { model: `${provider}/${model}`, contents: "hi" };
    const { items, problem } = await untilItBreaks(await client.models.generateContentStream(body));
    assert(items.some(({ text }) => text), `${model}: ${items.length} chunks`);
    assert(problem && !items.some(({ candidates }) => candidates?.[0]?.finishReason), `${model} ended well`);
  }
});
