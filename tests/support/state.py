"""By what a unit is judged, as a client reads it off the log."""

from __future__ import annotations

import dataclasses

from mifeng_crypto.gate import commit_has_path, steady_after
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.log import EntryKind, Heads, LogEntry, UnitState
from mifeng_crypto.tls import decode

__all__ = ["NOTHING_YET", "state_after"]

NOTHING_YET = UnitState(Heads(EMPTY, EMPTY), UnixMillis(0), UnixMillis(0))
"""Before the first entry."""


def state_after(state: UnitState, entry: LogEntry) -> UnitState:
    at = entry.header.accepted_at
    if entry.header.kind is EntryKind.HEADS:
        heads = decode(Heads, entry.content)
        first = state is NOTHING_YET
        return UnitState(heads, at, at) if first else dataclasses.replace(state, heads=heads)
    if entry.header.kind is EntryKind.COMMIT and commit_has_path(entry):
        since = steady_after(at, rotated_at=state.rotated_at, steady_since=state.steady_since)
        return UnitState(state.heads, at, since)
    return state
