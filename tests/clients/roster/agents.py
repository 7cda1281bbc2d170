# Coding agents, headless, always the newest release: Codex and Claude Code on providers of other protocols.
import sys

from harness.client import Client, Npm, script

PACKAGES = ("@openai/codex@latest", "@anthropic-ai/claude-code@latest")
PROGRAMS = (("@openai/codex", "codex"), ("@anthropic-ai/claude-code", "claude"))
CLIENT = Client(name="agents", needs=Npm(PACKAGES, PROGRAMS), run=script("agents.py", program=sys.executable))
