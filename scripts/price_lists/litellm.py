"""litellm's model_prices_and_context_window_backup.json."""

import json
import re

from .rules import VENDORS, at, drop_zero_cache, known_price, number

MODES = {
    "chat": "chat", "responses": "responses", "completion": "completion", "embedding": "embedding",
    "rerank": "rerank", "image_generation": "image", "image_edit": "image", "audio_transcription": "transcription",
    "audio_speech": "speech", "moderation": "moderation",
}
# Field of litellm's list -> our unit. Tokens are priced per million, pieces each.
TOKENS = {
    "input_cost_per_token": "input", "output_cost_per_token": "output", "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write", "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_in", "cache_read_input_audio_token_cost": "audio_cached",
    "output_cost_per_audio_token": "audio_out", "input_cost_per_image_token": "image_in",
    "cache_read_input_image_token_cost": "image_cached", "output_cost_per_image_token": "image_out",
}
PIECES = {
    "input_cost_per_request": "request", "input_cost_per_query": "request", "output_cost_per_image": "image",
    "input_cost_per_second": "second_in", "output_cost_per_second": "second_out",
    "input_cost_per_character": "character",
}
TIERS = {"_batches": "batch", "_flex": "flex", "_priority": "priority"}
FIELD = re.compile(
    "^(" + "|".join(sorted(TOKENS | PIECES, key=len, reverse=True)) + ")"
    r"(_above_1hr|_above_12hr)?(?:_above_(\d+)(k?)_tokens)?(_batches|_flex|_priority)?$"
)
CAN = {
    "supports_function_calling": "tools", "supports_parallel_function_calling": "parallel_tools",
    "supports_reasoning": "reasoning", "thinking_always_on": "always_thinks",
    "supports_adaptive_thinking": "adaptive_thinking", "supports_legacy_thinking": "thinking_budget",
    "supports_response_schema": "schema", "supports_native_structured_output": "strict_schema",
    "supports_output_config": "output_config",
    "supports_prompt_caching": "prompt_cache", "supports_prompt_cache_breakpoint": "cache_marks",
    "supports_sampling_params": "sampling", "supports_system_messages": "system",
    "supports_mid_conversation_system": "late_system", "supports_assistant_prefill": "prefill",
    "supports_web_search": "web_search",
    "supports_tool_search": "tool_search",
}
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
MODALITIES = ["text", "image", "audio", "video", "pdf"]


def rates_of(fields, price, *path):
    for name, value in fields.items():
        found = FIELD.match(name)
        if not found or not isinstance(value, (int, float)) or isinstance(value, bool):
            continue
        base, life, above, kilo, tier = found.groups()
        unit = TOKENS.get(base) or PIECES[base]
        if life:
            if unit != "cache_write" or (life == "_above_12hr" and any("_above_1hr" in f for f in fields)):
                continue
            unit = "cache_write_1h"
        steps = list(path)
        if tier:
            steps.append(TIERS[tier])
        if above:
            steps += ["above", int(above) * (1000 if kilo else 1)]
        at(price, *steps)[unit] = number(value) * (1_000_000 if base in TOKENS else 1)


def hours_of(block):
    """litellm's off_peak_pricing: windows in UTC, days of the week by a calendar that has the same day then."""
    if block.get("weekday_timezone", "UTC") not in ("UTC", "Asia/Shanghai"):
        return []
    rates = {}
    rates_of(block, rates)
    windows = list(block.get("windows", []))
    if "hours_utc" in block:
        windows.append({"hours_utc": block["hours_utc"]})
    out = []
    for window in windows:
        hours = window["hours_utc"]
        days = "".join(str(day) for day in window.get("weekdays", [1, 2, 3, 4, 5, 6, 7]))
        out.append({"utc": hours if isinstance(hours, str) else " ".join(hours), "days": days, **rates})
    return out


def price_of(entry):
    price = {}
    rates_of(entry, price)
    for tier in entry.get("tiered_pricing") or []:
        if "range" not in tier:
            continue
        start = int(tier["range"][0])
        rates_of(tier, price, *(("above", start) if start else ()))
    if "cost_per_second" in entry and "second_in" not in price:
        price["second_in"] = number(entry["cost_per_second"])
    search = entry.get("search_context_cost_per_query")
    if isinstance(search, dict) and search:
        price["web_search"] = max(number(cost) for cost in search.values())
    special = entry.get("provider_specific_entry")
    if isinstance(special, dict) and isinstance(special.get("fast"), (int, float)):
        price["fast"] = {u: v * number(special["fast"]) for u, v in price.items() if u in TOKENS.values() or u == "cache_write_1h"}
    if "off_peak_pricing" in entry:
        hours = hours_of(entry["off_peak_pricing"])
        if hours:
            price["hours"] = hours
    drop_zero_cache(price)
    return price


def facts_of(entry):
    facts = {}
    for ours, theirs in (("context", "max_input_tokens"), ("output", "max_output_tokens")):
        value = entry.get(theirs) or (entry.get("max_tokens") if ours == "output" else None)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value < 4_000_000_000:
            facts[ours] = int(value)
    can = [name for field, name in CAN.items() if entry.get(field) is True]
    cannot = [name for field, name in CAN.items() if entry.get(field) is False]
    efforts = entry.get("reasoning_effort_levels")
    if efforts is None:
        told = [e for e in EFFORTS if f"supports_{e}_reasoning_effort" in entry]
        if told and entry.get("supports_reasoning"):
            no = [e for e in EFFORTS if entry.get(f"supports_{e}_reasoning_effort") is False]
            yes = [e for e in told if entry[f"supports_{e}_reasoning_effort"] is True]
            efforts = [e for e in EFFORTS if e in yes or (e in ("low", "medium", "high") and e not in no)]
    inputs = entry.get("supported_modalities") or (["text"] if entry.get("supports_vision") or entry.get("supports_audio_input") else [])
    inputs = set(inputs)
    for field, name in (("supports_vision", "image"), ("supports_image_input", "image"), ("supports_audio_input", "audio"),
                        ("supports_video_input", "video"), ("supports_pdf_input", "pdf")):
        if entry.get(field) is True:
            inputs |= {"text", name}
        elif entry.get(field) is False:
            inputs.discard(name)
    outputs = set(entry.get("supported_output_modalities") or [])
    if entry.get("supports_audio_output") is True:
        outputs |= {"text", "audio"}
    if can:
        facts["can"] = " ".join(can)
    if cannot:
        facts["cannot"] = " ".join(cannot)
    if efforts:
        facts["efforts"] = " ".join(e for e in EFFORTS if e in efforts)
    for key, names in (("in", inputs), ("out", outputs)):
        names = [m for m in MODALITIES if m in names]
        if names and names != ["text"]:
            facts[key] = " ".join(names)
    least = entry.get("prompt_cache_min_tokens")
    if isinstance(least, (int, float)) and 0 < least < 1e6:
        facts["cache_min"] = int(least)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", str(entry.get("deprecation_date", ""))):
        facts["until"] = entry["deprecation_date"]
    return facts


def model_name(key, vendor):
    """The name by which the provider knows the model, or None for what is no model's name."""
    first, slash, rest = key.partition("/")
    if slash and first in (vendor, vendor.split("-")[0], "bedrock", "vertex_ai", "cohere", "openai") and rest:
        key = rest
    key = key.removeprefix("accounts/fireworks/models/")
    if "*" in key or key.startswith(("fireworks-ai-", "together-ai-")) or key in ("container", "search"):
        return None
    ours = VENDORS["litellm"][vendor]
    # Sizes and regions in front of a name are places in a price list, not names.
    if ours in ("openai", "azure", "azure-ai") and "/" in key:
        return None
    if ours == "bedrock" and "/" in key:
        return None
    return key


def read(path, models):
    """Entries of litellm's list; of two that bear one name, that with the provider in front wins."""
    listed = json.loads(path.read_text())
    for key in sorted(listed, key=lambda key: ("/" in key, key)):
        entry = listed[key]
        vendor, mode = entry.get("litellm_provider"), MODES.get(entry.get("mode"))
        if vendor not in VENDORS["litellm"] or not mode:
            continue
        provider, name = VENDORS["litellm"][vendor], model_name(key, vendor)
        if not name:
            continue
        if provider == "ollama" and name.endswith("-cloud"):
            provider = "ollama-cloud"
        made = {}
        if mode != "chat":
            made["mode"] = mode
        price = known_price(provider, name, mode, price_of(entry))
        if price is not None:
            made["price"] = price
        made |= facts_of(entry)
        models.setdefault(provider, {})[name] = made
