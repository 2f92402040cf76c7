"""Remind those who have not confirmed: confirm_reminder.py PROFILE UNIT [--after HOURS].

Of the announcements in the unit that this profile itself has made. A reminder says nothing of what
was announced. To be run by a timer, once a day.
"""

import argparse
import asyncio
import datetime as dt

import mifeng


async def remind(
    me: mifeng.Workspace, unit: str, *, after: dt.timedelta, now: dt.datetime
) -> list[int]:
    """Remind; return the numbers of the announcements that were not confirmed by all."""
    where, reminded = me.unit(unit), []
    for message in await where.history():
        announced = message.announcement
        if announced is None or not message.is_mine or now - message.time < after:
            continue
        if announced.missing:
            await where.remind(message)
            reminded.append(message.sequence)
    return reminded


async def run(told: argparse.Namespace, passphrase: str | None) -> None:
    """Open the profile and do it."""
    async with mifeng.open(told.profile, passphrase=passphrase) as me:
        after, now = dt.timedelta(hours=told.after), dt.datetime.now(dt.UTC)
        for number in await remind(me, told.unit, after=after, now=now):
            print(f"reminded those who have not confirmed number {number}")


def main() -> None:
    """Remind, and end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("unit")
    parser.add_argument("--after", type=float, default=24, help="hours to wait first")
    parser.add_argument("--passphrase-fd", type=int)
    told = parser.parse_args()
    passphrase = mifeng.read_passphrase(told.passphrase_fd)
    asyncio.run(run(told, passphrase))


if __name__ == "__main__":
    main()
