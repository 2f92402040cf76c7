"""Every cell of role x action x way in: only what the table allows passes."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from mifeng.core.history.giving import plan
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.tls import encode
from tests.gate_matrix.matrix import (
    ACTIONS,
    ACTORS,
    ALLOWED,
    MESSAGES,
    WAYS,
    Cell,
    cells,
    is_allowed,
)
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
            rules = ("GATE-", "RFC9420-", "LOG-6", "LOG-8", "HISTORY-", "CONTENT-4")
            by_a_rule = rule.startswith(rules) or (
                rule == "shown as malformed" and cell.action in MESSAGES
            )
            assert by_a_rule, f"{cell}: refused by {rule or 'nobody'}"


def test_there_are_enough_cells_and_every_way_is_played() -> None:
    played = Counter(cell.way for cell in cells())
    assert played.total() >= 1000
    assert set(played) == set(WAYS)
    assert sum(map(is_allowed, cells())) >= 100


def test_what_a_member_has_refused_is_handed_over_by_him_to_nobody() -> None:
    """Also what nobody can tell without the tree of that time: he was there, and keeps none."""
    for cell in cells():
        if cell.way != "live" or cell.action not in MESSAGES:
            continue
        here = scene(cell.state)
        entry = here.logged(cell)
        try:
            shown = here.shown_by(here.desks["victim"].unit, [encode(entry)])
        except ProtocolError:  # the unit stands still before it
            assert not is_allowed(cell), str(cell)
            continue
        handed = plan([(entry.header.sequence, shown)], now=here.now())
        assert len(handed) == is_allowed(cell), str(cell)


def test_what_is_allowed_names_what_is_in_the_table() -> None:
    for (state, action), actors in ALLOWED.items():
        assert action in ACTIONS[state]
        assert actors <= set(ACTORS[state])


def test_what_is_forged_is_well_formed() -> None:
    for cell in cells():
        if cell.way == "server":
            assert is_mls_message(scene(cell.state).content(cell.actor, cell.action)), str(cell)


@pytest.mark.parametrize(
    ("check", "way"),
    [
        ("commit.check_proposals", "server"),
        ("commit.check_removes_what_is_due", "server"),
        ("commit.check_removes_nothing_else", "server"),
        ("commit.check_committers_leaf", "server"),
        ("message.check_may_post", "server"),
        ("message.check_nothing_due", "server"),
        ("history.check_might_post", "history"),
        ("history.check_epoch", "history"),
        ("history.Past.check_has", "history"),
        ("history.check_no_state", "history"),
        ("history.verify_original", "history"),
        ("history.check_time", "history"),
    ],
)
def test_without_a_check_of_the_gate_something_gets_in(
    check: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"mifeng_crypto.gate.{check}", lambda *_, **__: None)
    played = [cell for cell in cells() if cell.way == way and not is_allowed(cell)]
    assert any(scene(cell.state).refused_by(cell) == "" for cell in played)
