# Codex in each of its three tool layouts, on a provider of each protocol.
from __future__ import annotations

import json

from harness.agent import OPTIONS, UPSTREAMS, Agent, check_answer, check_seal
from harness.cases import BASE, case

SHELL = "echo once >> marker.txt && echo made-$((40 + 2))"
PATCH = "*** Begin Patch\n*** Update File: marker.txt\n@@\n begin\n+once\n*** End Patch\n"
SCRIPT = f"const done = await tools.exec_command({{cmd: {json.dumps(SHELL)}}});\ntext(done.output);\n"
# The model's name chooses the layout: the tool to call, its input, what its result says, and what Codex then reports.
LAYOUTS = {
    "plain": ("exec_command", {"cmd": SHELL}, "made-42", "command_execution"),
    "gpt-5.5": ("apply_patch", PATCH, "marker.txt", "file_change"),
    "gpt-6-sol": ("exec", SCRIPT, "made-42", "command_execution"),
}
COUNTS = {
    "input_tokens": "input",
    "cached_input_tokens": "cached",
    "cache_write_input_tokens": "written",
    "output_tokens": "output",
    "reasoning_output_tokens": "reasoning",
}


def codex(agent: Agent, model: str, prompt: str) -> list[dict]:
    """The events of one turn."""
    settings = agent.home / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(
        'model_provider = "gateway"\napproval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
        "check_for_update_on_startup = false\n[analytics]\nenabled = false\n"
        f'[model_providers.gateway]\nname = "gateway"\nbase_url = "{BASE}"\nenv_key = "KEY"\nwire_api = "responses"\n'
    )
    said = agent.run(["codex", "exec", "--skip-git-repo-check", "--json", "-m", model, prompt], {})
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def one_turn(layout: str, upstream: str, script: str) -> None:
    """Calls of a tool, each run once, the results, and the end of the turn."""
    times = 2 if script == "parallel" else 1
    tool, given, answer, kind = LAYOUTS[layout]
    agent = Agent(f"codex-{layout}-{upstream}-{script}-run")
    prompt = agent.prompt(tool, given if isinstance(given, str) else json.dumps(given))
    events = codex(agent, f"{upstream}/{layout}+{script}{OPTIONS.get(upstream, '+cached=1')}", prompt)
    assert events[-1]["type"] == "turn.completed", events
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    ran = [item for item in done if item["type"] == kind]
    assert [item["status"] for item in ran] == ["completed"] * times, done
    warned = [item["message"] for item in done if item["type"] == "error"]
    assert ["metadata" in text for text in warned] == ([True] if layout == "plain" else []), warned
    check_answer(next(item["text"] for item in done if item["type"] == "agent_message"))
    loop = agent.received()
    second = agent.check_loop(loop, given, answer, times)
    if script == "thinktool" and upstream != "oa":  # Chat has no place for a signature
        check_seal(second)
    said = events[-1]["usage"]
    agent.check_usage(loop, {name: said[field] for field, name in COUNTS.items()})


def add(layout: str, upstream: str, script: str, name: str) -> None:
    """Makes a case of one turn."""

    def one() -> None:
        one_turn(layout, upstream, script)

    one.__name__ = name
    case(one)


for upstream in UPSTREAMS:
    add("plain", upstream, "tool", f"codex_runs_a_command_{upstream}")
    add("plain", upstream, "parallel", f"codex_runs_two_commands_{upstream}")
    add("gpt-5.5", upstream, "tool", f"codex_applies_a_patch_{upstream}")
    add("gpt-6-sol", upstream, "tool", f"codex_runs_a_script_{upstream}")
    add("gpt-6-sol", upstream, "thinktool", f"codex_returns_a_thought_{upstream}")


@case
def codex_is_told_of_a_refusal() -> None:
    events = codex(Agent("codex-refusal-run"), "oa/s400", "run the command")
    assert events[-1]["type"] == "turn.failed", events[-1]
