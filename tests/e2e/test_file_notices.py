"""One day before a file is over, those are told who have not fetched it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mifeng
from mifeng.core.events import FileEnding
from mifeng.core.notices import DAY_MS
from mifeng.session import Session, notices
from mifeng.session.live import Listener
from mifeng.session.notices import Watch
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


def _later(monkeypatch: pytest.MonkeyPatch, unit: mifeng.Unit, message: mifeng.Message) -> None:
    """The device's time is a day less a minute before the message is over."""
    assert message.until is not None
    at = int(message.until.timestamp() * 1000) - DAY_MS + 60_000
    monkeypatch.setattr(Session, "effective", lambda _: at)


async def _posted(c: Cast) -> mifeng.Message:
    path = c.folder / "plan.pdf"
    path.write_bytes(b"the plan")
    message = await c.adas.upload(path)
    await c.ben.sync()
    return message


async def _next_ending(events: Listener) -> FileEnding:
    async for event in events:
        if isinstance(event, FileEnding):
            return event
    raise AssertionError("the events never end")


async def test_who_has_not_fetched_a_file_hears_of_its_last_day_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        message = await _posted(c)
        assert await c.bens.ending() == []
        _later(monkeypatch, c.bens, message)
        [shared] = await c.bens.ending()
        assert (shared.file.name, shared.message.sequence) == ("plan.pdf", message.sequence)
        assert await c.adas.ending() == [], "whoever posted it knows"
        monkeypatch.setattr(notices, "FIRST_S", 0.0)
        session = c.ben._session
        with session.live.listen() as events:
            await session.live.wait()
            async with asyncio.timeout(PATIENCE_S):
                told_of = await _next_ending(events)
        assert (told_of.name, told_of.sequence) == ("plan.pdf", message.sequence)
        told: list[object] = []
        monkeypatch.setattr(Session, "tell", lambda _self, event: told.append(event))
        await Watch(session).look()
        assert told == [], "told twice"


async def test_who_has_fetched_a_file_is_left_in_peace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        message = await _posted(c)
        await c.bens.download(message.files[0], tmp_path / "got.pdf")
        _later(monkeypatch, c.bens, message)
        assert await c.bens.ending() == []


async def test_a_file_that_is_recalled_or_kept_has_no_last_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        message = await _posted(c)
        await c.bens.keep(message.files[0])
        await c.ada.sync()
        _later(monkeypatch, c.bens, message)
        assert await c.bens.ending() == [], "Ben has posted it himself"
