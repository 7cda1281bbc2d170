# The official OpenAI SDK for Python, always the newest release.
from harness.client import Client, Pip, script

CLIENT = Client(name="openai-python", needs=Pip(("openai", "pydantic")), run=script("openai_python.py"))
