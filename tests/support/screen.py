"""Screens in a test: each person's own local server, as `mifeng ui` runs it, and a page that calls.

async with cast(...) as c, open_screen(tmp_path, c.ada) as page:
    await page.of("units")
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import yarl

from mifeng import Workspace
from mifeng.web.errors import RefusedError
from mifeng.web.keeper import uptime_s
from mifeng.web.server import Screen, screen
from tests.support.patience import PATIENCE_S

__all__ = ["DeclinedError", "Page", "open_screen"]

PIECE = 1 << 20


class Page:
    """What the page's script does (`page/lib/api.js`), without a browser."""

    def __init__(self, http: aiohttp.ClientSession, shown: Screen) -> None:
        self.http, self.screen = http, shown
        self.key = ""
        self.profile = ""
        self.events = asyncio.Queue[dict[str, Any]]()
        """What happens, as it happens."""
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._calls = 0
        self._line: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None

    async def enter(self, key: str | None = None) -> None:
        """Come in by a fresh address, or with this key, and be told what happens."""
        self.key = key or yarl.URL(self.screen.address()).fragment
        self._line = await self.dial("/api/stream")
        self._reading = asyncio.create_task(self._read(self._line))

    async def dial(
        self, path: str, *, key: str | None = None, careless: bool = False, **headers: str
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a line, and prove oneself on it; with other headers where they are given.

        `careless`: as a program does that wants in, and does not mind who is there.

        Raises:
            RefusedError: the process lets nobody in like that, or is another.
        """
        name, _, secret = (key or self.key).partition(".")
        sent = {"Origin": self.screen.origin, **headers}
        try:
            line = await self.http.ws_connect(self.screen.origin + path, headers=sent)
        except aiohttp.WSServerHandshakeError as err:
            raise RefusedError(f"no line: {err.status}") from err
        challenge, mine = (
            (await line.receive_json(timeout=PATIENCE_S))["challenge"],
            os.urandom(32).hex(),
        )

        def proof(side: str) -> str:
            host = self.screen.origin.removeprefix("http://")
            said = f"Mifeng 1.0 screen\n{side}\n{host}\n{challenge}\n{mine}"
            return hmac.digest(secret.encode(), said.encode(), hashlib.sha256).hex()

        await line.send_json({"key": name, "challenge": mine, "proof": proof("page")})
        frame = await line.receive(20)
        if frame.type is aiohttp.WSMsgType.CLOSE:
            raise RefusedError(f"cut off: {frame.data}")
        welcome = json.loads(frame.data)
        if not careless and welcome["proof"] != proof("process"):
            raise RefusedError("this is another process")
        if key is None:
            self.key = welcome["key"] or self.key
        return line

    async def _read(self, line: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in line:
            event = json.loads(frame.data)
            if "answer" in event:
                self._asked.pop(event["answer"]).set_result(event)
            else:
                self.events.put_nowait(event)
        for waits in self._asked.values():
            waits.cancel()

    async def call(self, name: str, /, **facts: Any) -> Any:  # noqa: ANN401 - JSON
        """Call the local API; raise what it says if it declines."""
        assert self._line is not None, "it has come in"
        self._calls += 1
        waits = self._asked[self._calls] = asyncio.get_running_loop().create_future()
        await self._line.send_json({"call": self._calls, "name": name, "facts": facts})
        said = await waits
        if "problem" in said:
            raise DeclinedError(said["problem"]["error"], said["problem"]["message"])
        return said["reply"]

    async def of(self, name: str, /, **facts: Any) -> Any:  # noqa: ANN401 - JSON
        """Call about the profile that is shown."""
        return await self.call(name, profile=self.profile, **facts)

    async def upload(self, unit: str, name: str, body: bytes, *, most: int | None = None) -> Any:  # noqa: ANN401 - JSON
        """Send a file, or `most` bytes of it and no more; return what has become of it."""
        line = await self.dial("/api/upload")
        facts = {"profile": self.profile, "unit": unit, "name": name, "size": len(body)}
        await line.send_json(facts)
        at = 0
        while (said := await line.receive_json(timeout=PATIENCE_S)).get("more"):
            if most is not None and at >= most:
                await line.close()
                return None
            await line.send_bytes(body[at : at + PIECE][:most])
            at += PIECE
        if "problem" in said:
            raise DeclinedError(said["problem"]["error"], said["problem"]["message"])
        return said["upload"]

    async def leave(self) -> None:
        """Close the page."""
        if self._line is not None and self._reading is not None:
            await self._line.close()
            await self._reading


class DeclinedError(AssertionError):
    """The local API declined; `error` is the kind of error that it told."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error


@contextlib.asynccontextmanager
async def open_screen(
    folder: Path, me: Workspace | None = None, *, uptime_s: Callable[[], float] = uptime_s
) -> AsyncIterator[Page]:
    """Serve a screen in `folder`, and come in; it shows `me` where somebody is given."""
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        screen([folder / "profile"], folder / "ui.json", uptime_s=uptime_s) as shown,
        aiohttp.ClientSession() as http,
    ):
        page = Page(http, shown)
        await page.enter()
        page.profile = next(iter(shown.house.keepers))
        if me is not None:
            await shown.house.keepers[page.profile].take(contextlib.nullcontext(me))
        try:
            yield page
        finally:
            await page.leave()
