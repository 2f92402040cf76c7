"""Ten thousand messages: scrolled to the oldest and back, and entered in the middle by a day.

Nothing here goes by time. What is asserted is what a reader would notice: no line is missing, none
stands twice, what one reads stays where it is; and what makes it quick: the page holds so many
lines and no more, and asks for each page once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mifeng.core.rows import TimelineRecord, number, timeline_row
from mifeng.web.calls import table
from mifeng.web.facts import is_shown
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.tls import decode
from tests.browser.chromium import browser, need_a_browser
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import open_screen
from tests.support.server import running_server

if TYPE_CHECKING:
    from playwright.async_api import Page

MESSAGES = 10_000
SPAN_MS = 60 * 3600 * 1000
"""Over how long they were said: two days and a half, so that all of them are live."""
PAGE, MOST = 60, 240
"""What one call brings, and what the timeline holds at most (timeline.py, timeline.js)."""
NODES = 12
"""Of one line, for the whole page's sake: many more would be something that is never taken away."""

SCROLL = """async ({ up, pages, until }) => {
  const timeline = document.querySelector("mf-timeline");
  const scroller = timeline.querySelector(".scroller"), faults = [], seen = new Set();
  const top = (sequence) => timeline.rows.get(sequence).getBoundingClientRect().top;
  const edge = () => timeline.entries.at(up ? 0 : -1).sequence;
  let rows = 0, nodes = 0;
  const look = () => {
    const all = timeline.entries.map((one) => one.sequence);
    const lines = [...timeline.querySelectorAll(".line")];
    const drawn = lines.map((one) => Number(one.dataset.sequence));
    if (String(drawn) !== String(all)) faults.push(`drawn ${drawn}, not ${all}`);
    const gap = all.find((one, n) => n && one !== all[n - 1] + 1);
    if (gap) faults.push(`there is a gap or a double before ${gap}`);
    all.forEach((one) => seen.add(one));
    rows = Math.max(rows, drawn.length);
    nodes = Math.max(nodes, document.querySelectorAll("*").length);
  };
  look();
  for (let page = 0; page < pages && edge() !== until; page++) {
    const at = edge();
    scroller.scrollTop = up ? 200 : scroller.scrollHeight - scroller.clientHeight - 200;
    const line = scroller.getBoundingClientRect().top;
    const read = timeline.entries.find((one) => top(one.sequence) >= line).sequence, y = top(read);
    while (edge() === at) await new Promise(requestAnimationFrame);
    if (Math.abs(top(read) - y) > 1) faults.push(`${read} has moved by ${top(read) - y} px`);
    look();
  }
  return { faults: faults.slice(0, 5), rows, nodes, edge: edge(), seen: seen.size,
           first: Math.min(...seen), last: Math.max(...seen) };
}"""


@dataclass
class Reader:
    """Ada before her screen; what was said, and what her page has asked for."""

    page: Page
    unit: str
    first: int
    last: int
    times: dict[int, int]
    asked: list[dict[str, Any]]

    async def scroll(self, *, up: bool, pages: int = MESSAGES, until: int = 0) -> dict[str, Any]:
        """Scroll page by page; what has happened on the way."""
        self.asked.clear()
        async with asyncio.timeout(3 * PATIENCE_S):
            facts = {"up": up, "pages": pages, "until": until}
            went: dict[str, Any] = await self.page.evaluate(SCROLL, facts)
        assert went["faults"] == []
        assert went["rows"] <= MOST
        assert went["nodes"] <= MOST * NODES + 500
        # What is in between was there: nothing in it twice, and nothing left out.
        assert went["seen"] == went["last"] - went["first"] + 1
        pages_asked = [str(one) for one in self.asked]
        assert len(set(pages_asked)) == len(pages_asked), "a page is asked for once"
        return went


async def say_much(c: Cast) -> dict[int, int]:
    """Put messages into what Ada's device keeps, as if they had come; return when, by number.

    To send them takes minutes, and is what other tests are for: here the page and its process read.
    """
    session = c.ada._session
    last = (await c.adas.history())[-1]
    rows = await session.home.database.scan("messages", c.adas.id)
    kept = dict(rows)[c.adas.id + number(last.sequence)]
    said = decode(TimelineRecord, kept)
    now, changes, times = int(time.time() * 1000), {}, dict[int, int]()
    for n in range(MESSAGES):
        at = UnixMillis(now - SPAN_MS + n * (SPAN_MS // MESSAGES))
        sequence = last.sequence + 1 + n
        record = dataclasses.replace(
            said,
            accepted_at=at,
            deadline=retain_until(at, c.adas.policy.retention_s),
            content=said.content.replace(b"message 00000", b"message %05d" % n),
        )
        changes["messages", c.adas.id + number(sequence)] = timeline_row(c.adas.id, record)
        times[sequence] = at
    await session.save(changes)
    unit = session.units[c.adas.id]
    log = dataclasses.replace(unit.log, sequence=last.sequence + MESSAGES)
    session.units[c.adas.id] = dataclasses.replace(unit, log=log)
    session.timelines.forget(c.adas.id)
    return times


@pytest.fixture
async def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reader]:
    need_a_browser()
    asked, answer = list[dict[str, Any]](), table.answer

    async def noted(desk: Any, name: str, facts: Any) -> Any:  # noqa: ANN401 - any call
        if name == "timeline":
            asked.append(json.loads(bytes(facts)))
        return await answer(desk, name, facts)

    monkeypatch.setattr("mifeng.web.stream.answer", noted)
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as both,
        open_screen(tmp_path / "screen", both.ada) as local,
        browser(tmp_path / "browser") as context,
    ):
        await both.bens.send("message 00000")
        await both.ada.sync()
        times = await say_much(both)
        unit, page = both.adas.id.hex(), context.pages[0]
        await local.of("mark_read", unit=unit, sequence=max(times))
        page.set_default_timeout(PATIENCE_S * 1000)
        await page.goto(local.screen.address())
        await page.evaluate(f"location.hash = '#/u/{unit}'")
        await page.locator(".line", has_text=f"message {MESSAGES - 1:05}").wait_for()
        shown = next(one.sequence for one in await both.adas.timeline() if is_shown(one))
        yield Reader(page, unit, shown, max(times), times, asked)


async def test_ten_thousand_messages_are_scrolled_up_to_the_oldest_and_down_again(
    reader: Reader,
) -> None:
    went = await reader.scroll(up=True, until=reader.first)
    assert (went["edge"], went["last"]) == (reader.first, reader.last)
    assert len(reader.asked) <= MESSAGES // PAGE + 2
    assert await reader.page.locator(".beginning").count() == 1
    went = await reader.scroll(up=False, until=reader.last)
    assert (went["edge"], went["first"]) == (reader.last, reader.last - went["seen"] + 1)
    assert went["seen"] >= MESSAGES
    assert len(reader.asked) <= MESSAGES // PAGE + 2


async def test_one_jumps_to_a_day_in_the_middle_and_scrolls_both_ways_and_back_to_the_end(
    reader: Reader,
) -> None:
    page = reader.page
    day = dt.datetime.now().astimezone() - dt.timedelta(hours=30)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000
    first = next(sequence for sequence, at in reader.times.items() if at >= midnight)
    await page.get_by_role("button", name="Go to a day").click()
    await page.get_by_label("Day", exact=True).fill(f"{day:%Y-%m-%d}")
    await page.get_by_role("button", name="Go", exact=True).click()
    line = page.locator(f'.line[data-sequence="{first}"]')
    await line.wait_for()
    place, scroller = await line.bounding_box(), await page.locator(".scroller").bounding_box()
    assert place is not None
    assert scroller is not None
    assert scroller["y"] - 1 <= place["y"] <= scroller["y"] + scroller["height"] / 2
    went = await reader.scroll(up=True, pages=5)
    assert went["first"] <= first - 4 * PAGE
    went = await reader.scroll(up=False, pages=12)
    assert went["last"] >= first + 4 * PAGE
    await page.get_by_role("button", name="To the newest").click()
    await page.locator(".line", has_text=f"message {MESSAGES - 1:05}").wait_for()
    assert await page.locator(".line").count() <= MOST
