"""Every cell of role x action x way in: only what the table allows passes."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tests.gate_matrix.matrix import ACTIONS, ACTORS, ALLOWED, GAPS, WAYS, Cell, cells, is_allowed
from tests.gate_matrix.scene import is_mls_message, scene

ROWS: dict[str, list[Cell]] = defaultdict(list)
for each in cells():
    ROWS[f"{each.state}-{each.actor}-{each.action}".replace(" ", "_")].append(each)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_only_what_the_table_allows_gets_in_by_any_way(row: list[Cell]) -> None:
    found = {cell: scene(cell.state).refused_by(cell) for cell in row}
    for cell, rule in found.items():
        if is_allowed(cell):
            assert rule == "", str(cell)
        else:
            by_a_rule = rule.startswith(("GATE-", "RFC9420-", "LOG-8")) or (
                rule == "shown as malformed" and cell.action == "post"
            )
            assert by_a_rule, f"{cell}: refused by {rule or 'nobody'}"


def test_there_are_enough_cells_and_every_way_is_played_or_named_as_a_gap() -> None:
    played = Counter(cell.way for cell in cells())
    assert played.total() >= 150
    assert {way for way in WAYS if not played[way]} == set(GAPS)
    assert all(reason for reason in GAPS.values())
    assert sum(map(is_allowed, cells())) >= 50


def test_what_is_allowed_names_what_is_in_the_table() -> None:
    for (state, action), actors in ALLOWED.items():
        assert action in ACTIONS[state]
        assert actors <= set(ACTORS[state])


def test_what_is_forged_is_well_formed() -> None:
    for cell in cells():
        if cell.way == "server":
            assert is_mls_message(scene(cell.state).content(cell.actor, cell.action)), str(cell)


@pytest.mark.parametrize(
    "check",
    [
        "commit.check_proposals",
        "commit.check_removes_what_is_due",
        "commit.check_removes_nothing_else",
        "commit.check_committers_leaf",
        "message.check_may_post",
        "message.check_nothing_due",
    ],
)
def test_without_a_check_of_the_gate_something_gets_in(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"mifeng_crypto.gate.{check}", lambda *_, **__: None)
    played = [cell for cell in cells() if cell.way == "server" and not is_allowed(cell)]
    assert any(scene(cell.state).refused_by(cell) == "" for cell in played)
