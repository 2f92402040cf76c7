"""The matrix as data: who may do what, and by which ways an entry gets in.

A cell is an actor, an action and a way in. `ALLOWED` says which actions pass by whom; everything
else must be refused by every way. A way that the product does not have yet is named in `GAPS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ACTIONS", "ACTORS", "ALLOWED", "GAPS", "WAYS", "Cell", "cells", "is_allowed"]

ACTORS = {
    "calm": ("manager", "member", "publisher", "reader", "removed", "outsider"),
    "due": ("manager", "member", "publisher", "reader", "revoked"),
}
"""In `calm` ledgers and tree agree but for one who is granted and not in yet; in `due` somebody in
the tree was revoked. `removed` was taken out before; `outsider` has the public group and a device
in the roster, and commits from outside."""

MESSAGES = ("post",)
COMMITS = (
    "rotate",
    "add the granted",
    "add somebody not granted",
    "add somebody not in the roster",
    "add twice",
    "remove who belongs",
    "remove who is due",
    "remove who is due and who belongs",
    "rewrite the group context",
    "use a PSK",
    "reinitialise",
    "initialise from outside",
    "become somebody else",
    "change the own key",
    "rotate without a path",
)
ACTIONS = {
    "calm": (
        *MESSAGES,
        *(action for action in COMMITS if "due" not in action),
    ),
    "due": (*MESSAGES, *COMMITS),
}

IN = frozenset({"manager", "member", "publisher", "reader"})

ALLOWED: Mapping[tuple[str, str], frozenset[str]] = {
    ("calm", "post"): IN - {"reader"},
    ("calm", "rotate"): IN,
    ("calm", "add the granted"): IN,
    ("due", "remove who is due"): IN,
}
"""Everything that may pass. While a removal is due, nothing passes that leaves it out."""

WAYS = ("server", "live", "catch-up", "reopened", "audit", "Welcome", "restart", "history")
"""By which an entry gets in: at the server's door; as it is pushed; in a batch with what was
missed; after the profile was closed and opened; in an auditor's replay; as the commit of a
Welcome; after the unit was restarted, in the generation that is over; in history handed over."""

GAPS: Mapping[str, str] = {
    "history": "nobody hands history over yet",
}

SEEN_BY_NEWCOMERS = frozenset(
    {"add the granted", "add somebody not granted", "add somebody not in the roster"}
)
"""A newcomer sees what the tree is like now, not what a commit made of it: of the other actions he
learns from the others, who refuse the commit that welcomes him."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix."""

    state: str
    actor: str
    action: str
    way: str

    def __str__(self) -> str:
        return f"{self.state}-{self.actor}-{self.action}-{self.way}".replace(" ", "_")


def is_allowed(cell: Cell) -> bool:
    """Whether it passes. In a generation that is over, nothing does."""
    if cell.way == "restart":
        return False
    return cell.actor in ALLOWED.get((cell.state, cell.action), frozenset())


def _is_played(cell: Cell) -> bool:
    if cell.actor == "outsider":  # he can make nothing but a commit from outside
        return cell.action == "initialise from outside" and cell.way != "Welcome"
    if cell.actor == "removed" and cell.action.startswith("remove"):
        return False  # his old tree has other leaves: it is refused as any commit of his
    return cell.way != "Welcome" or (
        cell.action in SEEN_BY_NEWCOMERS and cell.actor not in ("removed", "outsider")
    )


def cells() -> list[Cell]:
    """Return all cells that are played."""
    return [
        cell
        for state in ACTORS
        for actor in ACTORS[state]
        for action in ACTIONS[state]
        for way in WAYS
        if way not in GAPS and _is_played(cell := Cell(state, actor, action, way))
    ]
