"""Founding and joining that are interrupted: keys that the server may have taken are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import mifeng
from mifeng.errors import DiskFullError, ServerProblem
from mifeng.net import Api
from mifeng.session.home import Home
from mifeng.store import Database
from mifeng_crypto.api.problems import ProblemCode
from tests.e2e.people import PASSPHRASE
from tests.support.server import running_server


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt])
async def test_a_founder_who_presses_ctrl_c_after_the_server_has_taken_the_keys_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    call = Api.call

    async def interrupted(self: Api, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        answer = await call(self, name, *args, **named)
        if name == "found":
            raise kind
        return answer

    async with running_server(tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Api, "call", interrupted)
            with pytest.raises(kind):
                await _found(server.founding_link, tmp_path / "ada")
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            assert ada.me.name == "Ada"


async def test_a_founder_whose_disk_fills_up_once_the_server_has_the_keys_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, saves = Database.save, 0

    async def full(self: Database, changes: Any) -> None:  # noqa: ANN401 - passed on
        nonlocal saves
        saves += 1
        if saves == 2:
            raise DiskFullError("the disk is full")
        await save(self, changes)

    async with running_server(tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Database, "save", full)
            with pytest.raises(DiskFullError):
                await _found(server.founding_link, tmp_path / "ada")
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            assert ada.me.name == "Ada"


async def test_keys_that_the_server_has_refused_are_not_left_lying_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Api.call

    async def refusing(self: Api, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        if name == "found":
            raise ServerProblem(403, ProblemCode.FORBIDDEN)
        return await call(self, name, *args, **named)

    async with running_server(tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Api, "call", refusing)
            with pytest.raises(ServerProblem):
                await _found(server.founding_link, tmp_path / "ada")
        assert not (tmp_path / "ada" / "profile.db").exists()
        home = await Home.create(tmp_path / "ada", PASSPHRASE, rng=bytes)
        await home.close()


async def _found(link: str, profile: Path) -> None:
    async with mifeng.found(link, profile=profile, name="Ada", passphrase=PASSPHRASE):
        pass
