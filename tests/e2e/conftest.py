"""Commands in this process, with the profiles of `people`, while the server's log is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from mifeng.cli import enrol, options
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import PASSPHRASE
from tests.e2e.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for where in (options, enrol):
        monkeypatch.setattr(where, "passphrase_for", lambda *_, **__: PASSPHRASE)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield Shell(tmp_path)
    structlog.reset_defaults()


@pytest.fixture
async def evil(tmp_path: Path) -> AsyncIterator[EvilServer]:
    """A server that can be told to lie, to refuse, and to fail."""
    async with evil_server(tmp_path / "evil") as server:
        yield server
