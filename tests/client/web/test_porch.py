"""The page is there before what stands behind it; who asks for that early waits."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import yarl

from mifeng.web.porch import porch
from mifeng.web.server import Screen, furnished
from tests.support.patience import PATIENCE_S
from tests.support.screen import Page


async def test_the_page_is_served_before_the_rest_is_loaded() -> None:
    async with porch() as entrance, aiohttp.ClientSession() as http:
        async with http.get(entrance.origin + "/") as answer:
            assert answer.status == 200
            assert "Content-Security-Policy" in answer.headers
        async with http.get(entrance.origin + "/", headers={"Host": "elsewhere"}) as answer:
            assert answer.status == 403


async def test_a_line_that_is_early_is_answered_once_it_can_be(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        entrance = await stack.enter_async_context(porch())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        early = Page(http, entrance)  # type: ignore[arg-type]  # it has an origin and an address
        coming = asyncio.create_task(early.enter())
        done, _ = await asyncio.wait({coming}, timeout=0.2)
        assert not done, "nobody is there yet who could answer"
        await stack.enter_async_context(
            furnished(entrance, [tmp_path / "profile"], tmp_path / "ui.json")
        )
        async with asyncio.timeout(PATIENCE_S):
            await coming
            assert (await early.call("state"))["profiles"]
        await early.leave()


async def test_one_that_goes_away_does_not_end_it_for_the_others(tmp_path: Path) -> None:
    async with porch() as entrance, aiohttp.ClientSession() as http:
        with pytest.raises(asyncio.TimeoutError):
            await http.get(
                entrance.origin + "/media/none", timeout=aiohttp.ClientTimeout(total=0.2)
            )
        async with furnished(entrance, [tmp_path / "profile"], tmp_path / "ui.json") as shown:
            assert isinstance(shown, Screen)
            assert yarl.URL(shown.address()).port == shown.port == entrance.port
            async with http.get(entrance.origin + "/media/none") as answer:
                assert answer.status in (403, 404)
