"""B15 on the wire: whatever the network does, each message is there once, in order, and true."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import mifeng
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.serving import initialise, serving
from tests.attacks import proxy as faults
from tests.attacks.adversary import Adversary, attack
from tests.attacks.proxy import CLEAN, Proxy
from tests.e2e.people import PASSPHRASE
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

FAULTS = ("cut", "duplicate", "reorder", "corrupt", "delayed")


@attack("a request is made again")
async def test_b15_requests_are_disturbed(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disturb(adversary, tmp_path, monkeypatch, "to_server")


@attack("the same key at each attempt")
async def test_b15_answers_are_disturbed(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disturb(adversary, tmp_path, monkeypatch, "to_client")


async def disturb(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("mifeng.core.key_packages.STOCK", {0xF002: 2})
    monkeypatch.setattr("mifeng.session.delivery.pause_s", lambda *_, **__: 0.01)
    folder, port, clock = Folder(tmp_path / "server"), free_port(), SystemClock()
    link = await initialise(
        folder, f"https://127.0.0.1:{port}", clock=clock, rng=os.urandom, listen="127.0.0.1"
    )
    async with (
        serving(folder, clock=clock, rng=os.urandom, port=0) as served,
        Proxy(int(served.url.rpartition(":")[2]), port=port) as proxy,
        mifeng.found(link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE) as ada,
    ):
        unit, said = await ada.create_unit("Research"), list[str]()
        for name in FAULTS if adversary.on else ():
            said.append(f"during {name}")
            setattr(proxy, way, getattr(faults, name))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await unit.send(said[-1])
            except mifeng.TransportError as err:
                adversary.named(err, "TransportError")
            setattr(proxy, way, CLEAN)
            await proxy.hang_up()
            await ada.sync()
        if adversary.on:

            def once(_: bytes) -> None:
                setattr(proxy, way, CLEAN)

            setattr(proxy, way, once)  # lost, and the next attempt goes through
            said.append("lost once")
            await unit.send(said[-1])
        said.append("at last")
        await unit.send(said[-1])
        assert unit.waiting == 0
        assert [message.text for message in await unit.history()] == said
        assert [message.problem for message in await unit.history()] == [""] * len(said)
