"""A profile opens by its snapshot of the roster, and without one as well."""

from __future__ import annotations

from pathlib import Path

import pytest

import mifeng
from mifeng.core import roster as rosters
from mifeng.session import roster_store
from mifeng_crypto.ledger.roster import Roster
from tests.e2e.people import PASSPHRASE, cast
from tests.support.server import running_server


async def test_a_start_verifies_only_what_came_after_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster_store, "SNAPSHOT_EVERY", 1)
    verified, append = list[int](), Roster.append

    def counted(self: Roster, entry: bytes) -> Roster:
        verified.append(self.head.sequence + 1)
        return append(self, entry)

    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as story:
            await story.ada.sync()
            before = story.ada._session.known_roster
        monkeypatch.setattr(Roster, "append", counted)
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            assert ada._session.known_roster.head == before.head
            assert verified == []
            assert [person.name for person in ada.people()] == ["Ada", "Ben"]
            monkeypatch.setattr(roster_store, "SNAPSHOT_EVERY", 1000)
            await ada.invite()
            verified.clear()
            head = ada._session.known_roster.head
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            assert ada._session.known_roster.head == head
            assert verified == [head.sequence]
            await ada._session.save({rosters.SNAPSHOT: bytes(50)})
        verified.clear()
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            assert ada._session.known_roster.head == head
            assert len(verified) == head.sequence - 1
