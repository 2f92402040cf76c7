"""The local API against a real server, without a browser."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng.errors import ServerProblem
from mifeng.session import delivery, notary
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.audit.evidence import Observed
from mifeng_crypto.errors import ProtocolError, TransportError
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.screen import DeclinedError, Page, open_screen
from tests.support.server import RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as server:
        yield server


@pytest.fixture
async def c(tmp_path: Path, server: RunningServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, server) as both:
        yield both


@pytest.fixture
async def page(tmp_path: Path, c: Cast) -> AsyncIterator[Page]:
    async with open_screen(tmp_path / "screen", c.ada) as page:
        yield page


async def test_what_is_said_comes_to_the_page_by_itself(page: Page, c: Cast) -> None:
    unit = (await page.of("units"))["units"][0]["id"]
    await c.bens.send("Guten Morgen")
    async with asyncio.timeout(PATIENCE_S):
        while (event := await page.events.get())["kind"] != "entry":
            pass
    assert event["unit"] == unit
    shown = await page.of("timeline", unit=unit)
    assert [entry["text"] for entry in shown["entries"] if entry["text"]] == ["Guten Morgen"]
    assert (await page.of("units"))["units"][0]["unread"] == 1
    await page.of("mark_read", unit=unit, sequence=event["sequence"])
    assert (await page.of("units"))["units"][0]["unread"] == 0


async def test_a_timeline_is_read_in_pages_both_ways(page: Page, c: Cast) -> None:
    unit = c.adas.id.hex()
    for n in range(130):
        await c.adas.send(f"m{n}")
    newest = await page.of("timeline", unit=unit)
    assert (newest["more_before"], newest["more_after"]) == (True, False)
    texts = [entry["text"] for entry in newest["entries"]]
    before = newest
    while before["more_before"]:
        before = await page.of("timeline", unit=unit, before=before["entries"][0]["sequence"])
        texts = [entry["text"] for entry in before["entries"]] + texts
    assert [text for text in texts if text] == [f"m{n}" for n in range(130)]
    last = before["entries"][-1]["sequence"]
    after = await page.of("timeline", unit=unit, after=last)
    assert after["entries"][0]["sequence"] == last + 1
    assert after["more_after"]
    at = next(entry["at"] for entry in newest["entries"] if entry["text"] == "m100")
    around = await page.of("timeline", unit=unit, at=at)
    assert "m100" in [entry["text"] for entry in around["entries"]]


async def test_answers_reactions_edits_and_mentions_come_to_the_page(page: Page, c: Cast) -> None:
    unit = c.adas.id.hex()
    first = (await page.of("send", unit=unit, text="Wer kommt?"))["sequence"]
    await c.ben.sync()
    await c.bens.send(f"Ich, {c.bens.mention(c.ben.person('Ada'))}", reply_to=first)
    await c.bens.react(first, "👍")
    await c.ada.sync()
    mention = [{"shown": "@Ben", "person": c.ben.me.id.hex()}]
    await page.of("send", unit=unit, text="Danke @Ben", mentions=mention, thread=first)
    await page.of("edit", unit=unit, sequence=first, text="Wer kommt mit?")
    lines = (await page.of("timeline", unit=unit))["entries"]
    question, answer, thanks = [line for line in lines if line["text"]]
    assert (question["text"], question["is_edited"], question["answers"]) == (
        "Wer kommt mit?",
        True,
        2,
    )
    assert [(one["emoji"], len(one["people"])) for one in question["reactions"]] == [("👍", 1)]
    assert (answer["reply_to"], answer["reply_by"]) == (first, "Ada")
    assert answer["reply_text"] == "Wer kommt mit?"
    assert answer["calls_me"]
    assert f"/u/{c.ben.me.id.hex()}" in thanks["text"]
    found = (await page.of("thread", unit=unit, sequence=first))["entries"]
    assert [line["sequence"] for line in found] == [line["sequence"] for line in lines[-3:]]
    assert (await page.of("mentionable", unit=unit, query="b"))["people"][0]["name"] == "Ben"
    await page.of("delete", unit=unit, sequence=thanks["sequence"])
    lines = (await page.of("timeline", unit=unit))["entries"]
    assert lines[-1]["is_deleted"]
    assert lines[-1]["text"] == ""


async def test_a_file_goes_up_by_the_page_and_comes_down_in_ranges(page: Page, c: Cast) -> None:
    frames = bytes(range(256)) * 1500
    video = b"\0\0\0\x10ftypisom\0\0\0\0" + struct.pack(">I", 8 + len(frames)) + b"mdat" + frames
    unit = c.adas.id.hex()
    assert (await page.upload(unit, "片.mp4", video))["state"] == "done"
    entry = (await page.of("files", unit=unit))["entries"][0]
    file = entry["files"][0]
    assert (file["name"], file["kind"], file["size"]) == ("片.mp4", "video", len(video))
    way = await page.of(
        "show_file", unit=unit, sequence=entry["sequence"], file=file["id"], save=False
    )
    assert way["content_type"] == "video/mp4"
    headers = {"Range": "bytes=300000-300999"}
    async with page.http.get(page.screen.origin + way["url"], headers=headers) as part:
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes 300000-300999/{len(video)}"
        assert part.headers["X-Content-Type-Options"] == "nosniff"
        assert part.headers["Cache-Control"] == "no-store"
        assert await part.read() == video[300000:301000]
    for odd in ("bytes=9999999-", "bytes=5-2", "bytes=-", "lines=1-2"):
        async with page.http.get(page.screen.origin + way["url"], headers={"Range": odd}) as part:
            assert part.status == 416
    await page.of("lock")
    async with page.http.get(page.screen.origin + way["url"]) as part:
        assert part.status == 404


async def test_a_body_that_ends_early_leaves_no_message(page: Page, c: Cast) -> None:
    await page.upload(c.adas.id.hex(), "half", b"x" * 5000, most=1000)
    async with asyncio.timeout(PATIENCE_S):
        while not (found := (await page.of("uploads"))["uploads"]) or (
            found[0]["state"] == "running"
        ):
            await asyncio.sleep(0.05)
    assert found[0]["state"] in ("failed", "cancelled")
    assert (await page.of("files", unit=c.adas.id.hex()))["entries"] == []


async def test_a_locked_profile_gives_nothing_and_opens_by_its_passphrase(
    tmp_path: Path, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.keychain.DEFAULT_COST", PASSPHRASE.cost)
    monkeypatch.setattr("mifeng.keychain.FLOOR", PASSPHRASE.floor)
    invitation = await c.ada.invite()
    async with open_screen(tmp_path / "cy") as page:
        assert (await page.call("look_at_link", link=f" {invitation.link}\n"))["kind"] == "join"
        step = await page.call(
            "enrol",
            link=invitation.link,
            code="",
            name="Cy",
            title="",
            device="",
            passphrase=PASSPHRASE.text,
        )
        assert step["step"] == "sheet"
        assert len(step["code"].split("-")) == 7
        made = await page.call("enrol_next")
        assert made["step"] == "done"
        page.profile = made["profile"]
        assert (await page.call("state"))["profiles"][0]["me"]["me"]["name"] == "Cy"
        await page.of("lock")
        with pytest.raises(DeclinedError, match="LockedError"):
            await page.of("units")
        state = (await page.call("state"))["profiles"][0]
        assert (state["state"], state["needs_passphrase"], state["me"]) == ("locked", True, None)


async def test_a_second_device_is_let_in_by_the_digits_that_it_shows(
    tmp_path: Path, page: Page, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.keychain.DEFAULT_COST", PASSPHRASE.cost)
    monkeypatch.setattr("mifeng.keychain.FLOOR", PASSPHRASE.floor)
    for text in ("before", "also before"):
        await c.adas.send(text)
    link = (await page.of("offer_device"))["link"]
    asking = asyncio.create_task(page.of("offered_device"))
    async with open_screen(tmp_path / "phone") as phone:
        facts = {"code": "", "name": "", "title": "", "device": "Tablet"}
        shown = await phone.call("enrol", link=link, passphrase=PASSPHRASE.text, **facts)
        assert shown["step"] == "digits"
        assert (await asking)["name"] == "Tablet"
        await page.of("approve_device", code=shown["code"])
        done = await phone.call("enrol_next")
        assert done["step"] == "done"
        phone.profile = done["profile"]
        assert (await phone.call("state"))["profiles"][0]["me"]["me"]["name"] == "Ada"
        unit = c.adas.id.hex()
        async with asyncio.timeout(PATIENCE_S):
            while (event := await phone.events.get())["kind"] != "renewed":
                pass
        assert event["unit"] == unit
        here = (await phone.of("timeline", unit=unit))["entries"]
        assert [one["text"] for one in here if one["text"]] == ["before", "also before"]
        [line] = [one for one in here if one["remarks"]]
        assert line["remarks"] == ["2 messages from before you joined, handed over by Ada"]
        assert (await phone.of("units"))["units"][0]["unread"] == 0
    me = c.ada.me.id.hex()
    devices = (await page.of("devices", person=me))["devices"]
    assert [one["how"] for one in devices] == ["founded the workspace", "added by Ada"]
    lines = (await page.of("timeline", unit=c.adas.id.hex()))["entries"]
    assert "Ada has a new device" in [one for line in lines for one in line["remarks"]]
    other = next(one for one in devices if not one["is_this"])
    await page.of("revoke_device", person=me, device=other["id"])
    assert (await page.of("devices", person=me))["devices"][-1]["ended_at"] > 0


async def test_a_clock_that_is_off_and_an_alarm_are_told_until_all_is_well(
    page: Page, c: Cast
) -> None:
    keeper = page.screen.house.keepers[page.profile]

    async def warnings() -> list[str]:
        return (await page.call("state"))["profiles"][0]["me"]["warnings"]  # type: ignore[no-any-return]

    await keeper.look_at_clock()
    assert await warnings() == []
    keeper.wall = lambda: time.time() - 15 * 60
    await keeper.look_at_clock()
    assert [one for one in await warnings() if "15 min" in one and "clock" in one]
    keeper.wall = time.time
    await keeper.look_at_clock()
    assert await warnings() == []
    forked = ProtocolError("LOG-8", "two logs were shown")
    await notary.raise_alarm(c.ada._session, forked, Observed(), unit_id=c.adas.id)
    await keeper.look_for_alarms()
    assert [one for one in await warnings() if "two logs were shown" in one]


async def test_a_profile_that_nobody_touches_is_locked(page: Page, c: Cast) -> None:
    keeper = page.screen.house.keepers[page.profile]
    await keeper.lock_after(3600)
    assert keeper.is_open
    await keeper.lock_after(0)
    assert not keeper.is_open


async def test_without_a_server_a_text_waits_and_is_shown_as_waiting(
    page: Page, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.session.delivery.pause_s", lambda *_, **__: 0.01)
    unit, addresses = c.adas.id.hex(), c.ada._session.api._addresses
    c.ada._session.api._addresses = ["https://127.0.0.1:9"]
    assert (await page.of("send", unit=unit, text="später"))["sequence"] == 0
    shown = await page.of("timeline", unit=unit)
    assert [entry["text"] for entry in shown["waiting"]] == ["später"]
    c.ada._session.api._addresses = addresses
    await c.ada.sync()
    shown = await page.of("timeline", unit=unit)
    assert shown["waiting"] == []
    assert shown["entries"][-1]["text"] == "später"


async def test_what_was_refused_is_shown_with_the_reason_until_it_is_sent_or_forgotten(
    page: Page, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = c.adas.id.hex()

    async def busy(*_: object, **__: object) -> None:
        raise TransportError("the server is busy")

    async def refusing(*_: object, **__: object) -> None:
        raise ServerProblem(413, ProblemCode.TOO_LARGE)

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "reach", busy)
        for text in ("first", "second"):
            assert (await page.of("send", unit=unit, text=text))["sequence"] == 0
        patch.setattr(delivery, "reach", refusing)
        await c.ada.sync()
        first, second = (await page.of("timeline", unit=unit))["unsent"]
        assert (first["text"], second["text"]) == ("first", "second")
        assert "send less" in first["why"]
        with pytest.raises(DeclinedError):
            await page.of("send_again", unit=unit, number=first["number"])
    await page.of("send_again", unit=unit, number=first["number"])
    await page.of("discard", unit=unit, number=second["number"])
    shown = await page.of("timeline", unit=unit)
    assert (shown["unsent"], shown["entries"][-1]["text"]) == ([], "first")


async def test_settings_are_kept(tmp_path: Path) -> None:
    async with open_screen(tmp_path / "s") as page:
        await page.call("set_settings", language="zh_CN", theme="dark", lock_after_min=5)
        said = await page.call("words")
        assert said["language"] == "zh_CN"
        assert said["words"]["log in again"] == "请重新登录"
    async with open_screen(tmp_path / "s") as page:
        state = await page.call("state")
        assert (state["language"], state["theme"], state["lock_after_min"]) == ("zh_CN", "dark", 5)
        await page.call("set_settings", language="en")


@pytest.mark.parametrize(
    ("name", "facts"),
    [("units", {}), ("units", {"profile": 7}), ("state", {"more": 1}), ("send", {"profile": "x"})],
)
async def test_a_call_that_is_not_as_declared_is_refused(
    tmp_path: Path, name: str, facts: dict[str, object]
) -> None:
    async with open_screen(tmp_path / "s") as page:
        with pytest.raises(DeclinedError, match="UsageError"):
            await page.call(name, **facts)


async def test_what_there_is_not_is_named(page: Page) -> None:
    with pytest.raises(DeclinedError, match="NotFoundError"):
        await page.of("timeline", unit="nowhere")
    with pytest.raises(DeclinedError, match="NotFoundError"):
        await page.call("units", profile="0" * 16)


async def test_a_long_unit_is_there_at_once_and_mended_when_all_of_it_is_read(
    page: Page, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mifeng.web.calls.timeline.PAGE", 10)
    for place in ("calls.timeline", "keeper"):  # what is counted beside does not read it all either
        monkeypatch.setattr(f"mifeng.web.{place}.AT_FIRST", 20)
        monkeypatch.setattr(f"mifeng.web.{place}.LOOKED_BACK", 20)
    unit = c.adas.id.hex()
    old = await c.adas.send("long ago")
    for n in range(22):
        await c.adas.send(f"m{n}")
    await c.adas.edit(old, "long ago, changed")
    await c.adas.send("an answer", reply_to=old)
    c.ada._session.timelines.forget(c.adas.id)
    while not page.events.empty():
        page.events.get_nowait()
    first = await page.of("timeline", unit=unit)
    assert [one["text"] for one in first["entries"]][-3:] == ["m20", "m21", "an answer"]
    assert "long ago, changed" not in str(first), "a change of what is further up is no line"
    assert (first["more_before"], first["more_after"]) == (True, False)
    async with asyncio.timeout(PATIENCE_S):
        while (await page.events.get())["kind"] != "renewed":
            pass
    then = await page.of("timeline", unit=unit)
    assert then["entries"][-1]["reply_text"] == "long ago, changed"
    assert [one["text"] for one in then["entries"]] == [one["text"] for one in first["entries"]]
    middle = first["entries"][-9]["sequence"]
    c.ada._session.timelines.forget(c.adas.id)
    around = await page.of("timeline", unit=unit, around=middle)
    assert middle in [one["sequence"] for one in around["entries"]]
