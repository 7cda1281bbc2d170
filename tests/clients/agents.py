# Codex and Claude Code against the gateway: each calls a tool once and ends its turn, whatever protocol the provider
# speaks. Environment: BASE, KEY, SIM, PREFIX (see harness/cases.py); telemetry and updates are off.
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.cases import BASE, KEY, calls, case, run

HOME = Path(os.environ["HOME"])
MODULES = Path(os.environ["PREFIX"]) / "node_modules"
TIME_S = 18  # the agents take about one second


def codex(model: str) -> list[dict]:
    """The events of one turn of Codex."""
    settings = HOME / ".codex"
    settings.mkdir(exist_ok=True)
    (settings / "config.toml").write_text(
        'model_provider = "gateway"\napproval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
        "check_for_update_on_startup = false\n[analytics]\nenabled = false\n"
        f'[model_providers.gateway]\nname = "gateway"\nbase_url = "{BASE}"\nenv_key = "KEY"\nwire_api = "responses"\n'
    )
    command = ["codex", "exec", "--skip-git-repo-check", "--json", "-m", model, "run the command"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_S, stdin=subprocess.DEVNULL, cwd=HOME)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def check_codex(model: str) -> list[dict]:
    """One command, run once, and a turn that ends; returns what the provider was asked."""
    events = codex(model)
    assert events[-1]["type"] == "turn.completed", events[-1]
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    ran = [item for item in done if item["type"] == "command_execution"]
    assert len(ran) == 1, ran
    assert [item for item in done if item["type"] == "agent_message"], done
    assert events[-1]["usage"]["input_tokens"] > 1000, events[-1]
    asked = [call["body"] for call in calls() if call["method"] == "POST"]
    assert len(asked) == 2, len(asked)
    return asked


@case
def codex_on_its_own_protocol() -> None:
    output = [item for item in check_codex("sim/tool")[1]["input"] if item.get("type") == "function_call_output"]
    assert len(output) == 1, output


@case
def codex_on_a_chat_provider() -> None:
    messages = check_codex("oa/tool")[1]["messages"]
    made = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(made) == 1 and made == answered, (made, answered)


@case
def codex_on_a_messages_provider() -> None:
    blocks = [block for message in check_codex("an/tool")[1]["messages"] for block in message["content"]]
    made = [block["id"] for block in blocks if block["type"] == "tool_use"]
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert len(made) == 1 and made == answered, (made, answered)


@case
def codex_is_told_of_a_refusal() -> None:
    events = codex("oa/s400")
    assert events[-1]["type"] == "turn.failed", events[-1]


def claude(model: str) -> dict:
    """What one turn of Claude Code says of itself."""
    package = MODULES / "@anthropic-ai/claude-code"
    # npm may leave out what a package does when it is installed; this links the program in, from the disk alone.
    subprocess.run(["node", "install.cjs"], cwd=package, capture_output=True, timeout=TIME_S, check=False)
    quiet = {
        "ANTHROPIC_BASE_URL": BASE.removesuffix("/v1"),
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    command = ["claude", "-p", "run the command", "--tools", "Bash", "--allowedTools", "Bash"]
    command += ["--output-format", "json", "--model", model]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIME_S,
        stdin=subprocess.DEVNULL,
        cwd=HOME,
        env=os.environ | quiet,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1])


def check_claude(model: str) -> list[dict]:
    said = claude(model)
    assert said["is_error"] is False and said["result"], said
    asked = [call["body"] for call in calls() if call["method"] == "POST"]
    assert len(asked) == 2, [call["path"] for call in calls()]
    # What the agent believes to have used is what the provider said.
    assert said["usage"]["output_tokens"] > 0, said["usage"]
    return asked


@case
def claude_code_on_its_own_protocol() -> None:
    check_claude("sim/tool")


@case
def claude_code_on_a_chat_provider() -> None:
    messages = check_claude("oa/tool")[1]["messages"]
    made = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(made) == 1 and made == answered, (made, answered)


run()
