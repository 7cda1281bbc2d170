# A network namespace with nothing but loopback: a client that works in there provably needs nothing but the gateway.
from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys

MARK = "TOKENROUTER_TESTS_ISOLATED"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def enter() -> str:
    """Starts this program again inside of a new namespace; inside of it, says how well it is isolated."""
    if os.environ.get(MARK) == "yes":
        raise_loopback()
        return "in a network of its own: only loopback"
    if os.environ.get(MARK) != "no":
        flags = "-n" if os.geteuid() == 0 else "-rn"
        try:
            allowed = subprocess.run(["unshare", flags, "true"], capture_output=True, timeout=10).returncode == 0
        except (OSError, subprocess.SubprocessError):
            allowed = False
        if allowed:
            os.environ[MARK] = "yes"
            sys.stdout.flush()
            os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])
    return "NOT isolated: this machine allows no network namespace (unshare), clients could reach the Internet"


def raise_loopback() -> None:
    """What `ip link set lo up` does, without the need for `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(channel, SIOCGIFFLAGS, request))
        fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
