"""Every body that a roster can hold has a name by which people are told of it."""

from __future__ import annotations

from typing import get_args

from mifeng.core.changes import KINDS
from mifeng_crypto.ledger.roster_entry import RosterBody


def test_every_body_of_the_roster_has_a_name() -> None:
    assert set(KINDS) == set(get_args(RosterBody))
