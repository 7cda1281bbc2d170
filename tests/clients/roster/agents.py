# Coding agents, headless, always the newest release: Codex and Claude Code on providers of other protocols.
import sys

from harness.client import Client, Npm, script

PACKAGES = ("@openai/codex@latest", "@anthropic-ai/claude-code@latest")
CLIENT = Client(name="agents", needs=Npm(PACKAGES), run=script("agents.py", program=sys.executable))
