"""A server on plain HTTP and a clock that tests move: TLS has tests of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.peer import Peer, founded, pair
from tests.support.server import ManualClock, RunningServer, running_server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(tmp_path: Path, clock: ManualClock) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, clock=clock, tls=False) as running:
        yield running


@pytest.fixture
async def founder(server: RunningServer) -> AsyncIterator[Peer]:
    async with founded(server) as peer:
        yield peer


@pytest.fixture
async def two(server: RunningServer) -> AsyncIterator[tuple[Peer, Peer, bytes]]:
    """The founder, a colleague, and their unit."""
    async with pair(server) as both:
        yield both
