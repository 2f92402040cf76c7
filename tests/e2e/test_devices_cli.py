"""Devices, sheets and roles by the commands, as two people in front of two screens use them."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

from tests.e2e.shell import Shell
from tests.e2e.test_cli import Terminal
from tests.support.patience import PATIENCE_S
from tests.support.server import RunningServer, running_server


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await process.stdout.readline())  # type: ignore[no-any-return]


async def _two_screens(
    screens: Terminal, old: str, new: str
) -> tuple[dict[str, Any], asyncio.subprocess.Process, asyncio.subprocess.Process]:
    """Add the profile `new` as a device by `old`, and type the digits."""
    first = await screens.start(old, "device", "add", "--json", stdin=asyncio.subprocess.PIPE)
    link = (await _line(first))["link"]
    second = await screens.start(new, "link", link, "--device-name", "Laptop", "--json")
    asked = await _line(first)
    code = (await _line(second))["code"]
    assert first.stdin is not None
    first.stdin.write(f"{code}\n".encode())
    await first.stdin.drain()
    return asked, first, second


async def test_a_device_is_added_listed_and_revoked(tmp_path: Path, shell: Shell) -> None:
    screens = Terminal(tmp_path)  # two at once are two processes; the rest runs in this one
    async with running_server(tmp_path) as server:
        founding = server.founding_link, "--name", "Ada", "--no-recovery-sheet"
        await screens.ok("ada", "found", *founding)
        await shell.ok("ada", "unit", "create", "Research")
        for text in ("before", "also before"):
            await shell.ok("ada", "send", "Research", text)

        asked, first, second = await _two_screens(screens, "ada", "laptop")
        assert (asked["name"], asked["system"]) == ("Laptop", "Linux")
        done, me = await _line(first), await _line(second)
        assert (await first.wait(), await second.wait()) == (0, 0)
        assert done == {"device_id": asked["device_id"], "in_all_units": True, "messages": 2}
        assert (me["name"], me["role"], me["device_id"]) == ("Ada", "owner", asked["device_id"])
        here = (await shell.ok("laptop", "read", "Research")).out
        assert "Ada: before" in here
        assert "Ada: also before" in here
        assert "2 messages from before you joined, handed over by Ada" in here
        there = (await shell.ok("ada", "read", "Research")).out
        assert "Ada has handed 2 messages from before over to another device" in there
        told = (await shell.ok("ada", "read", "Research", "--json")).lines
        [handed] = [line["history"] for line in told if line["history"]]
        assert (handed["messages"], handed["people"][0]["name"]) == (2, "Ada")
        await shell.ok("laptop", "send", "Research", "from the laptop")
        said = (await shell.ok("ada", "read", "Research")).out
        assert "Ada: from the laptop" in said
        assert "Ada has a new device" in said

        listed = (await shell.ok("laptop", "device", "list", "--json")).lines
        assert [d["how"] for d in listed] == ["found", "add_device"]
        assert [d["is_this"] for d in listed] == [False, True]
        shown = (await shell.ok("ada", "device", "list")).out
        assert "this one" in shown
        assert "added by Ada" in shown
        missing = await shell.run("ada", "device", "revoke", "ffff")
        assert missing.code == 3
        await shell.ok("ada", "device", "revoke", asked["device_id"][:8])
        assert (await shell.run("laptop", "whoami")).code == 4
        what = [line["kind"] for line in (await shell.ok("ada", "roster", "--json")).lines]
        assert what == ["found", "add_device", "revoke_device", "directory_key"]
        assert "taken out" in (await shell.ok("ada", "roster", "--after", "2")).out
        told = (await shell.ok("ada", "read", "Research", "--json")).lines
        kinds = [(one["name"], one["kind"]) for line in told for one in line["devices"]]
        assert kinds == [("Ada", "add_device"), ("Ada", "revoke_device")]


async def _found(shell: Shell, server: RunningServer) -> None:
    await shell.ok("ada", "found", server.founding_link, "--name", "Ada", "--no-recovery-sheet")


async def test_a_sheet_is_written_and_brings_its_owner_back(tmp_path: Path, shell: Shell) -> None:
    sheet, following = tmp_path / "sheet.txt", tmp_path / "next.txt"
    async with running_server(tmp_path) as server:
        await _found(shell, server)
        link = (await shell.ok("ada", "invite", "--json")).json["link"]
        taken = tmp_path / "taken.txt"
        taken.write_text("mine")
        there = await shell.run(
            "ben", "join", link, "--name", "Ben", "--recovery-sheet", str(taken)
        )
        assert (there.code, "there already" in there.err) == (2, True)
        assert taken.read_text() == "mine"
        await shell.ok("ben", "join", link, "--name", "Ben", "--recovery-sheet", str(sheet))
        assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
        await shell.ok("ada", "unit", "create", "Research")
        await shell.ok("ada", "unit", "grant", "Research", "Ben", "--json")
        text = sheet.read_text()
        assert "mifeng:recover#" in text
        assert "█" in text
        nowhere = await shell.run("new", "recover", str(sheet), "--json")
        assert (nowhere.code, "--recovery-sheet" in nowhere.err) == (2, True)
        me = await shell.ok(
            *("new", "recover", str(sheet), "--recovery-sheet", str(following)), "--json"
        )
        assert me.json["role"] == "member"
        assert (await shell.run("ben", "whoami")).code == 4
        spent = await shell.run(
            *("again", "recover", str(sheet), "--recovery-sheet", str(tmp_path / "x")), "--json"
        )
        assert (spent.code, json.loads(spent.err)["error"]) == (4, "SheetSpentError")
        assert not (tmp_path / "x").exists()
        damaged = tmp_path / "damaged.txt"
        damaged.write_text(following.read_text().replace("mifeng:recover#", "mifeng:recover#A"))
        bad = await shell.run("again", "recover", str(damaged))
        assert (bad.code, "damaged" in bad.err) == (2, True)
        for words in (("roster",), ("read", "Research")):
            told = (await shell.ok("ada", *words)).out
            assert "Ben came back by the recovery sheet: all older devices are out" in told
        shown = (await shell.ok("ada", "device", "list", "--person", "Ben")).out
        assert "out, by the recovery sheet" in shown


async def test_without_a_terminal_the_sheet_is_printed(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        done = await shell.ok("ada", "found", server.founding_link, "--name", "Ada")
        assert "mifeng:recover#" in done.out
        assert done.out.index("mifeng:recover#") < done.out.index("You are in")


async def test_roles_are_set_by_name(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        await _found(shell, server)
        link = (await shell.ok("ada", "invite", "--json")).json["link"]
        await shell.ok("ben", "join", link, "--name", "Ben", "--json")
        last = await shell.run("ada", "role", "set", "Ada", "member")
        assert (last.code, "ROSTER-14" in last.err) == (4, True)
        assert "another member an owner first" in last.err
        assert "Ben is admin now" in (await shell.ok("ada", "role", "set", "Ben", "admin")).out
        assert (await shell.ok("ben", "whoami", "--json")).json["role"] == "admin"
