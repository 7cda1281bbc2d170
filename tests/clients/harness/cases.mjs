// A small runner for client scripts: one line per case, a hard time limit for each, and what the provider saw.
import assert from "node:assert/strict";

export const { BASE, KEY, SIM } = process.env;
export const PROVIDERS = process.env.PROVIDERS.split(" "); // see harness/gateway.py
const KNOWN = JSON.parse(process.env.KNOWN); // see harness/known.py
const CHOSEN = process.env.CASES.split(" ").filter(Boolean); // only these, or all
const CASE_MS = 20_000; // no case may take longer
const SEEN_MS = 5_000; // how long the provider may take to notice something
const registered = [];

/** Makes a function a test case. */
export function test(name, run) {
  registered.push({ name, run });
}

/** Makes a test case of a function for each provider, named after both. */
export function onEveryProvider(name, run) {
  for (const provider of PROVIDERS) test(`${name}_${provider}`, () => run(provider));
}

/** Runs the chosen cases, in the order they are written, and ends the program. */
export async function runAll() {
  const chosen = registered.filter(({ name }) => CHOSEN.includes(name));
  for (const one of CHOSEN.length > 0 ? [] : registered) {
    const reason = KNOWN[one.name] ?? KNOWN[one.name.replace(/_[^_]*$/, "")];
    if (reason) console.log(`  skip ${one.name}: ${reason}`);
    else chosen.push(one);
  }
  let failed = 0;
  for (const { name, run } of chosen) {
    await clearCalls();
    const started = performance.now();
    const problem = await withinLimit(run).then(() => null, (raised) => raised ?? new Error("rejected with nothing"));
    const end = problem ? "FAIL" : "ok  ";
    console.log(`  ${end} ${name} ${Math.round(performance.now() - started)} ms`);
    if (problem) {
      failed += 1;
      await report(problem);
    }
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
}

async function withinLimit(run) {
  let clock;
  const limit = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error(`more than ${CASE_MS} ms`)), CASE_MS);
  });
  try {
    await Promise.race([run(), limit]);
  } finally {
    clearTimeout(clock);
  }
}

async function report(problem) {
  const all = String(problem?.stack ?? problem).slice(0, 4_000).split("\n");
  const lines = all.filter((line) => !/^\s+at /.test(line) || line.includes("/tests/clients/")).slice(0, 16);
  for (const line of lines) console.log(`       ${line}`);
  const seen = await calls().catch(() => []);
  for (const call of seen.slice(0, 5)) console.log(`       provider saw ${call.method} ${call.path}: ${call.ended}`);
}

/** Forgets what the provider saw so far. */
export async function clearCalls() {
  const answer = await fetch(`${SIM}/calls`, { method: "DELETE" });
  await answer.arrayBuffer();
}

/** What the provider received since the case began. */
export async function calls(path = "") {
  const answer = await fetch(`${SIM}/calls`);
  // The gateway asks for the models by itself, at any time and when a name is missing.
  const isList = (call) => call.method === "GET" && call.path.split("?")[0].endsWith("/models");
  return (await answer.json()).filter((call) => call.path.endsWith(path) && !isList(call));
}

/** The newest call that the provider received. */
export async function lastCall(path = "") {
  const call = (await calls(path)).at(-1);
  assert(call, "the provider saw no call");
  return call;
}

/** Asks until what the provider saw is as expected. */
export async function waitCalls(condition, what) {
  const end = performance.now() + SEEN_MS;
  for (;;) {
    const seen = await calls();
    if (condition(seen)) return seen;
    assert(performance.now() < end, `the provider did not see within ${SEEN_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The very bytes that the provider received. */
export function rawBody(call) {
  // The text is absent when the bytes are none.
  return call.body_text === null ? Buffer.from(call.body_base64, "base64") : Buffer.from(call.body_text);
}

/** What the provider answers to exactly this call when nothing is in between. */
export async function replay(call) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(SIM + call.path, { method: "POST", headers, body: rawBody(call) });
  return answer.text();
}

/** The JSON events of a server-sent stream. */
export function events(stream) {
  const lines = stream.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).trim()).filter((line) => line !== "[DONE]").map((line) => JSON.parse(line));
}

/** All items of an async iterable. */
export async function collect(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** What a stream gives, and the error it ends with, if it does. */
export async function untilItBreaks(stream) {
  const items = [];
  try {
    for await (const item of stream) items.push(item);
  } catch (problem) {
    return { items, problem };
  }
  return { items };
}

/** The error that must come. */
export async function raises(kind, work) {
  let answer;
  try {
    answer = await work();
  } catch (problem) {
    assert(problem instanceof kind, `${problem?.constructor?.name} instead of ${kind.name}: ${problem}`);
    return problem;
  }
  throw new assert.AssertionError({ message: `no ${kind.name}, but ${JSON.stringify(answer)}` });
}
