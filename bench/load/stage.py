"""A data folder in which a company has a unit of so many, all of them logged in.

Everything in it is signed and encrypted as clients do it; only the way in is short: rows are
written instead of sent.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mifeng_crypto.api.messages import MessageRequest
from mifeng_crypto.gate import header_hash
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.tls import encode
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.domain.rows import (
    CharterRow,
    ContentRow,
    CounterRow,
    GrantRow,
    Insert,
    LogRow,
    PartRow,
    PlaceRow,
    RosterRow,
    Row,
    TokenRow,
    UnitRow,
)
from mifeng_server.serving import initialise
from mifeng_server.storage.sqlite import open_sqlite
from tests.support import company as companies
from tests.support.company import Company, Person
from tests.support.unit import Unit, key_package, leaf_extensions

__all__ = ["Stage", "make_stage", "write_company"]

BACK_MS = 3 * 3_600_000
"""The company was founded so long ago: its entries are a second apart."""


@dataclass(slots=True)
class Stage:
    """What the load is put on. `head` is where the unit's log stood when it was made."""

    folder: Folder
    unit: Unit
    people: list[Person]
    tokens: list[str]
    second: Unit | None = None
    head: Head = EMPTY

    def messages(self, n: int, *, size: int = 1024, unit: Unit | None = None) -> list[bytes]:
        """Encrypt so many messages by a unit's creator, as bodies to be posted."""
        bodies, unit = [], unit or self.unit
        for _ in range(n):
            said = unit.said(unit.creator, time=time.time_ns() // 1_000_000)
            content = unit.encrypt(unit.creator, os.urandom(size), said=said)
            bodies.append(msgspec.msgpack.encode(MessageRequest(generation=0, message=content)))
        return bodies


def make_stage(
    path: Path,
    size: int,
    *,
    tls: bool,
    units: int = 1,
    back_s: int = 0,
    spread_s: int = 0,
    rests: bool = True,
) -> Stage:
    """Make a folder whose server has one unit or two of `size` people.

    Args:
        path: the folder.
        size: how many people.
        tls: whether the server speaks TLS.
        units: one or two.
        back_s: so long ago the people came into the unit.
        spread_s: within how long their leaves were made.
        rests: nothing has happened since; otherwise its keys were renewed just now.
    """
    now = time.time_ns() // 1_000_000
    companies.START = UnixMillis(now - back_s * 1000 - BACK_MS)
    company = Company("load")
    people = [company.ada, *(company.hire(f"p{n}") for n in range(size - 1))]
    unit = Unit(company)
    came_at = UnixMillis(now - back_s * 1000) if back_s else None
    _fill(unit, people, came_at=came_at, spread_s=spread_s)
    if not rests:
        company.now = UnixMillis(time.time_ns() // 1_000_000 - 5000)
        unit.send_commit(company.ada, unit.commit(company.ada))
    second = Unit(company) if units > 1 else None
    if second is not None:
        _fill(second, people)
    tokens = [os.urandom(32) for _ in people]
    folder = Folder(path)
    both = [unit] if second is None else [unit, second]
    asyncio.run(write_company(folder, company, both, people, tokens, tls=tls))
    texts = [base64.urlsafe_b64encode(token).decode().rstrip("=") for token in tokens]
    return Stage(folder, unit, people, texts, second, _head_of(unit))


def _head_of(unit: Unit) -> Head:
    header = unit.entries[-1].header
    return Head(header.sequence, header_hash(header))


def _fill(
    unit: Unit, people: list[Person], *, came_at: UnixMillis | None = None, spread_s: int = 0
) -> None:
    """Grant everybody, and let the creator's commit add them, then or as soon as may be."""
    company = unit.company
    for n, who in enumerate(people[1:], 1):
        company.grant(unit.unit_id, who)
        if n % 200 == 0:
            unit.write_heads()  # entries are accepted soon after they were signed
    unit.write_heads()
    if len(people) > 1:
        company.now = max(company.now, came_at or company.now)
        made = [UnixMillis(company.now + 1000 * spread_s * n // len(people))
                for n in range(1, len(people))]  # fmt: skip
        bundles = [
            key_package(company, who, extensions=leaf_extensions(at))
            for who, at in zip(people[1:], made, strict=True)
        ]
        pending = unit.commit(company.ada, add=bundles, path=False)
        unit.send_commit(company.ada, pending)


async def write_company(
    folder: Folder,
    company: Company,
    units: list[Unit],
    people: list[Person],
    tokens: list[bytes],
    *,
    tls: bool,
) -> None:
    """Make the data folder of a server that has all this."""
    address = f"{'https' if tls else 'http'}://127.0.0.1:0"
    await initialise(folder, address, clock=SystemClock(), rng=os.urandom)
    folder.checkpoint_key.write_bytes(companies.SERVER_KEY)
    with folder.config.open("a", encoding="utf-8") as file:
        file.write("\n[limits]\nper_address = 1000000\nper_device = 1000000\n"
                   "per_member = 1000000\nstreams = 8\n")  # fmt: skip
    store = await open_sqlite(folder.database)
    rows: list[Row] = [RosterRow(n, encode(e)) for n, e in enumerate(company.entries, 1)]
    rows.append(CounterRow("roster", len(company.entries)))
    for unit in units:
        rows += [*_charter(company, unit), *_log(unit)]
    deadline = time.time_ns() // 1_000_000 + 3_600_000
    for who, token in zip(people, tokens, strict=True):
        digest = hashlib.sha256(token).digest()
        rows.append(TokenRow(token_hash=digest, member_id=who.member_id,
                             device_id=who.device_id, deadline=deadline))  # fmt: skip
    for at in range(0, len(rows), 2000):
        await store.write([Insert(row) for row in rows[at : at + 2000]])
    await store.close()


def _charter(company: Company, unit: Unit) -> list[Row]:
    charter = company.charter_entries[unit.unit_id]
    return [
        *(CharterRow(unit.unit_id, n, encode(entry)) for n, entry in enumerate(charter, 1)),
        *(GrantRow(unit.unit_id, member_id) for member_id in unit.charter.members()),
        PlaceRow(unit.unit_id, b""),
    ]


def _log(unit: Unit) -> list[Row]:
    view = unit.server
    place = (unit.unit_id, 0)
    row = UnitRow(
        unit_id=unit.unit_id,
        generation=0,
        epoch=view.public.epoch,
        epoch_began=view.log.began,
        log_sequence=view.log.head.sequence,
        log_hash=view.log.head.hash,
        accepted_at=view.last_accepted_at,
        rotated_at=view.rotated_at,
        steady_since=view.rotated_at,
        asked=b"",
        heads=encode(view.heads),
    )
    rows: list[Row] = [row]
    for entry in unit.entries:
        n, content = entry.header.sequence, entry.content
        rows.append(LogRow(*place, n, len(content), encode(entry.header)))
        rows.append(ContentRow(*place, n, 0, content))
    parts = view.public.parts(None)
    rows += [PartRow(unit.unit_id, p, value) for p, value in parts.items() if value is not None]
    return rows
