"""Founding and joining that are interrupted: keys that the server may have taken are kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mifeng
from mifeng.errors import DiskFullError, InviteSpentError, ServerProblem
from mifeng.home import Home
from mifeng.net import Api, Signer
from mifeng.sdk.opening import unlock
from mifeng.store import Database
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError, UsageError
from mifeng_crypto.ledger.roster_entry import DeviceAuthor
from tests.e2e.people import PASSPHRASE
from tests.support.patience import PATIENCE_S
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


@pytest.mark.parametrize("is_taken", [True, False], ids=["answer lost", "request lost"])
async def test_whose_join_was_interrupted_is_not_told_that_access_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_taken: bool
) -> None:
    """Not by what is asked next, after the join was gone on with and interrupted again."""
    async with _interrupted_join(tmp_path, monkeypatch, is_taken=False) as (link, cut):
        async with unlock(tmp_path / "ben", passphrase=PASSPHRASE) as ben:
            with cut(is_taken=is_taken), pytest.raises(TransportError):
                await ben.sync()
            if is_taken:
                await ben._session.follow_roster()
            else:
                with pytest.raises(UsageError, match="has not reached its server yet"):
                    await ben._session.follow_roster()
            await ben.sync()
            assert ben.me.name == "Ben"
        async with mifeng.open(tmp_path / "ben", passphrase=PASSPHRASE) as ben:
            assert ben.me.name == "Ben"
        with pytest.raises(InviteSpentError):
            async with mifeng.join(
                link, profile=tmp_path / "eve", name="Eve", passphrase=PASSPHRASE
            ):
                pass


@pytest.mark.parametrize("is_taken", [True, False], ids=["answer lost", "request lost"])
async def test_whose_join_was_interrupted_comes_in_by_going_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_taken: bool
) -> None:
    """As a screen does, which opens the profile without a word to the server."""
    async with (
        _interrupted_join(tmp_path, monkeypatch, is_taken=is_taken) as (_, cut),
        unlock(tmp_path / "ben", passphrase=PASSPHRASE) as ben,
    ):
        with cut(is_taken=False, times=0 if is_taken else 1):
            await asyncio.wait_for(ben._session.live.wait(), PATIENCE_S)
        assert ben.me.name == "Ben"


async def test_whose_join_was_interrupted_comes_in_once_when_two_catch_up_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a command does while its screen goes online: one logs in by the spent invite, then as
    the device; neither may find the other's key in use.
    """
    async with (
        _interrupted_join(tmp_path, monkeypatch, is_taken=True),
        unlock(tmp_path / "ben", passphrase=PASSPHRASE) as ben,
    ):
        use, is_device = Api.use, asyncio.Event()

        def used(self: Api, signer: Signer, **named: Any) -> None:  # noqa: ANN401 - passed on
            use(self, signer, **named)
            if isinstance(signer.author, DeviceAuthor):
                is_device.set()

        async def later() -> None:
            await is_device.wait()
            await ben.sync()

        with monkeypatch.context() as patch:
            patch.setattr(Api, "use", used)
            await asyncio.gather(ben.sync(), later())
        assert ben.me.name == "Ben"


@contextlib.asynccontextmanager
async def _interrupted_join(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> AsyncIterator[tuple[str, Callable[..., contextlib.AbstractContextManager[None]]]]:
    """Ada has founded; Ben's join broke off at his entry. Yields his link, and what cuts again."""
    call = Api.call

    @contextlib.contextmanager
    def cut(*, is_taken: bool, times: int = 1) -> Iterator[None]:
        left = times

        async def broken(self: Api, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
            nonlocal left
            if name != "roster_append" or not left:
                return await call(self, name, *args, **named)
            left -= 1
            if is_taken:
                await call(self, name, *args, **named)
            raise TransportError("the line is cut")

        with monkeypatch.context() as patch:
            patch.setattr(Api, "call", broken)
            yield
        assert not left, "there was something to cut"

    async with (
        running_server(folder) as server,
        mifeng.found(
            server.founding_link, profile=folder / "ada", name="Ada", passphrase=PASSPHRASE
        ) as ada,
    ):
        link = (await ada.invite()).link
        with cut(is_taken=is_taken), pytest.raises(TransportError):
            async with mifeng.join(link, profile=folder / "ben", name="Ben", passphrase=PASSPHRASE):
                pass
        yield link, cut
