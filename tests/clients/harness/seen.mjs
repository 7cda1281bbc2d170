// What a provider received, read from the wire form of its protocol into one shape, so that a case can look at it
// without knowing which protocol the provider speaks. `seen.py` is the same for Python.
import assert from "node:assert/strict";

import { calls } from "./cases.mjs";

// A path of the provider ends with one of these, its query left out.
const ENDS = [
  ["/chat/completions", "chat"],
  ["/responses", "responses"],
  ["/messages", "anthropic"],
  ["/chat", "cohere"],
  [":generateContent", "gemini"],
  [":streamGenerateContent", "gemini"],
];
const READERS = { chat, cohere: chat, responses, anthropic, gemini };

/** The requests for an answer that the provider received since the case began. */
export async function seen() {
  return (await calls()).filter(protocolOf).map(read);
}

/** The newest request for an answer. */
export async function lastSeen() {
  const last = (await seen()).at(-1);
  assert(last, "the provider saw no request for an answer");
  return last;
}

/** The protocol a path belongs to. */
export function protocolOf(call) {
  const path = call.path.split("?")[0];
  return ENDS.find(([end]) => path.endsWith(end))?.[1];
}

/** A received call in the shape of all. */
export function read(call) {
  const found = {
    protocol: protocolOf(call),
    body: call.body,
    streams: Boolean(call.body.stream) || call.path.includes(":stream"), // whether the answer shall be streamed
    texts: [], // what user and system say, in order
    asked: [], // tool calls in the history: id, name, arguments
    results: [], // their results: id, text
    images: [], // media type, base64 in the standard alphabet
    tools: {}, // name -> schema of the arguments
    schema: undefined, // what the answer shall be
    thoughts: [], // reasoning in the history, as text
    seals: [], // reasoning in the history, as only its maker can read it
    thinks: false, // whether the client wants reasoning
    choice: choiceOf(call.body.tool_choice), // what must be called: auto, any, none, or the name of a tool
  };
  READERS[found.protocol](found, call.body);
  return found;
}

/** Chat Completions, and Cohere, which resembles it. */
function chat(found, body) {
  for (const message of body.messages) {
    const blocks = blocksOf(message.content);
    if (message.role === "tool") {
      const documents = blocks.filter(({ type }) => type === "document").map((block) => JSON.stringify(block.document));
      found.results.push({ id: message.tool_call_id, text: textOf(blocks) + documents.join("") });
    } else if (message.role !== "assistant") {
      found.texts.push(...blocks.filter(({ type }) => type === "text").map(({ text }) => text));
    }
    for (const block of blocks) {
      if (block.type === "image_url") found.images.push(ofUrl(block.image_url.url));
      if (block.type === "thinking") found.thoughts.push(block.thinking);
    }
    const thought = message.reasoning_content || message.reasoning;
    if (thought) found.thoughts.push(thought);
    for (const { id, function: { name, arguments: text } } of message.tool_calls ?? []) {
      found.asked.push({ id, name, args: JSON.parse(text) });
    }
  }
  for (const { function: { name, parameters } } of body.tools ?? []) found.tools[name] = parameters;
  const wanted = body.response_format?.json_schema;
  const names = Object.keys(found.tools);
  // The only way to name a tool in Cohere's protocol.
  if (found.protocol === "cohere" && found.choice === "any" && names.length === 1) [found.choice] = names;
  found.schema = found.protocol === "chat" ? wanted?.schema : wanted;
  found.thinks = !["none", undefined].includes(body.reasoning_effort) || body.thinking?.type === "enabled";
}

/** Responses. */
function responses(found, body) {
  if (body.instructions) found.texts.push(body.instructions);
  for (const item of typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input) {
    if (item.type === "function_call") {
      found.asked.push({ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) });
      continue;
    }
    if (item.type === "reasoning") {
      found.thoughts.push(...item.summary.map(({ text }) => text));
      if (item.encrypted_content) found.seals.push(item.encrypted_content);
      continue;
    }
    const blocks = blocksOf(item.type === "function_call_output" ? item.output : item.content);
    if (item.type === "function_call_output") found.results.push({ id: item.call_id, text: textOf(blocks) });
    else if (item.role !== "assistant") {
      found.texts.push(...blocks.filter(({ type }) => /^(input_)?text$/.test(type)).map(({ text }) => text));
    }
    found.images.push(...blocks.filter(({ type }) => type === "input_image").map((block) => ofUrl(block.image_url)));
  }
  for (const { name, parameters } of body.tools ?? []) found.tools[name] = parameters;
  found.schema = body.text?.format?.schema;
  found.thinks = !["none", undefined].includes(body.reasoning?.effort);
}

/** Messages. */
function anthropic(found, body) {
  if (body.system) found.texts.push(textOf(blocksOf(body.system)));
  for (const { role, content } of body.messages) {
    for (const block of blocksOf(content)) {
      if (block.type === "text" && role !== "assistant") found.texts.push(block.text);
      else if (block.type === "tool_use") found.asked.push({ id: block.id, name: block.name, args: block.input });
      else if (block.type === "image") found.images.push(ofSource(block));
      else if (block.type === "tool_result") {
        const inner = blocksOf(block.content);
        found.results.push({ id: block.tool_use_id, text: textOf(inner) });
        found.images.push(...inner.filter(({ type }) => type === "image").map(ofSource));
      } else if (block.type === "thinking") {
        found.thoughts.push(block.thinking);
        if (block.signature) found.seals.push(block.signature);
      }
    }
  }
  for (const { name, input_schema } of body.tools ?? []) found.tools[name] = input_schema;
  found.schema = body.output_config?.format?.schema;
  found.thinks = ["enabled", "adaptive"].includes(body.thinking?.type);
}

/** Gemini, which writes names in two ways. */
function gemini(found, body) {
  for (const { text } of either(body, "systemInstruction")?.parts ?? []) found.texts.push(text);
  for (const { role, parts } of body.contents) {
    for (const part of parts) {
      const call = either(part, "functionCall");
      const result = either(part, "functionResponse");
      const data = either(part, "inlineData");
      const seal = either(part, "thoughtSignature");
      if (call) found.asked.push({ id: call.id, name: call.name, args: call.args ?? {} });
      else if (result) found.results.push({ id: result.id, text: JSON.stringify(result.response) });
      else if (data) found.images.push({ type: either(data, "mimeType"), data: standard(data.data) });
      else if (part.thought) found.thoughts.push(part.text ?? "");
      else if (part.text !== undefined && role !== "model") found.texts.push(part.text);
      if (seal) found.seals.push(seal);
    }
  }
  for (const tool of body.tools ?? []) {
    for (const declared of either(tool, "functionDeclarations") ?? []) {
      found.tools[declared.name] = either(declared, "parametersJsonSchema") ?? declared.parameters;
    }
  }
  const calling = either(either(body, "toolConfig") ?? {}, "functionCallingConfig") ?? {};
  const names = either(calling, "allowedFunctionNames") ?? [];
  found.choice = names.length === 1 ? names[0] : (calling.mode ?? "auto").toLowerCase();
  const config = either(body, "generationConfig") ?? {};
  const thinking = either(config, "thinkingConfig") ?? {};
  found.schema = either(config, "responseJsonSchema") ?? either(config, "responseSchema");
  found.thinks = Boolean(either(thinking, "includeThoughts") || either(thinking, "thinkingBudget"));
}

/** A `tool_choice` in the words of all: protocols write a word, or an object with a type or a name. */
function choiceOf(choice = "auto") {
  const name = (choice.function ?? choice).name;
  if (name) return name;
  const word = (choice.type ?? choice).toLowerCase();
  return word === "required" ? "any" : word;
}

/** A field by its camelCase name or by the same in snake_case. */
function either(fields, name) {
  return fields[name] ?? fields[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
}

/** Content that may be a plain string, as blocks. */
function blocksOf(content) {
  return typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
}

const textOf = (blocks) => blocks.map(({ text }) => text ?? "").join("");
const standard = (data) => data.replaceAll("-", "+").replaceAll("_", "/");
const ofSource = ({ source }) => ({ type: source.media_type, data: source.data });

/** Media type and base64 of `data:image/png;base64,…`. */
function ofUrl(url) {
  const [, type, data] = url.match(/^data:([^;]+);base64,(.*)$/s) ?? [];
  return { type, data };
}
