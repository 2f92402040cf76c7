"""A process that opens a profile, reads it, lets it expire, and waits to be looked into.

    python -m tests.expiry.holder PROFILE     then lines on its standard input:
    read             read everything, as a screen would
    expire MILLIS    it is that time now; expire
    quit

Its passphrase is that of the tests. It has no network: the profile is opened as it is.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mifeng.sdk import opening
from mifeng.session import expiry
from mifeng_crypto.ids import UnixMillis
from tests.e2e.people import PASSPHRASE


async def main(profile: Path, now: int) -> None:
    """Obey."""
    time = [UnixMillis(now)]
    opening._now = lambda: time[0]
    async with opening.unlock(profile, passphrase=PASSPHRASE) as me:
        unit, began = me.unit("Research"), now
        print("ready", flush=True)
        while True:
            word, *rest = (await asyncio.to_thread(sys.stdin.readline)).split() or ["quit"]
            if word == "read":
                shown = [m for m in await unit.history() if m.text or m.files]
                print(len(shown), flush=True)
            elif word == "expire":
                time[0] = UnixMillis(int(rest[0]))
                gone = await expiry.expire(me._session, uptime_ms=time[0] - began)
                print(gone.messages, flush=True)
            else:
                return


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
