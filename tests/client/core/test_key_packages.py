"""The stock of KeyPackages: of each suite that a unit can have, and of no other."""

from __future__ import annotations

import pytest

from mifeng.core.key_packages import DEFAULT_SUITE, STOCK, missing
from mifeng_crypto.ledger.charter_rules import SUITES_IN_USE


def test_there_is_a_stock_for_each_suite_that_a_unit_can_have() -> None:
    assert STOCK.keys() == SUITES_IN_USE
    assert DEFAULT_SUITE == 0xF002
    assert STOCK[DEFAULT_SUITE] == 100


@pytest.mark.parametrize(
    ("unused", "made"),
    [
        ({}, {0xF002: 100, 0x0001: 10, 0x0003: 10}),
        ({0xF002: 51, 0x0001: 6, 0x0003: 6}, {}),
        ({0xF002: 50, 0x0001: 6, 0x0003: 6}, {0xF002: 50}),
        ({0xF002: 100, 0x0001: 5, 0x0003: 10}, {0x0001: 5}),
    ],
)
def test_new_ones_are_made_when_half_are_used(unused: dict[int, int], made: dict[int, int]) -> None:
    assert missing(unused) == made
