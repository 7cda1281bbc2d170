# Every coding agent that can be installed here, started by `toro`; aider is the one that comes from PyPI.
import sys

from harness.client import Client, Pip, script

CLIENT = Client(
    name="toro", needs=Pip(("aider-chat",)), beside=("agents",), run=script("toro.py", program=sys.executable)
)
