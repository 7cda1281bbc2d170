"""genai-prices' data.py: a Python file of constructor calls, read without running it."""

import ast
import datetime
from decimal import Decimal

from .rules import VENDORS, at, drop_zero_cache, known_price

UNITS = {
    "input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cache_read", "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h", "output_reasoning_mtok": "reasoning", "input_audio_mtok": "audio_in",
    "cache_audio_read_mtok": "audio_cached", "output_audio_mtok": "audio_out", "input_image_mtok": "image_in",
    "cache_image_read_mtok": "image_cached", "output_image_mtok": "image_out", "web_searches_kcount": "web_search",
    "requests_kcount": "request",
}


def named(call):
    return {word.arg: word.value for word in call.keywords}


def decimal(node):
    return Decimal(str(node.args[0].value)) if isinstance(node, ast.Call) else Decimal(str(node.value))


def genai_rates(node, price):
    for unit, value in named(node).items():
        if unit not in UNITS:
            continue
        per = 1000 if unit.endswith("_kcount") else 1
        if isinstance(value, ast.Call) and value.func.id == "TieredPrices":
            parts = named(value)
            price[UNITS[unit]] = decimal(parts["base"]) / per
            for tier in parts["tiers"].elts:
                tier = named(tier)
                at(price, "above", int(tier["start"].value))[UNITS[unit]] = decimal(tier["price"]) / per
        else:
            price[UNITS[unit]] = decimal(value) / per
    return price


def present(node):
    return None if isinstance(node, ast.Constant) and node.value is None else node


def start_of(node):
    return datetime.date(*(part.value for part in named(node)["start_date"].args))


def genai_price(parts, made):
    """The price on the day `made`, and those with a later start."""
    node, price, later = parts["prices"], {}, {}
    conditional = node.elts if isinstance(node, ast.List) else None
    for choice in conditional or []:
        choice = named(choice)
        constraint = present(choice.get("constraint"))
        rates = genai_rates(choice["prices"], {})
        if constraint is None:
            price = rates
        elif constraint.func.id == "StartDateConstraint":
            if start_of(constraint) <= made:
                price = rates
            else:
                later[start_of(constraint).isoformat()] = rates
        else:
            return None  # hours of the day are taken from the other list, which knows days of the week too
    if conditional is None:
        price = genai_rates(node, {})
    for variant in (parts["price_variants"].elts if "price_variants" in parts else []):
        variant = named(variant)
        when = {key.value: value.value for key, value in zip(variant["when"].keys, variant["when"].values)}
        constraint = present(variant.get("constraint"))
        if constraint is not None and (constraint.func.id != "StartDateConstraint" or start_of(constraint) > made):
            continue
        tier = when.get("processing") or when.get("service_tier")
        if len(when) == 1 and tier in ("batch", "flex", "priority"):
            price[tier] = genai_rates(variant["prices"], {})
    if later:
        price["from"] = later
    drop_zero_cache(price)
    return price


def read(path, made, models):
    """Fills in what the first list does not have: whole providers (OpenRouter, Hugging Face) and single models."""
    tree = ast.parse(path.read_text())
    lists = [node.value for node in tree.body if isinstance(node, ast.AnnAssign) and node.target.id == "providers"]
    for provider in lists[0].elts:
        parts = named(provider)
        theirs = parts["id"].value
        ours = VENDORS["genai_prices"].get(theirs)
        if not ours:
            continue
        for model in parts["models"].elts:
            parts_of_model = named(model)
            name = parts_of_model["id"].value
            price = genai_price(parts_of_model, made)
            if theirs.startswith("huggingface_"):
                name += ":" + theirs.removeprefix("huggingface_")
            entry = {}
            price = known_price(ours, name, "chat", price)
            if price is not None:
                entry["price"] = price
            window = parts_of_model.get("context_window")
            if window is not None and isinstance(window.value, int) and window.value > 0:
                entry["context"] = window.value
            if theirs == "google" and not name.startswith(("gemini", "gemma", "learnlm")):
                continue  # what Google sells of others is sold elsewhere than its own models
            if ours == "openrouter" and "/" not in name:
                continue  # every model of OpenRouter bears its author's name in front
            if entry and name not in models.setdefault(ours, {}):
                models[ours][name] = entry
