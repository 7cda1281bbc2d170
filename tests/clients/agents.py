# Codex and Claude Code against the gateway: each calls a tool once and ends its turn, whatever protocol the provider
# speaks. Environment: BASE, KEY, SIM, PREFIX, COMMANDS (see `run`); telemetry and updates are off.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import agents_claude  # noqa: F401
import agents_codex  # noqa: F401
import agents_codex_models  # noqa: F401
from harness.agent import prepare_claude
from harness.cases import run

AT_ONCE = 3  # an agent spends about half of its time waiting

prepare_claude()
run(AT_ONCE)
