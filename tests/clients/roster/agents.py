# Coding agents, headless, always the newest release: Codex and Claude Code on providers of other protocols; the others are
# driven through `toro` alone (see toro.py).
import sys

from harness.client import Client, Npm, script

PROGRAMS = (
    ("@openai/codex", "codex"),
    ("@anthropic-ai/claude-code", "claude"),
    ("opencode-ai", "opencode"),
    ("@google/gemini-cli", "gemini"),
    ("@qwen-code/qwen-code", "qwen"),
)
PACKAGES = tuple(f"{package}@latest" for package, _ in PROGRAMS)
CLIENT = Client(name="agents", needs=Npm(PACKAGES, PROGRAMS), run=script("agents.py", program=sys.executable))
