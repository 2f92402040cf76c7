"""A client in a process of its own that writes and listens, whatever becomes of its line.

python -m tests.torture.talker PROFILE NAME

It talks between the first line of its input and the second, and ends with the third. It says in
lines of JSON what it has been acknowledged, and at the end all that it has read. What fails on the
way may only fail in one way: the server was not reached, and the message is kept.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys

import mifeng
from mifeng.errors import ServerProblem
from mifeng_crypto.errors import TransportError
from tests.e2e.people import PASSPHRASE

__all__: list[str] = []

UNIT = "Research"
PAUSE_S = 0.05


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def talk(me: mifeng.Workspace, name: str, told: asyncio.Future[str]) -> None:
    """Send until told otherwise; a line that breaks keeps what was to be sent."""
    unit, failed = me.unit(UNIT), 0
    for n in itertools.count():
        if told.done():
            break
        try:
            sent = await unit.send(f"{name} {n}")
        except TransportError:
            failed += 1
        except ServerProblem as err:
            if err.status < 500 and err.status != 429:
                raise
            failed += 1
        else:
            say(sent=sent.text, sequence=sent.sequence)
        await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))
    say(failed=failed)


async def settle(me: mifeng.Workspace) -> None:
    """Catch up until nothing waits."""
    while True:
        try:
            await me.sync()
        except (TransportError, ServerProblem):
            await asyncio.sleep(0.2)
        else:
            if not me.unit(UNIT).waiting:
                return


async def main() -> None:
    profile, name = sys.argv[1:]
    async with mifeng.open(profile, passphrase=PASSPHRASE) as me:
        with me.events():
            say(ready=True)
            await asyncio.to_thread(sys.stdin.readline)  # go
            told = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
            await talk(me, name, told)  # until nothing breaks any more
            await settle(me)
            say(settled=True)
            await asyncio.to_thread(sys.stdin.readline)  # everybody has settled
            await settle(me)
            unit = me.unit(UNIT)
            unit.check_access()
            history = await unit.history()
            say(read=[(m.sequence, m.text, m.problem or "") for m in history])
            say(alarms=[alarm.rule for alarm in await me.alarms()])


if __name__ == "__main__":
    asyncio.run(main())
