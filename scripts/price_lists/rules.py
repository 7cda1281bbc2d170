"""What holds for every price list: the order of fields, exact numbers, and which prices are not believed."""

import json
from decimal import Decimal
from pathlib import Path

CATALOG = Path(__file__).resolve().parents[2] / "router/src/catalog"
VENDORS = json.loads((CATALOG / "vendors.json").read_text())
TEXT_MODES = {"chat", "responses", "completion"}
ORDER = [
    "input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning", "audio_in", "audio_cached",
    "audio_out", "image_in", "image_cached", "image_out", "request", "image", "second_in", "second_out", "character",
    "web_search", "above", "batch", "flex", "priority", "fast", "hours", "from",
]
DEAREST = Decimal(1000)  # USD per million tokens; above it stands a mistake of unit


def number(value):
    """A decimal without noise: 1.0000000000000001e-07 is 1e-07."""
    return Decimal(format(value, ".15g")) if isinstance(value, float) else Decimal(value)


def at(price, *path):
    for step in path:
        price = price.setdefault(step, {})
    return price


def drop_zero_cache(price):
    """A cache that costs nothing beside an input that costs something says "not charged apart"."""
    def walk(level):
        for unit in ("cache_read", "cache_write", "cache_write_1h", "audio_cached", "image_cached"):
            if level.get(unit) == 0:
                del level[unit]
        for key, inner in level.items():
            if isinstance(inner, dict):
                for deeper in inner.values() if key in ("above", "from") else [inner]:
                    walk(deeper)
            elif key == "hours":
                for window in inner:
                    walk(window)
    if price.get("input"):
        walk(price)


def is_free_name(name):
    return name.endswith(":free") or name.endswith("-free")


def known_price(provider, name, mode, price):
    """The price, or None where the list does not really know it."""
    if not price:
        return None
    if any(v > DEAREST for u, v in price.items() if u in ORDER[:12] and isinstance(v, Decimal)):
        return None
    if mode in TEXT_MODES:
        if "input" not in price or "output" not in price:
            return None
        if price["input"] == 0 and price["output"] == 0:
            free = provider in VENDORS["free"] or provider in VENDORS["zero_is_free"] or is_free_name(name)
            return price if free else None
    elif not any(price.get(unit) for unit in ORDER if unit != "web_search" and not isinstance(price.get(unit), (dict, list))):
        return None
    return price
