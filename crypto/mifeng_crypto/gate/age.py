"""How old leaves may become (protocol.md, "The gate"; RFC 9420 section 16.6).

A leaf that is not renewed keeps an old key in the group for ever. So one that is older than the
policy's `leaf_lifetime_s` may be removed by anybody's commit, and a day later must be, by any one
with a path. After a holiday everybody's leaf is old: when nobody had committed for 48 hours, nobody
is removed for a day, in which those who come back renew their own.

All of it goes by `accepted_at`, the tree and the times of commits: so everybody decides alike.
"""

from __future__ import annotations

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate.standing import identity_of
from mifeng_crypto.gate.view import PAUSE_MS, UnitView
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.mls.group import LeafIndex, StagedCommit
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, LeafNode

__all__ = [
    "check_keeps_no_overdue",
    "is_too_old",
    "leaves_too_old",
    "renewal_due",
]

WAIT_MS = 24 * 3_600_000
"""So long after a holiday nobody is removed for the age of a leaf."""
SPREAD_MS = 24 * 3_600_000
"""Within this the first renewals of those who were added together fall."""
GRACE_MS = 24 * 3_600_000
"""Between what may be removed and what must be: so that nobody fails over a second."""


def is_too_old(view: UnitView, leaf: LeafIndex, accepted_at: UnixMillis) -> bool:
    """Whether a commit may remove this leaf for its age."""
    age = accepted_at - view.standing.made[leaf]
    return _is_steady(view, accepted_at, WAIT_MS) and age > _lifetime(view)


def leaves_too_old(view: UnitView, now: UnixMillis) -> tuple[LeafIndex, ...]:
    """Return the leaves to remove for their age, whichever way clocks differ."""
    early, late = (UnixMillis(now + off) for off in (-CLOCK_TOLERANCE_MS, CLOCK_TOLERANCE_MS))
    if not (_is_steady(view, early, WAIT_MS) and _is_steady(view, late, WAIT_MS)):
        return ()
    limit = early - _lifetime(view)
    return tuple(leaf for leaf, made in view.standing.made.items() if made < limit)


def renewal_due(view: UnitView, leaf: LeafIndex, now: UnixMillis) -> bool:
    """Whether the device of this leaf should renew it: it is half as old as it may become.

    A leaf that was added is so up to a day sooner, by its device's id, which is random: people who
    came one after the other stand side by side in the tree, and in that order each renewal would
    be encrypted to the whole blank rest of it.
    """
    age, half = now - view.standing.made[leaf], _lifetime(view) // 2
    if not half - SPREAD_MS < age <= half:
        return age > half
    node = view.public.leaf(leaf)
    return isinstance(node.source, FromKeyPackage) and age > half - _share_of_a_day(node)


def _share_of_a_day(leaf: LeafNode) -> int:
    return int.from_bytes(identity_of(leaf).device_id[:4], "big") * SPREAD_MS >> 32


def check_keeps_no_overdue(view: UnitView, staged: StagedCommit, accepted_at: UnixMillis) -> None:
    """GATE-33: a commit with a path removes every leaf that is a day past what it may become."""
    if staged.path is None or not _is_steady(view, accepted_at, WAIT_MS + GRACE_MS):
        return
    limit = accepted_at - _lifetime(view) - GRACE_MS
    removed = {leaf for leaf, _ in staged.removed} | {staged.committer}
    kept = [leaf for leaf, made in view.standing.made.items() if made < limit]
    if not removed.issuperset(kept):
        raise ProtocolError(
            "GATE-33",
            "devices that have been silent for too long must be removed by this commit and are "
            "not; catch up and commit again",
        )


def _is_steady(view: UnitView, at: UnixMillis, wait_ms: int) -> bool:
    return at - view.rotated_at <= PAUSE_MS and at >= view.steady_since + wait_ms


def _lifetime(view: UnitView) -> int:
    return view.ledgers.policy.leaf_lifetime_s * 1000
