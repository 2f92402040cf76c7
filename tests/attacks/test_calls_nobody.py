"""C11: what others write makes nobody's browser call them, on the screen or in an exported page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.attacks.adversary import Adversary, attack
from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import cast
from tests.support.screen import open_screen
from tests.support.server import running_server


@contextlib.asynccontextmanager
async def trap() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that writes down who calls."""
    called = list[str]()

    async def answer(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.Response(text="caught")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/"), called


def bait(url: str) -> list[str]:
    return [
        f"see {url}/plain and <{url}/angle>",
        f"![picture]({url}/markdown.png) [link]({url}/link)",
        f'<img src="{url}/img"><svg><image href="{url}/svg"/></svg>',
        f'<link rel="prefetch" href="{url}/prefetch"><iframe src="{url}/frame"></iframe>',
        f"<style>body{{background:url({url}/style)}}</style>",
        f'<video poster="{url}/poster" src="{url}/video"></video><object data="{url}/object">',
        f'<meta http-equiv="refresh" content="0;url={url}/refresh">',
    ]


@attack()
async def test_c11_a_message_on_the_screen_calls_nobody(
    adversary: Adversary, tmp_path: Path
) -> None:
    need_a_browser()
    async with (
        trap() as (url, called),
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        open_screen(tmp_path / "screen", c.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        for text in bait(url) if adversary.on else ["plain"]:
            await c.bens.send(text)
        await c.bens.send("the last one")
        await c.ada.sync()
        page = context.pages[0]
        await page.goto(local.screen.address())
        await page.wait_for_selector(".unit-link")
        await page.evaluate(f"location.hash = '#/u/{c.adas.id.hex()}'")
        await page.locator(".line", has_text="the last one").last.wait_for()
        await page.wait_for_load_state("networkidle")
    assert called == []
    if adversary.on:
        adversary.refused_by.append("nobody is called")


@attack("a page without markup of others + the policy of an exported page")
async def test_c11_an_exported_page_in_a_browser_calls_nobody(
    adversary: Adversary, tmp_path: Path
) -> None:
    need_a_browser()
    async with (
        trap() as (url, called),
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        browser(tmp_path / "browser") as context,
    ):
        for text in bait(url) if adversary.on else ["plain"]:
            await c.bens.send(text)
        await c.ada.sync()
        await c.adas.export(tmp_path / "out")
        page = context.pages[0]
        await page.goto((tmp_path / "out" / "index.html").as_uri())
        await page.wait_for_load_state("networkidle")
    assert called == [], "somebody was called"
    if adversary.on:
        adversary.refused_by.append("nobody is called")
