# The official OpenAI SDK for JavaScript, always the newest release.
from harness.client import Client, Npm, script

CLIENT = Client(name="openai-node", needs=Npm(("openai@latest", "zod@latest")), run=script("openai_node.mjs"))
