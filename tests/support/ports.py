"""Ports for servers that tests start: such as nobody else is given between asking and listening.

The system hands its ephemeral ports to whoever asks next, to every outgoing connection as well: one
that was free a moment ago may be taken. These are below that range, and each worker of a parallel
run has its own share of them, which it goes round.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import socket

__all__ = ["free_port"]

FIRST, SHARE, SHARES = 10_000, 500, 16
"""Up to 18,000. The last share is for processes that are no worker."""


def _share() -> range:
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    number = int(worker[1]) % (SHARES - 1) if worker else SHARES - 1
    first = FIRST + number * SHARE
    return range(first, first + SHARE)


_RANGE = _share()
_TURNS = itertools.count(random.randrange(SHARE))


def free_port(host: str = "127.0.0.1", *, beside: int = 0) -> int:
    """Return a port on which nobody listens, and with `beside` nobody at that distance either."""
    for turn in itertools.islice(_TURNS, SHARE):
        port = _RANGE[turn % SHARE]
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind((host, port))
            if beside:
                other.bind((host, port + beside))
            return port
    raise AssertionError(f"no port of {_RANGE} is free")
