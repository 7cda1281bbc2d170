# The coding agents as `toro` starts them, each on providers of two protocols: one tool called once, the run's own token used
# and then gone, the bill the run's, and nothing of the user's changed. Environment: as for `agents.py`, and TORO.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import toro_agents  # noqa: F401
from harness.agent import prepare_claude
from harness.cases import run

AT_ONCE = 3  # an agent spends about half of its time waiting

prepare_claude()
run(AT_ONCE)
