"""What is kept of a refused log: the ciphertexts of messages no longer than messages are kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mifeng_crypto.audit.evidence import RefusedEntries
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.log import LogEntry, LogHeader
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.rows import ContentRow, LogRow
from tests.expiry.stage import HOUR, Stage, stage


async def _refuse_a_message(on: Stage) -> LogEntry:
    """The server gives Ben what Ada said behind another entry than the one that he has."""
    unit_id = UnitId(on.ben.unit.id)
    await on.ada.unit.send("the merger is on Friday")
    log = on.ben.session.units[unit_id].log
    place = unit_id, 0, log.sequence + 1
    header = await on.server.house.store.get(LogRow, *place)
    content = await on.server.house.store.get(ContentRow, *place)
    assert header is not None
    assert content is not None
    honest = decode(LogHeader, header.header)
    wrong = LogEntry(dataclasses.replace(honest, previous=bytes(32)), content.content)
    with pytest.raises(ProtocolError, match="LOG-"):
        await on.ben.session.apply(unit_id, [encode(wrong)])
    return wrong


async def _evidence(on: Stage) -> LogEntry:
    assert on.ben.workspace is not None
    (alarm,) = await on.ben.workspace.alarms()
    assert isinstance(alarm.evidence, RefusedEntries)
    (entry,) = alarm.evidence.entries
    return decode(LogEntry, entry)


async def test_an_alarm_keeps_a_messages_ciphertext_until_its_deadline_and_its_header_for_ever(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        refused = await _refuse_a_message(on)
        assert await _evidence(on) == refused
        for hours in (70, 5):
            on.clock.advance(hours * HOUR)
            await on.ben.tick()
            if hours == 70:
                assert await _evidence(on) == refused
        assert await _evidence(on) == LogEntry(refused.header, b"")
        assert on.ben.session.home.vault.slots() == ()
        await on.ben.close()
        await on.ben.open(online=False)
        assert await _evidence(on) == LogEntry(refused.header, b"")


async def test_an_alarm_of_a_strict_unit_keeps_no_ciphertext(tmp_path: Path) -> None:
    async with stage(tmp_path, names=("Ben",)) as on:
        await on.ada.unit.set_policy(strict=Strict.ON)
        for device in (on.ada, on.ben):
            await device.sync()
        refused = await _refuse_a_message(on)
        assert await _evidence(on) == LogEntry(refused.header, b"")
