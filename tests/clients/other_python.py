# The official SDKs of Anthropic, Google and Cohere for Python against the gateway, on providers that speak
# their protocol and on providers that do not. Environment: BASE, KEY, SIM, PROVIDERS, KNOWN (see harness/cases.py).
# The cases are in the files named here, by SDK; `run` takes them in this order.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import other_python_anthropic  # noqa: F401
import other_python_cohere  # noqa: F401
import other_python_google  # noqa: F401
from harness.cases import run

run()
