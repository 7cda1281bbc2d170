# The official OpenAI SDK for Python against the gateway. Environment: BASE, KEY, SIM (see harness/cases.py).
# The cases are in the files named here, by surface; `run` takes them in this order.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import openai_python_anywhere  # noqa: F401
import openai_python_chat  # noqa: F401
import openai_python_errors  # noqa: F401
import openai_python_other  # noqa: F401
import openai_python_responses  # noqa: F401
from harness.cases import run

run()
