"""Three people, each in a process of their own, whose decisions cross: all end with the same."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.e2e.desk import Desk, at_desk
from tests.e2e.people import cast, colleague
from tests.support.server import running_server

CHAIN = [("one", ["Ben"]), ("all", ["Ben", "Cai"]), ("any", ["Ben", "Cai"])]


async def all_lines(desks: list[Desk]) -> list[dict[str, Any]]:
    """Let all catch up; return what they see, which is the same."""
    for desk in desks:
        await desk("sync")
    ada, ben, cai = [await desk("lines") for desk in desks]
    assert ada == ben == cai
    return list(ada)


async def at_once(*told: tuple[Desk, *tuple[Any, ...]]) -> None:
    """Have several do something, none of whom has heard of the others'."""
    for desk, *words in told:
        desk.tell(*words)
    await asyncio.gather(*(desk.answer() for desk, *_ in told))


async def test_decisions_and_votes_of_three_processes_cross_and_all_see_the_same(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c, colleague(c, "Cai"):
            pass
        async with AsyncExitStack() as stack:
            desks = [
                await stack.enter_async_context(at_desk(tmp_path / name))
                for name in ("ada", "ben", "cai")
            ]
            ada, ben, cai = desks
            n = await ada("request", "A new bicycle", CHAIN)
            await ben("sync")
            await cai("sync")
            assert "not due" in (await cai("approve", n))["error"]
            assert (await ben("approve", n))["approval"]["step"] == 2
            await cai("sync")

            await at_once((ben, "approve", n, "both"), (cai, "approve", n, "of us"))
            form, *rest = await all_lines(desks)
            assert form["sequence"] == n
            assert rest == []
            assert (form["approval"]["standing"], form["approval"]["step"]) == ("pending", 3)

            await at_once((ben, "approve", n), (cai, "reject", n), (ada, "withdraw", n))
            form, *rest = await all_lines(desks)
            *_, last = form["approval"]["history"]
            assert [line["rule"] for line in rest] == ["APPROVAL-2"] * 2
            too_late = {line["sender"]["name"] for line in rest}
            assert too_late | {last["name"]} == {"Ada", "Ben", "Cai"}
            assert form["approval"]["standing"] == last["verdict"]

            n = await ada("poll", "Lunch?", "noodles", "rice")
            await ben("sync")
            await cai("sync")
            await at_once((ben, "vote", n, 1), (ada, "close_poll", n), (cai, "vote", n, 2))
            before = await all_lines(desks)
            (poll,) = (line for line in before if line["poll"])
            late = [line["rule"] for line in before if line["sequence"] > n]
            assert late == ["POLL-1"] * len(late)
            assert (poll["poll"]["voters"], poll["poll"]["is_open"]) == (3, False)
            assert poll["poll"]["voted"] == 2 - len(late)

        async with AsyncExitStack() as stack:  # the same once more, from what is on the disk
            desks = [
                await stack.enter_async_context(at_desk(tmp_path / name))
                for name in ("cai", "ada", "ben")
            ]
            assert await all_lines(desks) == before
