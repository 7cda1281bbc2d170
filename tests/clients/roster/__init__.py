# The clients that are tested, one file each. A file here defines `CLIENT`; nothing else has to be told about it.
from __future__ import annotations

import importlib
import pkgutil

from harness.client import Client


def load() -> list[Client]:
    """Every client of this folder, by name."""
    modules = (importlib.import_module(f"roster.{found.name}") for found in pkgutil.iter_modules(__path__))
    return sorted((module.CLIENT for module in modules), key=lambda client: client.name)
