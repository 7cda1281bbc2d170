# Claude Code on a provider of each protocol.
from __future__ import annotations

import json

from harness.agent import OPTIONS, UPSTREAMS, Agent, check_answer, check_seal
from harness.cases import BASE, on_every_provider
from harness.question import TRUTH

SHELL = "echo once >> marker.txt && echo made-$((40 + 2))"
GIVEN = {"command": SHELL, "description": "Append a line"}


def claude(agent: Agent, model: str, prompt: str) -> dict:
    """What one turn says of itself."""
    quiet = {
        "ANTHROPIC_BASE_URL": BASE.removesuffix("/v1"),
        "ANTHROPIC_AUTH_TOKEN": agent.key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    program = ["claude", "-p", prompt, "--tools", "Bash", "--allowedTools", "Bash", "--output-format", "json"]
    lines = [line for line in agent.run([*program, "--model", model], quiet).splitlines() if line.startswith("{")]
    return json.loads(lines[-1])


def one_loop(upstream: str, script: str, times: int = 1) -> dict:
    """Calls of Bash, each run once, the result, and the bill; returns what the agent says of itself."""
    agent = Agent(f"claude-{upstream}-{script}-run")
    prompt = agent.prompt("Bash", json.dumps(GIVEN))
    model = f"{upstream}/{script}{OPTIONS.get(upstream, '+cached=1')}"
    said = claude(agent, model, prompt)
    assert said["is_error"] is False and said["num_turns"] == times + 1, said
    loop = agent.received()
    second = agent.check_loop(loop, GIVEN, "made-42", times)
    if script == "thinktool" and upstream != "oa":  # Chat has no place for a signature
        check_seal(second)
    check_bill(agent, loop, model, said)
    return said


def check_bill(agent: Agent, loop: list[dict], model: str, said: dict) -> None:
    """Both reports of the agent are what the gateway and the provider say."""
    used = said["usage"]
    read, written = used["cache_read_input_tokens"], used["cache_creation_input_tokens"]
    taken = used["input_tokens"] + read + written
    agent.check_usage(loop, {"input": taken, "cached": read, "written": written, "output": used["output_tokens"]})
    assert list(said["modelUsage"]) == [model], said["modelUsage"]
    by_model = said["modelUsage"][model]
    pairs = {
        "inputTokens": "input_tokens",
        "outputTokens": "output_tokens",
        "cacheReadInputTokens": "cache_read_input_tokens",
        "cacheCreationInputTokens": "cache_creation_input_tokens",
    }
    assert {key: by_model[key] for key in pairs} == {key: used[name] for key, name in pairs.items()}, said


def claude_runs_a_command(upstream: str) -> None:
    check_answer(one_loop(upstream, "tool")["result"])


def claude_runs_two_commands(upstream: str) -> None:
    check_answer(one_loop(upstream, "parallel", 2)["result"])


def claude_returns_a_thought(upstream: str) -> None:
    one_loop(upstream, "thinktool")


def claude_answers_after_a_thought(upstream: str) -> None:
    agent = Agent(f"claude-{upstream}-think-run")
    model = f"{upstream}/think{OPTIONS.get(upstream, '+cached=1')}"
    said = claude(agent, model, agent.name)
    assert said["is_error"] is False and said["result"] == TRUTH, said
    check_bill(agent, agent.received(1), model, said)


on_every_provider(claude_runs_a_command, UPSTREAMS)
on_every_provider(claude_runs_two_commands, UPSTREAMS)
on_every_provider(claude_returns_a_thought, UPSTREAMS)
on_every_provider(claude_answers_after_a_thought, UPSTREAMS)
