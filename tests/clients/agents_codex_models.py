# Codex learns from the gateway how models are used that it does not know, and keeps what it knows of its own.
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from harness.agent import PLACES, TIME_S, TOROD, Agent
from harness.cases import BASE, case

MODEL, CONTEXT = "oa/ok+cached=1", 123_456  # see harness/gateway.py
AUTH = '[model_providers.gateway.auth]\ncommand = "printenv"\nargs = ["KEY"]\n'


def prepare(agent: Agent, auth: str, more: str = "") -> None:
    """Codex's configuration: how it comes to its key decides whether it asks for a catalogue."""
    settings = agent.home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(
        f'{more}model_provider = "gateway"\napproval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
        "check_for_update_on_startup = false\n[analytics]\nenabled = false\n[features]\napi_key_model_discovery = true\n"
        f'[model_providers.gateway]\nname = "gateway"\nbase_url = "{BASE}"\nwire_api = "responses"\n{auth}'
    )


def catalogue(agent: Agent, *flags: str) -> dict[str, dict]:
    """What Codex knows of models, by name."""
    told = json.loads(agent.run(["codex", "debug", "models", *flags], {}))
    return {model["slug"]: model for model in told["models"]}


def turn(agent: Agent, model: str) -> list[str]:
    """What Codex warns of while it has a model answer."""
    said = agent.run(["codex", "exec", "--skip-git-repo-check", "--json", "-m", model, agent.name], {})
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert events[-1]["type"] == "turn.completed", events
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item["message"] for item in done if item["type"] == "error"]


def ours(agent: Agent, bundled: dict[str, dict], known: dict[str, dict]) -> None:
    """Ours are there, as the gateway tells them; Codex's own are as they were."""
    assert {slug: known.get(slug) for slug in bundled} == bundled, known.keys()
    model = known[MODEL]
    assert (model["context_window"], model["auto_compact_token_limit"]) == (CONTEXT, CONTEXT - 12_346), model
    assert model["input_modalities"] == ["text", "image"] and model["default_reasoning_level"] == "medium", model
    assert turn(agent, MODEL) == []


@case
def codex_adds_our_models_to_its_own() -> None:
    agent = Agent("codex-asks-run")
    prepare(agent, AUTH)
    ours(agent, catalogue(agent, "--bundled"), catalogue(agent))


@case
def codex_takes_a_joined_catalogue() -> None:
    agent = Agent("codex-joined-run")
    joined = agent.home / "models.json"
    prepare(agent, 'env_key = "KEY"\n', f'model_catalog_json = "{joined}"\n')
    joined.write_text('{"models":[]}')
    own = agent.home / "own.json"
    own.write_text(agent.run(["codex", "debug", "models", "--bundled"], {}))
    joined.write_text(torod("models", "--format", "codex", "--join", str(own), *PLACES))
    bundled = {model["slug"]: model for model in json.loads(own.read_text())["models"]}
    ours(agent, bundled, catalogue(agent))


@case
def codex_takes_the_whole_catalogue_of_a_url() -> None:
    agent = Agent("codex-url-run")
    prepare(agent, f'model_catalog_url = "{BASE}/models?catalog=whole"\nenv_key = "KEY"\n')
    known = catalogue(agent)
    assert known[MODEL]["context_window"] == CONTEXT and "gpt-5.5" not in known, known.keys()
    assert turn(agent, MODEL) == []


@case
def codexs_own_models_are_left_to_it() -> None:
    """The newest Codex says which those are; the gateway has a rule for their names."""
    agent = Agent("codex-own-run")
    prepare(agent, AUTH)
    slugs = list(catalogue(agent, "--bundled"))
    folder = Path(agent.home) / "gateway"
    folder.mkdir()
    models = "".join(f'[[providers.models]]\nid = "{slug}"\n' for slug in [*slugs, "other"])
    # The virtual models, which Codex is told of too, are not what this is about.
    (folder / "torod.toml").write_text(f'[auto]\nrouter = "off"\n[[providers]]\nname = "openai-eu"\nbase_url = "http://127.0.0.1:1"\n{models}')
    (folder / "torod.toml").chmod(0o600)
    places = ["--config", str(folder / "torod.toml"), "--data-dir", str(folder / "data")]
    told = json.loads(torod("models", "--format", "codex", *places))["models"]
    assert [model["slug"] for model in told] == ["openai-eu/other"], told


def torod(*arguments: str) -> str:
    """The output of a command of the gateway."""
    done = subprocess.run([TOROD, *arguments], capture_output=True, text=True, timeout=TIME_S, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout
