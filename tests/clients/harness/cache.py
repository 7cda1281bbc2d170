# Installs clients from the package registries, once per machine, into a folder outside of the clone.
#
# Layout: <cache>/<set>/<generation>/ and <cache>/<set>/current -> <generation>. A generation is never changed after
# `current` points to it, so a test run that started with it can finish while another run installs a newer one.
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.client import Client, Npm, Pip

RECIPE = 1  # raise it when the way of installing changes: everything is installed anew
FRESH_S = 24 * 3600  # how long "the newest release" is believed without asking the registry again
AGAIN_S = 3600  # after a registry could not be reached, how long it is left alone
KEEP_S = 2 * 24 * 3600  # how long an old generation stays for runs that still use it
INSTALL_S = 600  # how long one package manager call may take
NODE = Npm(("node@24",))  # with an older node npm silently picks older clients (by their `engines`)


class InstallError(Exception):
    """A client could not be installed and no earlier copy of it exists."""


def cache_folder() -> Path:
    """Where clients live: `$TOKENROUTER_CACHE`, else below the XDG cache folder."""
    if own := os.environ.get("TOKENROUTER_CACHE"):
        return Path(own).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "tokenrouter-tests"


def location(client: Client) -> tuple[Path, str]:
    """The installed packages of a client and the interpreter to run them with."""
    prefix = (cache_folder() / client.name / "current").resolve()
    if isinstance(client.needs, Pip):
        return prefix, str(prefix / "venv/bin/python")
    return prefix, str(node_folder() / "node")


def node_folder() -> Path:
    """The folder of the `node` that npm clients run with."""
    return (cache_folder() / "node" / "current").resolve() / "node_modules/.bin"


def install(clients: list[Client]) -> None:
    """Brings every client up to date; cheap when that was done within a day."""
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    with exclusive(root / "lock"):
        if any(isinstance(client.needs, Npm) for client in clients):
            ensure(root / "node", NODE)
        for client in clients:
            ensure(root / client.name, client.needs)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One installer at a time on this machine."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another run is installing: waiting for it", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ensure(folder: Path, needs: Pip | Npm) -> None:
    """Makes `folder/current` hold the newest release of what is needed, or the newest that can be had."""
    wanted = fingerprint(needs)
    current = folder / "current"
    stamp = read_stamp(current)
    usable = stamp.get("wanted") == wanted
    if usable and 0 <= time.time() - stamp.get("checked_s", 0) < FRESH_S:
        print(f"  {folder.name}: {stamp['versions']}", flush=True)
        return
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{int(time.time())}-{os.getpid()}"
    try:
        versions = install_npm(fresh, needs) if isinstance(needs, Npm) else install_pip(fresh, needs)
    except (InstallError, subprocess.SubprocessError, OSError, ValueError, KeyError) as problem:
        shutil.rmtree(fresh, ignore_errors=True)
        if not usable:
            raise InstallError(f"{folder.name}: {problem}") from problem
        write_stamp(current, wanted, time.time() - FRESH_S + AGAIN_S, stamp["versions"])
        why = str(problem).splitlines()[-1].strip()
        print(f"  {folder.name}: {stamp['versions']} (kept; asking for a newer one failed: {why})", flush=True)
        return
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    write_stamp(fresh, wanted, time.time(), versions)
    link = folder / f"current.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(current)
    remove_old(folder)
    print(f"  {folder.name}: {versions}, {time.monotonic() - started:.0f} s", flush=True)


def fingerprint(needs: Pip | Npm) -> str:
    """Changes whenever something else has to be installed."""
    python = sys.version.split()[0] if isinstance(needs, Pip) else ""
    text = json.dumps([RECIPE, type(needs).__name__, needs.packages, python])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_stamp(current: Path) -> dict:
    """What `current` says about itself; empty when there is no usable copy."""
    try:
        return json.loads((current / "stamp.json").read_text())
    except (OSError, ValueError):
        return {}


def write_stamp(generation: Path, wanted: str, checked_s: float, versions: str) -> None:
    """Says what a generation holds; written last, so a folder without it is not an installation."""
    draft = generation / f"stamp.{os.getpid()}"
    draft.write_text(json.dumps({"wanted": wanted, "checked_s": int(checked_s), "versions": versions}))
    draft.replace(generation / "stamp.json")


def remove_old(folder: Path) -> None:
    """Removes generations that no running test can still be using."""
    keep = (folder / "current").resolve()
    for entry in folder.iterdir():
        old = entry.is_dir() and not entry.is_symlink() and time.time() - entry.stat().st_mtime > KEEP_S
        if old and entry != keep:
            shutil.rmtree(entry, ignore_errors=True)


def install_pip(folder: Path, needs: Pip) -> str:
    """A virtual environment with the newest releases."""
    venv = folder / "venv"
    try:
        call([sys.executable, "-m", "venv", str(venv)], folder.parent)
    except InstallError as problem:
        raise InstallError(f"{problem}\n  Debian keeps this apart: apt-get install python3-venv") from problem
    python = str(venv / "bin/python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "1"]
    call([*pip, "install", "--quiet", "--upgrade", *needs.packages], folder)
    listed = call([*pip, "list", "--format", "json"], folder)
    versions = {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}
    names = [package.split("=")[0].split("<")[0].split(">")[0] for package in needs.packages]
    return ", ".join(f"{name} {versions.get(name.lower(), '?')}" for name in names)


def install_npm(folder: Path, needs: Npm) -> str:
    """A folder with the newest releases in `node_modules`."""
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private":true,"type":"module"}\n')
    calm = [
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--fetch-retries",
        "1",
        "--fetch-retry-mintimeout",
        "1000",
    ]
    call(["npm", "install", *calm, *needs.packages], folder)
    for package, program in needs.programs:
        take_one_that_starts(folder, calm, package, program)
    listed = json.loads(call(["npm", "ls", "--json", "--depth", "0"], folder))
    if needs == NODE:
        call([str(folder / "node_modules/.bin/node"), "--version"], folder)
    return ", ".join(f"{name} {entry['version']}" for name, entry in listed["dependencies"].items())


def take_one_that_starts(folder: Path, calm: list[str], package: str, program: str) -> None:
    """A release can be in the registry minutes before its binary for this machine is: then the one before it will do."""
    path = str(folder / "node_modules/.bin" / program)
    earlier: list[str] | None = None
    while True:
        try:
            call([path, "--version"], folder)
            return
        except (InstallError, OSError, subprocess.SubprocessError) as problem:
            if earlier is None:
                listed = json.loads(call(["npm", "view", package, "versions", "--json"], folder))
                earlier = [version for version in listed if "-" not in version][-4:-1]
            if not earlier:
                raise InstallError(f"no recent release of {package} starts: {problem}") from problem
            version = earlier.pop()
            print(f"  the newest {package} does not start; trying {version}", flush=True)
            call(["npm", "install", *calm, f"{package}@{version}"], folder)


def call(command: list[str], folder: Path) -> str:
    """Runs a package manager with the right node first; its output, or an error with the end of its talk."""
    env = dict(os.environ, PATH=f"{node_folder()}{os.pathsep}{os.environ.get('PATH', '')}")
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S
        )
    except FileNotFoundError as problem:
        raise InstallError(f"{command[0]} is not installed on this machine") from problem
    if done.returncode != 0:
        talk = (done.stderr.strip() or done.stdout.strip()).splitlines()[-8:]
        raise InstallError(f"`{' '.join(command[:4])} …` failed: " + "\n  ".join(talk))
    return done.stdout
