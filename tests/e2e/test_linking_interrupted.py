"""Linking that is interrupted on the new device: it goes on, or makes room, in the same folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng.session import linking as approving
from mifeng_crypto.errors import StorageError
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.e2e.test_devices import linking_to
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


@pytest.fixture
async def c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cast]:
    monkeypatch.setattr(approving, "WAIT_S", 0)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as both:
        yield both


async def _interrupted(folder: Path, offer: mifeng.DeviceOffer) -> str:
    """Take a link, show its digits, and press Ctrl-C before anybody has typed them."""
    shown = asyncio.get_running_loop().create_future()

    async def show(code: str) -> None:
        shown.set_result(code)

    async def take() -> None:
        async with mifeng.link(offer.link, profile=folder, show=show, passphrase=PASSPHRASE):
            pass

    task = asyncio.create_task(take())
    await offer.requested()
    code = await asyncio.wait_for(shown, PATIENCE_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert (folder / "profile.db").exists()
    return str(code)


async def test_the_same_link_goes_on_with_the_same_digits(tmp_path: Path, c: Cast) -> None:
    folder = tmp_path / "laptop"
    async with c.ben.devices.link() as offer:
        code = await _interrupted(folder, offer)
        async with linking_to(folder, offer.link) as (again, ready):
            assert await again.code() == code
            await offer.approve(code)
            await ready
            assert again.me is not None
            assert again.me.me == c.ben.me
    assert len(await c.ben.devices.list()) == 2


async def test_another_link_begins_anew_where_the_first_came_to_nothing(
    tmp_path: Path, c: Cast
) -> None:
    folder = tmp_path / "laptop"
    async with c.ben.devices.link() as offer:
        await _interrupted(folder, offer)
    with pytest.raises(mifeng.LinkSpentError, match="use it here with `mifeng link`"):
        async with mifeng.open(folder, passphrase=PASSPHRASE):
            pass
    async with (
        c.ben.devices.link() as offer,
        linking_to(folder, offer.link) as (again, ready),
    ):
        await offer.requested()
        await offer.approve(await again.code())
        await ready
    assert [device.is_valid for device in await c.ben.devices.list()] == [True, True]


async def test_who_was_let_in_meanwhile_is_in_whatever_link_is_used(
    tmp_path: Path, c: Cast
) -> None:
    folder = tmp_path / "laptop"
    async with c.ben.devices.link() as offer:
        await offer.approve(await _interrupted(folder, offer))
    async with c.ben.devices.link() as offer, linking_to(folder, offer.link) as (again, ready):
        await ready
        assert again.me is not None
        assert again.me.me.id == c.ben.me.id  # its name comes with the directory's key, later
        assert not again.codes
    assert len(await c.ben.devices.list()) == 2


async def test_a_profile_that_is_in_use_is_never_taken_for_an_unfinished_one(
    tmp_path: Path, c: Cast
) -> None:
    link = (await c.ada.invite()).link
    async with mifeng.join(
        link, profile=tmp_path / "cem", name="Cem", passphrase=PASSPHRASE
    ) as cem:
        me = cem.me.id
    async with c.ben.devices.link() as offer, linking_to(tmp_path / "cem", offer.link) as (_, took):
        with pytest.raises(StorageError, match="there is a profile in"):
            await took
    async with mifeng.open(tmp_path / "cem", passphrase=PASSPHRASE) as cem:
        assert cem.me.id == me
