# The cases that fail because the gateway is wrong, with the reason; they are skipped, and each run says so.
# A case has the same name in every language that has it. `run --case NAME` runs a known one too.
KNOWN: dict[str, str] = {}
