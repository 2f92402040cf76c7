"""What the gate judges by: ledgers, `heads`, log and public group of one unit, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mifeng_crypto.gate.chain import LogPosition
from mifeng_crypto.gate.standing import Ledgers, Standing
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads, UnitState
from mifeng_crypto.mls.group import LeafIndex, PublicGroup

__all__ = [
    "PAUSE_MS",
    "UnitView",
    "adds_missing",
    "key_expired",
    "readds_asked",
    "removes_due",
    "rotation_due",
    "steady_after",
]


PAUSE_MS = 48 * 3_600_000
"""So long without a commit that renews keys is a holiday."""


def steady_after(
    accepted_at: UnixMillis, *, rotated_at: UnixMillis, steady_since: UnixMillis
) -> UnixMillis:
    """Return since when there has been no holiday, after a commit with a path.

    Args:
        accepted_at: that commit's time.
        rotated_at: that of the last one before it.
        steady_since: what it was before it.
    """
    return accepted_at if accepted_at - rotated_at > PAUSE_MS else steady_since


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitView:
    """A unit before an entry.

    Attributes:
        roster, charter: at least up to `heads`; what is newer in them judges nothing.
        heads: those of the last `heads` entry.
        log: where the log stands.
        last_accepted_at: the last entry's time.
        rotated_at: the time of the last commit with a path, or of the creation.
        steady_since: the time of the first such commit after the last holiday (age.py).
        public: the group before the entry.
        asked: the devices that cannot go on, and have said so in this epoch.
        known: a standing of this unit from before; it is used as far as it still holds, so that a
            message in a unit of a thousand does not look at a thousand leaves.
    """

    roster: Roster
    charter: Charter
    heads: Heads
    log: LogPosition
    last_accepted_at: UnixMillis
    rotated_at: UnixMillis
    steady_since: UnixMillis
    public: PublicGroup
    asked: frozenset[DeviceId] = frozenset()
    known: Standing | None = None

    def steady_after(self, accepted_at: UnixMillis) -> UnixMillis:
        """Since when there has been no holiday, after a commit with a path (age.py)."""
        return steady_after(accepted_at, rotated_at=self.rotated_at, steady_since=self.steady_since)

    @property
    def state(self) -> UnitState:
        """What a commit says of the unit before it."""
        return UnitState(self.heads, self.rotated_at, self.steady_since)

    @cached_property
    def ledgers(self) -> Ledgers:
        """Roster and charter at the heads."""
        known = self.known
        if known is not None and known.heads == self.heads:
            return known.ledgers
        return Ledgers(self.roster, self.charter, self.heads)

    @cached_property
    def standing(self) -> Standing:
        """The tree beside the ledgers."""
        known = self.known
        if known is None or known.public is not self.public:
            return Standing.of(self.public, self.ledgers)
        return known if known.heads == self.heads else known.under(self.ledgers)


def removes_due(view: UnitView) -> tuple[LeafIndex, ...]:
    """Return the leaves that the next commit must remove: by the ledgers, or on their own word."""
    return (*view.standing.due, *readds_asked(view))


def readds_asked(view: UnitView) -> tuple[LeafIndex, ...]:
    """Return the leaves of devices that cannot go on, as far as they may be in the unit."""
    leaves, due = view.standing.leaves, view.standing.due
    return tuple(sorted(leaves[d] for d in view.asked if d in leaves and leaves[d] not in due))


def adds_missing(view: UnitView, now: UnixMillis) -> tuple[DeviceId, ...]:
    """Return the devices that belong into the unit by now and are not in its tree, or asked."""
    leaves, asked = view.standing.leaves, view.asked
    devices = view.ledgers.devices(now)
    return tuple(d for d in devices if d not in leaves or d in asked)


def key_expired(view: UnitView, now: UnixMillis) -> bool:
    """Whether the unit's keys are too old to send anything under."""
    return now - view.rotated_at > view.ledgers.policy.key_lifetime_s * 1000


def rotation_due(view: UnitView, now: UnixMillis) -> bool:
    """Whether whoever sends next should renew the unit's keys: after a third of their lifetime."""
    return now - view.rotated_at > view.ledgers.policy.key_lifetime_s * 1000 // 3
