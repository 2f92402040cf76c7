"""Post the standard input to a unit, and end: make test | tail | ci_notifier.py PROFILE UNIT."""

import argparse
import asyncio
import sys

import mifeng

LONGEST = 20_000
"""Characters; of more, the end counts."""


async def notify(
    profile: str, unit: str, text: str, passphrase: str | mifeng.Passphrase | None
) -> None:
    """Post it as a block of code."""
    text = text[-LONGEST:].strip().replace("```", "'''")
    if text:
        async with mifeng.open(profile, passphrase=passphrase) as me:
            await me.unit(unit).send(f"```\n{text}\n```")


def main() -> None:
    """Read, post, end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("unit")
    parser.add_argument("--passphrase-fd", type=int)
    told = parser.parse_args()
    passphrase = mifeng.read_passphrase(told.passphrase_fd)
    try:
        asyncio.run(notify(told.profile, told.unit, sys.stdin.read(), passphrase))
    except mifeng.MifengError as err:
        sys.exit(f"not posted: {err}")


if __name__ == "__main__":
    main()
