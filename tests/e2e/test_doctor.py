"""`mifeng doctor` names what is ill, with its remedy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import mifeng
from tests.e2e.people import cast
from tests.e2e.shell import Shell
from tests.support.server import running_server


async def test_all_is_well(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        lines = (await shell.run("ada", "doctor", "--json")).lines
    assert [line["is_well"] for line in lines] == [True] * 5
    assert [line["what"] for line in lines] == [
        "Versions",
        "Disk",
        "Profile and vault",
        "Server",
        "Clock",
    ]


async def test_each_illness_has_its_remedy_and_exit_code(tmp_path: Path, shell: Shell) -> None:
    nothing = await shell.run("nobody", "doctor")
    assert nothing.code == 6
    assert "Join with an invite" in nothing.out
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        home = c.home("ben")
    unreached = await shell.run("ben", "doctor")
    assert unreached.code == 5
    assert "cannot be reached" in unreached.out
    home.chmod(0o755)
    open_to_all = await shell.run("ben", "doctor")
    assert open_to_all.code == 6
    assert "chmod 700" in open_to_all.out
    home.chmod(0o700)
    (home / "vault").unlink()
    assert (await shell.run("ben", "doctor")).code == 6


async def test_a_clock_that_is_wrong_is_named(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def much_later(_me: mifeng.Workspace) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(minutes=11)

    monkeypatch.setattr(mifeng.Workspace, "server_time", much_later)
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        told = await shell.run("ada", "doctor")
    assert told.code == 4
    assert "Set this device's clock" in told.out
