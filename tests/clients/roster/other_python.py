# The official SDKs of Anthropic, Google and Cohere for Python, always the newest releases, on providers of every kind.
from harness.client import Client, Pip, script

CLIENT = Client(name="other-python", needs=Pip(("anthropic", "google-genai", "cohere")), run=script("other_python.py"))
