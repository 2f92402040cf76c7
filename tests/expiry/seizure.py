"""What a seized device gives away, alone and with a server that has kept everything.

The attacker has a copy of the device's whole profile and its passphrase, and in the second game
also every entry and every share that the server has ever had. He reads what rows under living keys
give, and tries every key of MLS that is left on every entry.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mifeng.core.rows import TimelineRecord
from mifeng.home import Home
from mifeng.sdk import opening
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.tls import decode
from tests.e2e.people import PASSPHRASE

__all__ = ["Hoard", "Loot", "ransack"]


@dataclass(frozen=True, slots=True)
class Hoard:
    """What a server has kept against the rules: encoded log entries, and shares by file."""

    entries: Sequence[bytes]
    shares: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Loot:
    """What the attacker reads. A file needs both halves: the message that shows it, and a share."""

    text: bool
    file: bool


async def ransack(image: Path, *, text: bytes, hoard: Hoard | None) -> Loot:
    """Open a copy of a profile, without its owner's client: no clock stops the attacker.

    Args:
        image: the profile's folder; it is copied first.
        text: what he is after; of files, any that a share is there for.
        hoard: what the server gives him.
    """
    copy = image.parent / f"ransacked {image.name}"
    shutil.copytree(image, copy)
    found: list[bytes] = []
    try:
        home = await Home.open(copy, PASSPHRASE, rng=bytes)
        for _, row in await home.database.scan("messages"):
            found.append(decode(TimelineRecord, row).content)
        await home.close()
        if hoard is not None:
            found += await _try_all_keys(copy, hoard.entries)
    finally:
        shutil.rmtree(copy)
    shares = hoard.shares if hoard is not None else {}
    return Loot(
        text=any(text in said for said in found),
        # Where a message names a file, its secret stands beside it.
        file=any(file_id.hex().encode() in said for said in found for file_id in shares),
    )


async def _try_all_keys(profile: Path, entries: Sequence[bytes]) -> list[bytes]:
    opened: list[bytes] = []
    before = opening._now
    opening._now = lambda: UnixMillis(0)  # nothing is locked for him
    try:
        async with opening.unlock(profile, passphrase=PASSPHRASE) as me:
            for unit in me.units():
                for entry in entries:
                    try:
                        opened.append(unit.attempt(entry))
                    except MifengError:
                        continue
    finally:
        opening._now = before
    return opened
