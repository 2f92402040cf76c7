"""Screens in a test: each person's own local server, as `mifeng ui` runs it, and a page that calls.

async with cast(...) as c, screen_of(tmp_path, ada=c.ada) as (screen, page):
    await page.call("units")
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import yarl

from mifeng import Workspace
from mifeng.web.server import Screen, screen

__all__ = ["Page", "open_screen"]


class Page:
    """What the page's script does, without a browser."""

    def __init__(self, http: aiohttp.ClientSession, shown: Screen) -> None:
        self.http, self.screen = http, shown
        self.secret = ""
        self.profile = ""

    async def enter(self) -> None:
        """Change the token of a fresh address for a secret."""
        token = yarl.URL(self.screen.address()).fragment
        self.secret = (await self.call("enter", token=token))["secret"]

    async def call(self, name: str, /, **facts: Any) -> Any:  # noqa: ANN401 - JSON
        """Call the local API; raise what it says if it declines."""
        async with await self.post(name, facts) as response:
            said = await response.json()
            if response.status != 200:
                raise DeclinedError(response.status, said["error"], said["message"])
            return said

    async def of(self, name: str, /, **facts: Any) -> Any:  # noqa: ANN401 - JSON
        """Call about the profile that is shown."""
        return await self.call(name, profile=self.profile, **facts)

    async def post(
        self, name: str, facts: dict[str, Any], **headers: str
    ) -> aiohttp.ClientResponse:
        """Send a call as the browser would, with other headers where they are given."""
        sent = {"X-Mifeng-Secret": self.secret, "Origin": self.screen.origin, **headers}
        return await self.http.post(f"{self.screen.origin}/api/{name}", json=facts, headers=sent)


class DeclinedError(AssertionError):
    """The local API declined; `error` is the kind of error that it told."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status, self.error = status, error


@contextlib.asynccontextmanager
async def open_screen(folder: Path, me: Workspace | None = None) -> AsyncIterator[Page]:
    """Serve a screen in `folder`, and come in; it shows `me` where somebody is given."""
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        screen([folder / "profile"], folder / "ui.json") as shown,
        aiohttp.ClientSession() as http,
    ):
        page = Page(http, shown)
        await page.enter()
        page.profile = next(iter(shown.house.keepers))
        if me is not None:
            await shown.house.keepers[page.profile].take(contextlib.nullcontext(me))
        yield page
