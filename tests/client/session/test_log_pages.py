"""Catching up page by page: one page ahead, and never from another place than was reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from mifeng.net import Api
from mifeng.session import applying, log_pages
from mifeng.session.log_pages import LogPages
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import UnitId
from tests.e2e.people import cast as people
from tests.support.server import running_server

UNIT = UnitId(bytes(16))


class Log:
    """A server's side: a log of so many entries, of which it gives three at once."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked: list[int] = []
        self.is_down = False

    async def call(self, name: str, reply: type, *, path: object, query: dict[str, int]) -> Any:  # noqa: ANN401
        assert (name, reply, path) == ("log", m.LogReply, {"unit_id": UNIT})
        after = query["after"]
        self.asked.append(after)
        await asyncio.sleep(0)
        if self.is_down:
            raise TransportError("it is down")
        entries = [b"%d" % n for n in range(after + 1, min(after + 3, self.length) + 1)]
        return m.LogReply(entries=entries, head_sequence=self.length)


def pages_of(log: Log) -> LogPages:
    return LogPages(cast("Api", log), UNIT, 0)


async def test_the_next_page_is_fetched_while_this_one_is_applied() -> None:
    log = Log(7)
    async with pages_of(log) as pages:
        assert (await pages.after(0)).entries == [b"1", b"2", b"3"]
        await asyncio.sleep(0)  # as applying does, which saves
        assert log.asked == [0, 3]
        assert (await pages.after(3)).entries == [b"4", b"5", b"6"]
        assert (await pages.after(6)).entries == [b"7"]
        await asyncio.sleep(0)
    assert log.asked == [0, 3, 6]  # nothing behind the head


async def test_what_was_fetched_from_another_place_is_fetched_again() -> None:
    log = Log(7)
    async with pages_of(log) as pages:
        await pages.after(0)
        assert (await pages.after(1)).entries == [b"2", b"3", b"4"]


async def test_a_page_that_could_not_be_fetched_is_told_where_it_is_needed() -> None:
    log = Log(7)
    async with pages_of(log) as pages:
        await pages.after(0)
        log.is_down = True
        with pytest.raises(TransportError):
            await pages.after(3)


async def test_nothing_is_left_behind_when_catching_up_ends_early() -> None:
    async with pages_of(Log(7)) as pages:
        await pages.after(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("aside", [0, 1000])
async def test_a_log_of_many_pages_is_read_to_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aside: int
) -> None:
    monkeypatch.setattr(log_pages, "PAGE", 2)
    monkeypatch.setattr(applying, "ASIDE", aside)  # in a thread or not
    async with running_server(tmp_path) as server, people(tmp_path, server) as c:
        texts = [f"message {n}" for n in range(9)]
        for text in texts:
            await c.adas.send(text)
        await c.ben.sync()
        assert [x.text for x in await c.bens.history()] == texts
