"""A client in a process of its own that writes while its disk fails.

python -m tests.torture.writer PROFILE COUNT

It says in lines of JSON what it has been acknowledged. What fails may only fail with an error that
has a name.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import mifeng
from mifeng_crypto.errors import StorageError, TransportError
from tests.e2e.people import PASSPHRASE

__all__: list[str] = []


def say(**what: object) -> None:
    """Say it by `writev`, since `write` may be what fails."""
    os.writev(sys.stdout.fileno(), [json.dumps(what).encode() + b"\n"])


async def main() -> None:
    profile, count = sys.argv[1], int(sys.argv[2])
    async with mifeng.open(profile, passphrase=PASSPHRASE) as me:
        unit = me.unit("Research")
        await unit.send("before")
        for n in range(5, count, 10):
            Path(profile).with_name(f"file {n}").write_bytes(bytes(100_000))
        say(ready=True)
        await asyncio.to_thread(sys.stdin.readline)  # from now on it fails
        refused = 0
        for n in range(count):
            try:
                if n % 10 == 5:
                    file = Path(profile).with_name(f"file {n}")
                    sent = await unit.upload(file, caption=f"message {n}")
                else:
                    sent = await unit.send(f"message {n} " + "." * 2000)
            except (StorageError, TransportError) as err:
                refused += 1
                say(refused=f"{type(err).__name__}: {err}")
            else:
                say(sent=sent.text, sequence=sent.sequence)
        say(done=refused)
        await asyncio.to_thread(sys.stdin.readline)  # it fails no more


if __name__ == "__main__":
    asyncio.run(main())
