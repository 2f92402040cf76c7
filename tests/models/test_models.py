"""The model of the ordering holds; and without any one of its rules it does not."""

from __future__ import annotations

import pytest

from tests.models.check import VARIANTS, check, missing_tools

pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}"
)


def test_the_order_of_a_log_holds_in_every_state() -> None:
    checked = check("ordering.pml")
    assert checked.errors == 0, checked.said
    assert checked.states > 100_000


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_a_rule_the_order_does_not_hold(variant: str) -> None:
    checked = check("ordering.pml", variant)
    assert checked.errors > 0
    assert "assertion violated" in checked.said, "it fails for what it should"
