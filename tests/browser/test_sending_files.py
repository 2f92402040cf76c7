"""Files onto the page: dropped, several at once, pasted without a name; held back, and given up."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mifeng.web import uploads
from tests.browser.chromium import browser, need_a_browser
from tests.browser.company import picture
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import Page as Local
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

# What a hand does with files, as the page is told of it.
HAND = """({ kind, files }) => {
  const data = new DataTransfer();
  for (const { name, type, bytes } of files) {
    const body = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
    data.items.add(new File([body], name, { type }));
  }
  const facts = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
  const at = document.querySelector(kind === "paste" ? "mf-composer textarea" : ".middle");
  const made = kind === "paste" ? new ClipboardEvent(kind, facts) : new DragEvent(kind, facts);
  at.dispatchEvent(made);
  return made.defaultPrevented;
}"""


def held(name: str, kind: str, body: bytes) -> dict[str, str]:
    return {"name": name, "type": kind, "bytes": base64.b64encode(body).decode()}


@dataclass
class Desk:
    """Ada before her screen, in the unit that she shares with Ben."""

    cast: Cast
    local: Local
    page: Page

    async def hand(self, kind: str, *files: dict[str, str]) -> bool:
        taken: bool = await self.page.evaluate(HAND, {"kind": kind, "files": list(files)})
        return taken

    async def names(self) -> list[str]:
        """The files that Ben has been sent."""
        await self.cast.ben.sync()
        return [file.name for line in await self.cast.bens.history() for file in line.files]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    need_a_browser()
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        open_screen(tmp_path / "screen", c.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        page = context.pages[0]
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.goto(local.screen.address())
        await page.evaluate(f"location.hash = '#/u/{c.adas.id.hex()}'")
        await page.wait_for_selector("mf-composer textarea")
        yield Desk(c, local, page)


async def test_files_are_dropped_several_at_once_and_pictures_pasted(desk: Desk) -> None:
    page = desk.page
    texts = [held(f"notes {n}.txt", "text/plain", b"text %d" % n) for n in range(3)]
    assert await desk.hand("dragover", texts[0]), "the page says that it takes them"
    assert await page.locator(".middle.dropping").count() == 1
    assert await desk.hand("drop", *texts)
    assert await page.locator(".middle.dropping").count() == 0
    for n in range(3):
        await page.locator("mf-file", has_text=f"notes {n}.txt").wait_for()
    # What is pasted is called so by the browser, whatever it is: it gets a name and its time.
    assert await desk.hand("paste", held("image.png", "image/png", picture(400, 300)))
    await page.locator("mf-file", has_text="Picture 20").locator("img").first.wait_for()
    assert sorted(await desk.names())[1:] == [f"notes {n}.txt" for n in range(3)]
    assert (await desk.names())[-1].startswith("Picture 20")
    # Text that is pasted is the composer's own.
    assert not await desk.hand("paste")


async def test_a_file_on_its_way_is_held_back_goes_on_and_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first piece is taken only once the test has looked: what is slow is slow for certain."""
    page, may_go, pieces = desk.page, asyncio.Event(), uploads._pieces

    async def slowly(socket: Any, size: int) -> AsyncIterator[bytes]:  # noqa: ANN401 - aiohttp's
        await may_go.wait()
        async for piece in pieces(socket, size):
            yield piece

    monkeypatch.setattr(uploads, "_pieces", slowly)
    await desk.hand("drop", held("plan.bin", "application/octet-stream", bytes(3 << 20)))
    await page.get_by_role("button", name="Pause: plan.bin").click()
    await page.locator(".upload.paused", has_text="plan.bin").wait_for()
    may_go.set()
    await page.get_by_role("button", name="Go on: plan.bin").click()
    await page.locator("mf-file", has_text="plan.bin").wait_for()
    assert await desk.names() == ["plan.bin"]
    assert await page.locator(".upload").count() == 0
    may_go.clear()
    await desk.hand("drop", held("never.bin", "application/octet-stream", bytes(3 << 20)))
    await page.get_by_role("button", name="Give up: never.bin").click()
    await page.locator(".upload", has_text="never.bin").wait_for(state="detached")
    may_go.set()
    await desk.cast.adas.send("the end")
    await page.locator(".line", has_text="the end").wait_for()
    assert await desk.names() == ["plan.bin"]
