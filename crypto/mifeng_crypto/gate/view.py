"""What the gate judges by: ledgers, `heads`, log and public group of one unit, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mifeng_crypto.gate.chain import LogPosition
from mifeng_crypto.gate.standing import Ledgers, Standing
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads
from mifeng_crypto.mls.group import LeafIndex, PublicGroup

__all__ = [
    "UnitView",
    "adds_missing",
    "key_expired",
    "removes_due",
    "rotation_due",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitView:
    """A unit before an entry.

    Attributes:
        roster, charter: at least up to `heads`; what is newer in them judges nothing.
        heads: those of the last `heads` entry.
        log: where the log stands.
        last_accepted_at: the last entry's time.
        rotated_at: the time of the last commit with a path, or of the creation.
        public: the group before the entry.
        known: a standing of this unit from before; it is used while it still holds, so that a
            message in a unit of a thousand does not look at a thousand leaves.
    """

    roster: Roster
    charter: Charter
    heads: Heads
    log: LogPosition
    last_accepted_at: UnixMillis
    rotated_at: UnixMillis
    public: PublicGroup
    known: Standing | None = None

    @property
    def ledgers(self) -> Ledgers:
        return Ledgers(self.roster, self.charter, self.heads)

    @cached_property
    def standing(self) -> Standing:
        """The tree beside the ledgers."""
        known = self.known
        if known is not None and known.public is self.public and known.heads == self.heads:
            return known
        return Standing.of(self.public, self.ledgers)


def removes_due(view: UnitView) -> tuple[LeafIndex, ...]:
    """Return the leaves that the next commit must remove."""
    return view.standing.due


def adds_missing(view: UnitView, now: UnixMillis) -> tuple[DeviceId, ...]:
    """Return the devices that belong into the unit by now and are not in its tree."""
    leaves = view.standing.leaves
    return tuple(device_id for device_id in view.ledgers.devices(now) if device_id not in leaves)


def key_expired(view: UnitView, now: UnixMillis) -> bool:
    """Whether the unit's keys are too old to send anything under."""
    return now - view.rotated_at > view.ledgers.policy.key_lifetime_s * 1000


def rotation_due(view: UnitView, now: UnixMillis) -> bool:
    """Whether whoever sends next should renew the unit's keys: after a third of their lifetime."""
    return now - view.rotated_at > view.ledgers.policy.key_lifetime_s * 1000 // 3
