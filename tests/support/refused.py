"""What is refused, by which rule, and that it changes nothing."""

from __future__ import annotations

import pytest

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.roster_entry import RosterEntry
from tests.support.company import Company

__all__ = ["refused"]


def refused(rule: str, company: Company, entry: RosterEntry) -> None:
    """The roster refuses the entry by this rule."""
    before = (company.roster.head, company.roster.members(), company.roster.invites())
    with pytest.raises(ProtocolError) as error:
        company.roster.append(entry)
    assert error.value.rule == rule
    assert (company.roster.head, company.roster.members(), company.roster.invites()) == before
