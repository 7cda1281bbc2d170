# What a provider received, read from the wire form of its protocol into one shape, so that a case can look at it
# without knowing which protocol the provider speaks. `seen.mjs` is the same for JavaScript.
from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from harness.cases import calls

# A path of the provider ends with one of these, its query left out.
ENDS = (
    ("/chat/completions", "chat"),
    ("/responses", "responses"),
    ("/messages", "anthropic"),
    ("/chat", "cohere"),
    (":generateContent", "gemini"),
    (":streamGenerateContent", "gemini"),
)


@dataclass
class Seen:
    """One request as the provider understands it."""

    protocol: str
    body: dict
    streams: bool  # whether the answer shall be streamed
    texts: list[str] = field(default_factory=list)  # what user and system say, in order
    asked: list[tuple] = field(default_factory=list)  # tool calls in the history: id, name, arguments
    results: list[tuple] = field(default_factory=list)  # their results: id, text
    images: list[tuple] = field(default_factory=list)  # media type, bytes
    tools: dict[str, dict] = field(default_factory=dict)  # name -> schema of the arguments
    schema: dict | None = None  # what the answer shall be
    thoughts: list[str] = field(default_factory=list)  # reasoning in the history, as text
    seals: list[str] = field(default_factory=list)  # reasoning in the history, as only its maker can read it
    thinks: bool = False  # whether the client wants reasoning
    choice: str = "auto"  # what must be called: auto, any, none, or the name of a tool


def seen() -> list[Seen]:
    """The requests for an answer that the provider received since the case began."""
    return [read(call) for call in calls() if protocol_of(call)]


def last_seen() -> Seen:
    """The newest request for an answer."""
    received = seen()
    assert received, "the provider saw no request for an answer"
    return received[-1]


def protocol_of(call: dict) -> str | None:
    """The protocol a path belongs to."""
    path = call["path"].split("?")[0]
    return next((protocol for end, protocol in ENDS if path.endswith(end)), None)


def read(call: dict) -> Seen:
    """A received call in the shape of all."""
    streams = call["body"].get("stream") or ":stream" in call["path"]
    found = Seen(protocol_of(call) or "", call["body"], bool(streams))
    readers = {"chat": chat, "cohere": chat, "responses": responses, "anthropic": anthropic, "gemini": gemini}
    readers[found.protocol](found)
    return found


def chat(found: Seen) -> None:
    """Chat Completions, and Cohere, which resembles it."""
    body = found.body
    for message in body["messages"]:
        blocks = content_of(message)
        if message["role"] == "tool":
            documents = [block["document"] for block in blocks if block["type"] == "document"]
            text = text_of(blocks) + "".join(json.dumps(one, ensure_ascii=False) for one in documents)
            found.results.append((message["tool_call_id"], text))
        elif message["role"] != "assistant":
            found.texts += [block["text"] for block in blocks if block["type"] == "text"]
        for block in blocks:
            if block["type"] == "image_url":
                found.images.append(data_url(block["image_url"]["url"]))
            elif block["type"] == "thinking":
                found.thoughts.append(block["thinking"])
        if thought := message.get("reasoning_content") or message.get("reasoning"):
            found.thoughts.append(thought)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            found.asked.append((call["id"], function["name"], json.loads(function["arguments"])))
    for tool in body.get("tools") or ():
        found.tools[tool["function"]["name"]] = tool["function"].get("parameters")
    form = body.get("response_format") or {}
    found.schema = form.get("json_schema")
    if found.protocol == "chat" and found.schema:
        found.schema = found.schema["schema"]
    found.choice = choice_of(body.get("tool_choice"))
    if found.protocol == "cohere" and found.choice == "any" and len(found.tools) == 1:
        found.choice = next(iter(found.tools))  # the only way to name a tool there
    effort = body.get("reasoning_effort")
    found.thinks = effort not in (None, "none") or (body.get("thinking") or {}).get("type") == "enabled"


def responses(found: Seen) -> None:
    """Responses."""
    body = found.body
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "function_call":
            found.asked.append((item["call_id"], item["name"], json.loads(item["arguments"])))
        elif kind == "custom_tool_call":
            found.asked.append((item["call_id"], item["name"], {"input": item["input"]}))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            blocks = content_of(item, "output")
            found.results.append((item["call_id"], text_of(blocks)))
            found.images += [data_url(block["image_url"]) for block in blocks if block["type"] == "input_image"]
        elif kind == "reasoning":
            found.thoughts += [part["text"] for part in item["summary"]]
            found.seals += [item["encrypted_content"]] if item.get("encrypted_content") else []
        elif item["role"] != "assistant":
            blocks = content_of(item)
            found.texts += [block["text"] for block in blocks if block["type"] in ("input_text", "text")]
            found.images += [data_url(block["image_url"]) for block in blocks if block["type"] == "input_image"]
    if body.get("instructions"):
        found.texts.insert(0, body["instructions"])
    for tool in body.get("tools") or ():
        found.tools[tool.get("name", tool["type"])] = tool.get("parameters")
    found.schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    found.choice = choice_of(body.get("tool_choice"))
    found.thinks = (body.get("reasoning") or {}).get("effort") not in (None, "none")


def anthropic(found: Seen) -> None:
    """Messages."""
    body = found.body
    if body.get("system"):
        found.texts.append(text_of(content_of(body, "system")))
    for message in body["messages"]:
        for block in content_of(message):
            if block["type"] == "text" and message["role"] != "assistant":
                found.texts.append(block["text"])
            elif block["type"] == "tool_use":
                found.asked.append((block["id"], block["name"], block["input"]))
            elif block["type"] == "tool_result":
                inner = content_of(block)
                found.results.append((block["tool_use_id"], text_of(inner)))
                found.images += [source_of(part) for part in inner if part["type"] == "image"]
            elif block["type"] == "image":
                found.images.append(source_of(block))
            elif block["type"] == "thinking":
                found.thoughts.append(block["thinking"])
                found.seals += [block["signature"]] if block.get("signature") else []
    for tool in body.get("tools") or ():
        found.tools[tool["name"]] = tool.get("input_schema")
    found.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    found.choice = choice_of(body.get("tool_choice"))
    found.thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def gemini(found: Seen) -> None:
    """Gemini, which writes names in two ways."""
    body = found.body
    system = either(body, "systemInstruction") or {"parts": []}
    found.texts += [part["text"] for part in system["parts"]]
    for content in body["contents"]:
        for part in content["parts"]:
            if call := either(part, "functionCall"):
                found.asked.append((call.get("id"), call["name"], call.get("args") or {}))
            elif result := either(part, "functionResponse"):
                found.results.append((result.get("id"), json.dumps(result["response"], ensure_ascii=False)))
            elif data := either(part, "inlineData"):
                standard = data["data"].replace("-", "+").replace("_", "/")
                found.images.append((either(data, "mimeType"), base64.b64decode(standard)))
            elif part.get("thought"):
                found.thoughts.append(part.get("text", ""))
            elif "text" in part and content.get("role") != "model":
                found.texts.append(part["text"])
            if seal := either(part, "thoughtSignature"):
                found.seals.append(seal)
    for tool in body.get("tools") or ():
        for declared in either(tool, "functionDeclarations") or ():
            found.tools[declared["name"]] = either(declared, "parametersJsonSchema") or declared.get("parameters")
    calling = either(either(body, "toolConfig") or {}, "functionCallingConfig") or {}
    names = either(calling, "allowedFunctionNames") or []
    found.choice = names[0] if len(names) == 1 else calling.get("mode", "auto").lower()
    config = either(body, "generationConfig") or {}
    found.schema = either(config, "responseJsonSchema") or either(config, "responseSchema")
    thinking = either(config, "thinkingConfig") or {}
    found.thinks = bool(either(thinking, "includeThoughts") or either(thinking, "thinkingBudget"))


def choice_of(choice: object) -> str:
    """A `tool_choice` in the words of all: protocols write a word, or an object with a type or a name."""
    if isinstance(choice, dict):
        if name := choice.get("function", choice).get("name"):
            return name
        choice = choice["type"]
    word = (choice or "auto").lower()
    return "any" if word == "required" else word


def either(fields: dict, name: str) -> object:
    """A field by its camelCase name or by the same in snake_case."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return fields.get(name, fields.get(snake))


def content_of(fields: dict, name: str = "content") -> list[dict]:
    """Content that may be a plain string, as blocks."""
    content = fields.get(name) or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def text_of(blocks: list[dict]) -> str:
    """The text of blocks."""
    return "".join(block.get("text", "") for block in blocks)


def data_url(url: str) -> tuple[str, bytes]:
    """Media type and bytes of `data:image/png;base64,…`."""
    head, data = url.split(",", 1)
    return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data, validate=True)


def source_of(image: dict) -> tuple[str, bytes]:
    """Media type and bytes of an image block of Messages."""
    source = image["source"]
    return source["media_type"], base64.b64decode(source["data"], validate=True)
