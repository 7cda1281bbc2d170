#!/usr/bin/env python3
"""Makes router/src/catalog/models.json out of two public price lists.

    pip download --no-deps litellm genai-prices     # both MIT; unpack the two wheels into one folder
    python3 scripts/catalogue.py FOLDER [--made YYYY-MM-DD]

Standard library only. The same input gives the same bytes. What a field of litellm's list becomes is told in
router/src/catalog/import.rs too, which reads the same list in the running program; a test compares both.
"""

import argparse
import datetime
import hashlib
import json
import re
import sys
from decimal import Decimal
from pathlib import Path

from price_lists import genai, litellm
from price_lists.rules import CATALOG, ORDER

REGION = re.compile(r"^(us|eu|apac|au|jp|ca|global|us-gov)\.")


def plain(value):
    """A JSON number in its shortest form."""
    text = format(value.normalize(), "f")
    return int(text) if "." not in text else float(text)


def shown(value):
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: (ORDER.index(k) if k in ORDER else -1, k) if isinstance(k, str) else (-1, k))
        return {str(key): shown(value[key]) for key in keys}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def compact(models):
    """One line for each model; a model that equals an earlier one of its provider is its name only."""
    lines = []
    for provider in sorted(models):
        rows, seen = [], {}
        for name in [name for name in models[provider] if provider == "bedrock" and REGION.match(name)]:
            if models[provider].get(REGION.sub("", name)) == models[provider][name]:
                del models[provider][name]  # found without its region
        for name in sorted(models[provider], key=lambda n: (len(n), n)):
            entry = dict(models[provider][name])
            if "price" in entry:
                entry["price"] = shown(entry["price"])
            text = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
            if len(text) > 40 and text in seen:
                text = json.dumps(seen[text])
            else:
                seen[text] = name
            rows.append(f"{json.dumps(name)}:{text}")
        lines.append(f"{json.dumps(provider)}:{{\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}"


def version_of(folder, name):
    found = sorted(folder.glob(f"{name}-*.dist-info"))
    return found[0].name.removeprefix(f"{name}-").removesuffix(".dist-info") if found else sys.exit(f"no {name} in {folder}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("folder", type=Path, help="where the wheels of litellm and genai-prices are unpacked")
    args.add_argument("--made", type=datetime.date.fromisoformat, default=datetime.date.today(), help="the date to write")
    args.add_argument("--out", type=Path, default=CATALOG / "models.json")
    args = args.parse_args()
    models = {}
    litellm.read(args.folder / "litellm/model_prices_and_context_window_backup.json", models)
    genai.read(args.folder / "genai_prices/data.py", args.made, models)
    body = compact(models)
    about = {
        "format": "tokenrouter-models-1",
        "made": args.made.isoformat(),
        "version": f"{args.made.isoformat()}-{hashlib.sha256(body.encode()).hexdigest()[:8]}",
        "units": "USD per million tokens; request, image, second, character and web_search: USD each",
        "made_by": "scripts/catalogue.py",
        "sources": [
            {"name": "litellm", "version": version_of(args.folder, "litellm"), "licence": "MIT",
             "copyright": "Copyright (c) 2023 Berri AI", "url": "https://github.com/BerriAI/litellm"},
            {"name": "genai-prices", "version": version_of(args.folder, "genai_prices"), "licence": "MIT",
             "copyright": "Copyright (c) Pydantic Services Inc. 2025 to present", "url": "https://github.com/pydantic/genai-prices"},
        ],
        "licence": "docs/licences/model-data.md",
    }
    text = '{"about":' + json.dumps(about) + ',\n"providers":' + body + "}\n"
    json.loads(text)
    args.out.write_text(text)
    count = sum(len(m) for m in models.values())
    priced = sum("price" in e for m in models.values() for e in m.values())
    print(f"{args.out}: {count} models of {len(models)} providers, {priced} with a price, {len(text):,} bytes")


if __name__ == "__main__":
    main()
