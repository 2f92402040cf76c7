"""B2, B35: when a unit is begun anew, and when a device only has to wait."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path as Folder

import msgspec
import pytest

import mifeng
from mifeng.core.readd import CannotGoOnError
from mifeng.core.rows import UnitStatus
from mifeng_crypto.api import messages as m
from mifeng_crypto.gate import header_hash
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader, NeedsReadd
from mifeng_crypto.mls.group import Epoch, LeafIndex
from mifeng_crypto.mls.wire.framing import FramedContent
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.vectors_own.mallory import Frame, Path, forge_commit


@pytest.fixture
async def evil(tmp_path: Folder) -> AsyncIterator[EvilServer]:
    async with evil_server(tmp_path / "evil") as server:
        yield server


@pytest.fixture
async def c(tmp_path: Folder, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        yield both


@dataclass
class Mallory:
    """Ada's device, as the forgers want a member."""

    workspace: mifeng.Workspace
    unit_id: UnitId

    @property
    def key(self) -> Secret:
        return self.workspace._session.profile.signature_key

    @property
    def now(self) -> Epoch:
        return self.workspace._session.units[self.unit_id].active_epoch

    @property
    def suite(self) -> Suite:
        return self.now.public.suite

    @property
    def leaf(self) -> LeafIndex:
        return self.now.own_leaf

    @staticmethod
    def rng(n: int) -> bytes:
        return os.urandom(n)

    async def commit(self, *, bent: bool) -> Head:
        """Commit a path whose public half is in order; return the log's entry with it."""
        session = self.workspace._session
        unit, above = session.units[self.unit_id], self.now.public.tree.n_leaves - 1
        roster = session.known_roster
        said = unit.authenticated_data(roster, state=unit.view(roster).state, now=session.now())

        def content(made: FramedContent) -> FramedContent:
            return replace(made, authenticated_data=said)

        def secrets(honest: dict[int, Secret]) -> dict[int, Secret]:
            return {x: Secret(bytes(len(s))) if x == above else s for x, s in honest.items()}

        path = Path(secrets=secrets) if bent else Path()  # type: ignore[arg-type]
        forged = forge_commit(self, path=path, frame=Frame(content=content))  # type: ignore[arg-type]
        reply = await session.api.call(
            "commit",
            m.AcceptedReply,
            m.CommitRequest(generation=0, commit=forged.message),
            path={"unit_id": self.unit_id},
            key=os.urandom(16),
        )
        header = decode(LogHeader, reply.header)
        return Head(header.sequence, header_hash(header))


async def texts(unit: mifeng.Unit) -> list[str]:
    return [message.problem or message.text for message in await unit.history()]


async def old_log(c: Cast) -> list[LogEntry]:
    query = {"generation": 0, "after": 0}
    path = {"unit_id": c.adas.id}
    reply = await c.ben._session.api.call("log", m.LogReply, path=path, query=query)
    return [decode(LogEntry, raw) for raw in reply.entries]


@attack("the secrets of a path")
async def test_b2_a_commit_that_everybody_else_must_refuse_stops_the_unit(
    adversary: Adversary, c: Cast
) -> None:
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    await c.adas.send("before")
    await c.ben.sync()
    await c.bens.send("from Ben")
    await c.ada.sync()
    bad = await Mallory(c.ada, c.adas.id).commit(bent=adversary.on)
    held = c.ben._session.units[c.bens.id].active_epoch.public.epoch
    await c.ben.sync()
    state = c.ben._session.units[c.bens.id]
    if adversary.on:
        why = c.ben._session.troubles.get(c.bens.id)
        adversary.named(why, "CLIENT-11")
        assert isinstance(why, CannotGoOnError)
        assert (why.cause, why.stuck) == ("RFC9420-7.5-6", bad)
        assert state.status is UnitStatus.WAITING
        assert state.active_epoch.public.epoch == held, "O3: it goes nowhere, and forgets nothing"
        log = await old_log(c)
        (asked,) = (entry for entry in log if entry.header.kind is EntryKind.READD)
        stuck = decode(NeedsReadd, asked.content).tbs.stuck
        author = next(e.header.device_id for e in log if e.header.sequence == stuck.sequence)
        assert (stuck, author) == (bad, c.ada.device_id), "O4: who made it is named"
    else:
        assert state.active_epoch.public.epoch == c.adas.epoch + 1
    await c.bens.restart()
    await c.bens.send("here again")
    said = ["before", "from Ben", "here again"]
    assert await texts(c.bens) == said, "nothing is lost"
    # Whoever made it is let in again as well: who is to go is a matter of the ledgers.
    await c.ada.sync()
    assert (await texts(c.adas))[-1] == "here again", "O5"


@attack("only what cannot be processed is mended")
async def test_b35_the_server_keeps_back_what_this_device_has_committed_itself(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    await c.adas.send("before")
    await c.ben.sync()
    held = c.adas.sequence

    def late(reply: m.LogReply) -> m.LogReply:
        entries = [e for e in reply.entries if decode(LogEntry, e).header.sequence <= held]
        return msgspec.structs.replace(reply, entries=entries, head_sequence=held)

    def behind(reply: m.UnitsReply) -> m.UnitsReply:
        units = [msgspec.structs.replace(unit, log_sequence=held) for unit in reply.units]
        return msgspec.structs.replace(reply, units=units)

    await c.adas.set_policy(cap=7)  # the log grows by this device's own doing
    mallory = Mallory(c.ada, c.adas.id)
    before = c.ada._session.units[c.adas.id]
    if adversary.on:
        evil.lie(c.ada, log=late, units=behind)
    await c.ada.sync()
    if adversary.on:
        adversary.named(c.ada._session.troubles.get(c.adas.id), "CLIENT-3")
    unit = c.ada._session.units[c.adas.id]
    assert unit == before, "O3: this device is ahead, and waits"
    assert mallory.now is before.active_epoch
    for door in ("readd", "restart_unit", "commit", "founding"):
        assert evil.asked[c.ada.device_id, door] <= (2 if door == "commit" else 0), "no repair"
    evil.be_honest()
    async with asyncio.timeout(PATIENCE_S):
        await c.ada.sync()
        await c.adas.send("after")
        await c.ben.sync()
    assert await texts(c.bens) == ["before", "after"], "O5"
