"""The lineage of keys over any tests: `pytest -p tests.expiry.everywhere tests/e2e`.

At the end of each test the keys that must die are taken for dead, all at once: what the store key
alone opens of all that was ever written to a device's disk may lead to no message that was said.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.expiry.lineage import IMMORTAL, Ledger
from tests.expiry.secrets import Secrets

__all__ = ["COUNTED"]

COUNTED = {"tests": 0, "messages": 0, "derivations": 0, "keys": 0}


@pytest.fixture(autouse=True)
def lineage() -> Iterator[None]:
    """Listen to one test, and judge."""
    ledger = Ledger(now=lambda: time.time_ns() // 1_000_000)
    secrets = Secrets(ledger)
    with ledger.listening(), secrets.listening():
        yield
    COUNTED["tests"] += bool(secrets.contents)
    COUNTED["messages"] += len(secrets.contents)
    COUNTED["derivations"] += len(secrets.parents)
    COUNTED["keys"] += len(ledger.born)
    forever = [edge for edge in ledger.edges if edge.key == IMMORTAL]
    assert forever == [], "content was sealed under a key that does not die"
    assert secrets.without_mortal_keys() == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was looked at."""
    terminalreporter.write_line(f"lineage: {COUNTED}")
