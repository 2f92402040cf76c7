"""Units stand behind their parents, whatever their charters say."""

from __future__ import annotations

from mifeng.core.org import tree
from mifeng_crypto.ids import UnitId


def drawn(parents: dict[str, str | None]) -> list[str]:
    """The tree in a line each: dots for depth."""
    ids = {UnitId(k.encode()): UnitId(v.encode()) if v else None for k, v in parents.items()}
    return ["." * p.depth + p.unit_id.decode() for p in tree(ids, lambda u: u.decode())]


def test_units_stand_behind_their_parents_in_order() -> None:
    parents = {"b": None, "a": None, "a2": "a", "a1": "a", "a1x": "a1", "b1": "b"}
    assert drawn(parents) == ["a", ".a1", "..a1x", ".a2", "b", ".b1"]


def test_a_parent_that_is_not_known_is_shown_above_its_children() -> None:
    assert drawn({"c": "hidden", "b": "hidden"}) == ["hidden", ".b", ".c"]


def test_a_circle_is_cut_and_hides_nobody() -> None:
    assert drawn({"a": "b", "b": "a", "c": "a", "d": "d"}) == ["a", ".c", "b", "d"]


def test_a_tree_of_any_depth_is_drawn() -> None:
    parents = {f"{n:05}": f"{n - 1:05}" if n else None for n in range(2_000)}
    assert len(drawn(parents)[-1]) == 1_999 + 5


def test_no_units_no_tree() -> None:
    assert drawn({}) == []
