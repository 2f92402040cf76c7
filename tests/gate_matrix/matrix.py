"""The matrix as data: who may do what, and by which ways an entry gets in.

A cell is an actor, an action and a way in. `ALLOWED` says which actions pass by whom; everything
else must be refused by every way. Where a way sees less than the others, the table says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ACTIONS", "ACTORS", "ALLOWED", "MESSAGES", "WAYS", "Cell", "cells", "is_allowed"]

ACTORS = {
    "calm": ("manager", "member", "publisher", "reader", "archive", "removed", "outsider"),
    "due": ("manager", "member", "publisher", "reader", "archive", "revoked", "former device"),
}
"""In `calm` ledgers and tree agree but for one who is granted and not in yet; in `due` somebody in
the tree was revoked, and a device of somebody who stays was taken out of the roster. `removed` was
taken out before; `outsider` has the public group and a device in the roster, and commits from
outside."""

HANDED = (
    "post that is a commit by the log",
    "post at another's place",
    "post with other words",
    "post that lives longer",
)
"""Bent when they are handed over, and by no other way."""
MESSAGES = (
    "post",
    "respond",
    "post as a response",
    "post in the epoch before",
    "post in another's name",
    "post without having seen its epoch begin",
    "post having seen what is to come",
    "post what only commits say",
    "post under expired keys",
    *HANDED,
)
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

IN = frozenset({"manager", "member", "publisher", "reader", "archive"})

ALLOWED: Mapping[tuple[str, str], frozenset[str]] = {
    ("calm", "post"): IN - {"reader", "archive"},
    ("calm", "respond"): IN,
    ("calm", "rotate"): IN,
    ("calm", "add the granted"): IN,
    ("due", "remove who is due"): IN,
}
"""Everything that may pass. While a removal is due, nothing passes that leaves it out."""

WAYS = ("server", "live", "catch-up", "reopened", "audit", "Welcome", "restart", "history")
"""By which an entry gets in: at the server's door; as it is pushed; in a batch with what was
missed; after the profile was closed and opened; in an auditor's replay; as the commit of a
Welcome; after the unit was restarted, in the generation that is over; in history handed over."""

BLIND = frozenset({"server", "audit"})
"""These ways see what stands beside a message in the clear: not who signed it, nor what it says."""

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
    state, action = cell.state, cell.action
    if cell.way == "restart":
        return False
    if cell.way == "history":
        if action not in MESSAGES:
            return False
        # Whether a removal was due, or keys had expired, only the tree of that time tells.
        state = "calm"
        action = "post" if action == "post under expired keys" else action
    if cell.way in BLIND and action == "post as a response":
        action = "respond"
    return cell.actor in ALLOWED.get((state, action), frozenset())


def _is_played(cell: Cell) -> bool:
    if cell.actor == "outsider":  # he can make nothing but a commit from outside
        return cell.action == "initialise from outside" and cell.way != "Welcome"
    if cell.action in HANDED:
        return cell.way == "history"
    if cell.action == "post in another's name" and cell.way in BLIND | {"restart"}:
        return False  # of whom a message is, the server is told by whoever is logged in
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
        if _is_played(cell := Cell(state, actor, action, way))
    ]
