"""Commands in this process, with the profiles of `people`, while the server's log is silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mifeng.cli import enrol, options
from tests.e2e.people import PASSPHRASE
from tests.e2e.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for where in (options, enrol):
        monkeypatch.setattr(where, "passphrase_for", lambda *_, **__: PASSPHRASE)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield Shell(tmp_path)
    structlog.reset_defaults()
