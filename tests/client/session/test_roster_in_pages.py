"""A long roster comes in several answers; only where they have led is held against the link."""

from __future__ import annotations

from pathlib import Path

import pytest

import mifeng
from mifeng.core.profile import Profile
from mifeng.core.roster import check_arrival
from mifeng.session import roster
from mifeng_crypto.ledger.roster import Roster
from mifeng_server.domain import workspace
from tests.e2e.people import PASSPHRASE
from tests.support.server import running_server

AT_ONCE = 3


async def test_a_newcomer_takes_a_roster_that_is_longer_than_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = list[int]()

    def counted(known: Roster, profile: Profile) -> None:
        held.append(known.head.sequence)
        check_arrival(known, profile)

    async with running_server(tmp_path) as server:
        monkeypatch.setattr(workspace, "PAGE", AT_ONCE)
        async with mifeng.found(
            server.founding_link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE
        ) as ada:
            invites = [await ada.invite() for _ in range(3 * AT_ONCE)]
            head = ada._session.known_roster.head
        assert head.sequence > 3 * AT_ONCE
        monkeypatch.setattr(roster, "check_arrival", counted)
        # The link names a head that no first answer reaches.
        async with mifeng.join(
            invites[-1].link, profile=tmp_path / "ben", name="Ben", passphrase=PASSPHRASE
        ) as ben:
            known = ben._session.known_roster
            assert known.hash_at(head.sequence) == head.hash
            assert held == [head.sequence]
            assert [person.name for person in ben.people()] == ["Ada", "Ben"]
        async with mifeng.open(tmp_path / "ben", passphrase=PASSPHRASE) as ben:
            assert ben._session.known_roster.head == known.head
