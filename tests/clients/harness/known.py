# The cases that fail because the gateway is wrong, with the reason; they are skipped, and each run says so.
# A case has the same name in every language that has it; a name without its provider stands for all providers.
# `run --case NAME_PROVIDER` runs a known one too.
NO_ID = "translated answers have no `request-id` header, where this SDK looks"
OTHER_ID = "the error names an id other than the head of the answer does"
NO_PARTS = "the last event has `parts: []`, so this SDK's chat drops the whole turn from its history"
NO_DELAY = "429 without a RetryInfo detail, the one place where Gemini clients look for the delay"
NO_RESULT = "a text's signature comes as a block after the text, and Claude Code takes the last block as its result"
KNOWN: dict[str, str] = {}
