"""The server signs what it says, and clients hold it to that: checkpoints, receipts, alarms."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import mifeng
from mifeng import sdk
from mifeng.session import notary
from mifeng_crypto import signature
from mifeng_crypto.api import messages as m
from mifeng_crypto.audit.evidence import Contradiction, RefusedStatement
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.checkpoint import origin_of_log, origin_of_roster, sign_checkpoint
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import open_receipt
from mifeng_server.routes.endpoint import HOUSE
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import PASSPHRASE, Cast, cast


@pytest.fixture
async def evil(tmp_path: Path) -> AsyncIterator[EvilServer]:
    async with evil_server(tmp_path / "evil") as server:
        yield server


@pytest.fixture
async def c(tmp_path: Path, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        yield both


def server_key(evil: EvilServer) -> bytes:
    key: bytes = evil.server.app[HOUSE].notary._key  # type: ignore[attr-defined]
    return key


def origin_of(unit: mifeng.Unit) -> bytes:
    return origin_of_log(unit._session.profile.workspace_id, unit._state.group).encode()


async def rules(who: mifeng.Workspace) -> list[str]:
    return [alarm.rule for alarm in await who.alarms()]


async def test_what_is_accepted_is_receipted_and_the_receipt_is_kept(
    evil: EvilServer, c: Cast
) -> None:
    sent = await c.adas.send("hello")
    key = c.ada._session.known_roster.server.checkpoint_key
    assert key == signature.public_of(server_key(evil))
    kept = await c.ada._session.home.database.scan("receipts", c.adas.id)
    receipts = {
        int.from_bytes(place[-8:], "big"): open_receipt(row, public_key=key) for place, row in kept
    }
    (row,) = await c.ada._session.home.database.scan("messages", c.adas.id, last=1)
    assert receipts[sent.sequence].retain_until > sent.time.timestamp() * 1000
    assert receipts[sent.sequence].hash in row[1]
    assert 1 in receipts, "the unit's first entry"
    assert len(receipts) == 3, "and Ada's commit"
    assert await rules(c.ada) == []


async def test_checkpoints_of_everything_are_pinned_and_stay_on_the_disk(c: Cast) -> None:
    await c.ada.sync()
    session = c.ada._session
    pins = {origin.decode() for origin, _ in await session.home.database.scan("pins")}
    workspace = f"mifeng/{c.ada.id.hex()}"
    unit = c.adas.id.hex()
    assert pins == {
        f"{workspace}/roster",
        f"{workspace}/charter/{unit}",
        f"{workspace}/log/{unit}/0",
    }
    assert await rules(c.ada) == []


async def test_what_is_signed_behind_ones_own_removal_is_no_alarm(c: Cast) -> None:
    """Whoever is let in again at once learns by the checkpoints first that the log is longer."""
    await c.ben.sync()
    ben = c.ada.person("Ben")
    await c.adas.revoke(ben)
    assert await c.adas.grant(ben)
    await c.adas.send("welcome back")
    await notary.follow(c.ben._session)
    assert c.ben._session.troubles == {}
    assert await rules(c.ben) == []
    await c.ben.sync()
    assert [one.text for one in await c.ben.unit("research").history()][-1] == "welcome back"


async def test_one_is_out_of_a_unit_and_the_others_go_on_as_before(c: Cast) -> None:
    other = await c.ada.create_unit("Sales")
    assert await other.grant(c.ada.person("Ben"))
    await c.ben.sync()
    await c.adas.revoke(c.ada.person("Ben"))
    before = await c.ben._session.home.database.scan("pins", origin_of(other))
    await other.send("new here")
    await notary.follow(c.ben._session)
    assert await rules(c.ben) == []
    assert await c.ben._session.home.database.scan("pins", origin_of(other)) != before


async def test_a_server_that_signs_nothing_is_noticed_and_work_goes_on_checkpoint_4(
    evil: EvilServer, c: Cast
) -> None:
    evil.lie(c.ben, checkpoints=lambda _: m.CheckpointsReply(notes=[]))
    await c.ben.sync()
    await c.ben.sync()
    found = await c.ben.alarms()
    assert {alarm.rule for alarm in found} == {"CHECKPOINT-4"}
    told = sorted(alarm.unit_id or b"" for alarm in found)
    assert told == [b"", c.bens.id], "the same thing seen again is told once"
    await c.adas.send("work goes on")
    await c.ben.sync()
    assert (await c.bens.history())[-1].text == "work goes on"


async def test_a_receipt_that_does_not_hold_is_an_alarm_and_the_message_stands(
    evil: EvilServer, c: Cast
) -> None:
    def bend(reply: m.AcceptedReply) -> m.AcceptedReply:
        return msgspec.structs.replace(reply, retain_until=reply.retain_until + 1)

    evil.lie(c.ben, message=bend)
    await c.bens.send("hello")
    (alarm,) = await c.ben.alarms()
    assert alarm.rule == "RECEIPT-3"
    assert isinstance(alarm.evidence, RefusedStatement)
    await c.ada.sync()
    assert (await c.adas.history())[-1].text == "hello"


async def test_a_server_that_goes_back_behind_its_own_word_stops_everything_checkpoint_2(
    evil: EvilServer, c: Cast
) -> None:
    said: list[m.CheckpointsReply] = []

    def remember(reply: m.CheckpointsReply) -> m.CheckpointsReply:
        said.append(reply)
        return reply

    evil.lie(c.ben, checkpoints=remember)
    await c.ben.sync()
    await c.ada.invite()
    await c.ben.sync()
    evil.lie(c.ben, checkpoints=lambda _: said[0])
    with pytest.raises(ProtocolError, match="CHECKPOINT-2"):
        await c.ben.sync()
    assert await rules(c.ben) == ["CHECKPOINT-2"]


@pytest.mark.parametrize("of", ["roster", "log"])
async def test_a_server_that_signs_another_history_is_convicted_and_the_evidence_stays(
    evil: EvilServer, c: Cast, of: str
) -> None:
    session = c.ben._session
    origin = (
        origin_of_roster(c.ben.id)
        if of == "roster"
        else origin_of_log(c.ben.id, session.units[c.bens.id].group)
    )
    at = 2 if of == "roster" else c.bens._state.log.sequence
    theirs = Head(at, b"\x11" * 32)
    forked = sign_checkpoint(origin, theirs, workspace_id=c.ben.id, signing_key=server_key(evil))

    def other(reply: m.CheckpointsReply) -> m.CheckpointsReply:
        kept = [note for note in reply.notes if not note.startswith(origin.encode() + b"\n")]
        return m.CheckpointsReply(notes=[*kept, forked])

    await session.save({("pins", origin.encode()): None})
    evil.lie(c.ben, checkpoints=other)
    if of == "roster":
        with pytest.raises(ProtocolError, match="LEDGER-8"):
            await c.ben.sync()
    else:
        await c.ben.sync()
        with pytest.raises(ProtocolError, match="LOG-8"):
            c.bens.check_access()
    shutil.copytree(c.home("ben"), c.home("after a restart"))
    async with sdk.unlock(c.home("after a restart"), passphrase=PASSPHRASE) as again:
        (alarm,) = await again.alarms()
    assert isinstance(alarm.evidence, Contradiction)
    assert alarm.evidence.split.statement == forked
    assert alarm.evidence.split.theirs == theirs


async def test_a_log_past_what_is_served_is_withheld(evil: EvilServer, c: Cast) -> None:
    await c.ben.sync()
    await c.adas.send("secret from Ben")

    def short(reply: m.LogReply) -> m.LogReply:
        return m.LogReply(entries=[], head_sequence=c.bens._state.log.sequence)

    evil.lie(c.ben, log=short)
    await c.ben.sync()
    with pytest.raises(ProtocolError, match="CLIENT-3"):
        c.bens.check_access()
    assert await rules(c.ben) == ["CLIENT-3"]
