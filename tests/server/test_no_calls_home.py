"""The server opens no connection to anywhere: in a network of its own there is nobody to call."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
    import asyncio, os, socket, sys
    from pathlib import Path
    sys.path[:0] = ["."]
    calls = []
    def watch(name, args):
        if name == "socket.connect":
            calls.append(args[1])
        if name in ("socket.getaddrinfo", "socket.gethostbyname"):
            calls.append(args[0])
    from tests.support.peer import pair
    from tests.support.server import running_server

    async def main():
        async with running_server(Path(sys.argv[1])) as server:
            sys.addaudithook(watch)
            await asyncio.sleep(1.5)  # purge, stewards and whatever else runs by itself
        outside = [c for c in calls if not (isinstance(c, tuple) and str(c[0]).startswith("127."))]
        print(outside)

    asyncio.run(main())
"""


def test_a_server_in_a_network_of_its_own_calls_nobody(tmp_path: Path) -> None:
    inside = [
        "unshare",
        "--net",
        "--map-root-user",
        "sh",
        "-c",
        'ip link set lo up; exec "$@"',
        "x",
    ]
    probe = subprocess.run([*inside, "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("no network namespaces here: unshare(1) or ip(8) is missing or forbidden")
    done = subprocess.run(
        [*inside, sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]", "it called"
