# The official SDKs of Anthropic, Google and Cohere for JavaScript, always the newest, on providers of every kind.
from harness.client import Client, Npm, script

PACKAGES = ("@anthropic-ai/sdk@latest", "@google/genai@latest", "cohere-ai@latest", "zod@latest")
CLIENT = Client(name="other-node", needs=Npm(PACKAGES), run=script("other_node.mjs"))
