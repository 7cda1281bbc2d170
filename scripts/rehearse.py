#!/usr/bin/env python3
"""Has a torod serve what it is there for, in the proportions that it happens in, so that a compiler may see what runs often.

    scripts/rehearse.py target/release/torod

`packaging/binaries` calls it with a torod that counts. All traffic is on this machine and over in about a minute; it says
how many requests were answered, and fails where one was not.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from layout import simulator, wait_for

CONFIG = """
listen_addr = "127.0.0.1:0"
auto_detect_local_servers = false
[auto]
router = "off"
[[providers]]
name = "oa"
api_key = "sk-of-nobody-0123456789"
protocols = {{ openai = "{url}/v1" }}
[[providers]]
name = "an"
api_key = "sk-of-nobody-0123456789"
protocols = {{ anthropic = "{url}" }}
[[providers]]
name = "re"
api_key = "sk-of-nobody-0123456789"
protocols = {{ responses = "{url}/v1" }}
[[model_aliases]]
name = "usual"
targets = [{{ provider = "oa", model = "ok" }}, {{ provider = "an", model = "ok" }}]
"""
CONNECTIONS = 8
TIME_S = 60
SMALL = [{"role": "user", "content": "hello"}]
# What an agent sends: instructions, tools, and what was said so far.
TOOL = {"type": "object", "properties": {"command": {"type": "string", "description": "What to \"run\""}}, "required": ["command"]}
WORDS = "Read the file, run the tests and say what fails.\n" * 20
TURNS = [{"role": role, "content": f"{turn}: {WORDS}"} for turn in range(50) for role in ("user", "assistant")] + SMALL


def chat(model, messages, stream, **more):
    return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream, **more}


def message(model, messages, stream, **more):
    return "/v1/messages", {"model": model, "max_tokens": 900, "messages": messages, "stream": stream, **more}


def response(model, messages, stream):
    return "/v1/responses", {"model": model, "input": messages, "stream": stream}


# How often each is asked: most are small and untranslated, and nothing is left out altogether. The compiler takes for hot what makes up
# nearly all that was counted, so what is rare must be rare here, too: else it grows every path as if it were the one.
RATIO = (
    (5000, chat("oa/ok", SMALL, False)),
    (1000, chat("oa/ok", SMALL, True)),
    (500, chat("usual", SMALL, True)),
    (1000, message("an/ok", SMALL, False)),
    (1000, message("an/ok", SMALL, True)),
    (500, response("re/ok", SMALL, False)),
    (50, chat("oa/ok", TURNS, False)),
    (100, chat("oa/tool", TURNS, True, tools=[{"type": "function", "function": {"name": "run", "parameters": TOOL}}])),
    (100, message("an/tool", TURNS, True, tools=[{"name": "run", "input_schema": TOOL}])),
    (100, response("re/ok", TURNS, True)),
    (30, message("oa/ok", TURNS, True)),
    (30, message("oa/ok", SMALL, False)),
    (30, chat("an/ok", TURNS, True)),
    (30, response("an/ok", TURNS, True)),
    (30, response("oa/ok", SMALL, False)),
    (20, chat("oa/s500", SMALL, False)),
)


def questions():
    """All of them, well mixed, and the same in every run."""
    all_of = [(at / often, path, json.dumps(body).encode()) for often, (path, body) in RATIO for at in range(often)]
    return [(path, body) for _, path, body in sorted(all_of, key=lambda one: (one[0], one[1], len(one[2])))]


def client(gateway, key, questions, faults):
    """One connection that is kept, like that of a client's pool."""
    headers = {"authorization": "Bearer " + key, "content-type": "application/json"}
    line = http.client.HTTPConnection(urllib.parse.urlsplit(gateway).netloc, timeout=TIME_S)
    for path, body in questions:
        line.request("POST", path, body, headers)
        answer = line.getresponse()
        text = answer.read()
        if (answer.status == 200) == (b"/s500" in body):
            faults.append(f"{path}: {answer.status} {text[:200]}")
            return


def main():
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        # What the simulator runs through is not what a gateway does.
        counting = os.environ.pop("LLVM_PROFILE_FILE", None)
        os.environ["LLVM_PROFILE_FILE"] = os.devnull
        provider, url = simulator(binary, at)
        data = ["--config", at("torod.toml"), "--data-dir", at("data")]
        with open(at("torod.toml"), "w") as file:
            file.write(CONFIG.format(url=url))
        os.chmod(at("torod.toml"), 0o600)
        made = subprocess.run([binary, "token", "create", "--role", "admin", "--json", *data], stdout=subprocess.PIPE, check=True)
        if counting:
            os.environ["LLVM_PROFILE_FILE"] = counting
        daemon = subprocess.Popen([binary, "serve", *data, "--ready-file", at("ready")], stderr=open(at("log"), "w"))
        gateway, key = wait_for(at("ready")), json.loads(made.stdout)["key"]
        asked, faults = questions(), []
        clients = [
            threading.Thread(target=client, args=(gateway, key, asked[number::CONNECTIONS], faults))
            for number in range(CONNECTIONS)
        ]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        # It writes down what it counted when it ends by itself.
        daemon.send_signal(signal.SIGTERM)
        ended = daemon.wait(TIME_S)
        provider.terminate()
        if faults or ended != 0:
            sys.exit(f"torod ended with {ended}: " + "; ".join(faults[:3]))
        print(f"{len(asked)} requests were answered")


if __name__ == "__main__":
    main()
