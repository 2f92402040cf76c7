"""Who came into a unit, by whom, and from whom what was said before may then come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mifeng.core.rows import GiftRecord
from mifeng.core.unit import Unit
from mifeng_crypto import gate, history
from mifeng_crypto.ids import DeviceId, Identity, MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import History
from mifeng_crypto.ledger.roster_entry import AddDevice, RosterEntry
from mifeng_crypto.log import LogHeader

__all__ = ["LetIn", "is_linked_by", "is_owed", "may_come_from"]


@dataclass(frozen=True, slots=True)
class LetIn:
    """Devices that a commit of `by` has let in. `all_may`: newcomers read of before."""

    unit_id: UnitId
    generation: int
    joined: Head
    accepted_at: UnixMillis
    by: DeviceId
    added: tuple[Identity, ...]
    all_may: bool

    @classmethod
    def by_commit(cls, unit: Unit, header: LogHeader, added: Sequence[Identity]) -> LetIn:
        """What to remember of a commit; `unit` is that after it.

        An archive sees nothing of before, whoever lets it in.
        """
        at = unit.heads.charter.sequence
        return cls(
            unit_id=unit.unit_id,
            generation=unit.generation,
            joined=Head(header.sequence, gate.header_hash(header)),
            accepted_at=header.accepted_at,
            by=header.device_id,
            added=tuple(
                one
                for one in added
                if unit.charter.role_of(one.member_id, at=at) is not UnitRole.ARCHIVE
            ),
            all_may=unit.charter.policy_at(at).history is History.WINDOW,
        )

    def gift(self, receivers: Sequence[Identity]) -> GiftRecord:
        """What is owed to these of them."""
        return GiftRecord(
            generation=self.generation,
            joined=self.joined,
            accepted_at=self.accepted_at,
            receivers=tuple(receivers),
        )


def is_owed(
    let_in: LetIn, who: Identity, entry: RosterEntry | None, *, me: MemberId, device_id: DeviceId
) -> bool:
    """Whether this device hands over to one that has come in. Nobody can ask for it.

    Either this device has let it in, where newcomers read of before; or it is one of this member's
    own that this very device has linked.

    Args:
        let_in: by whom, when.
        who: the one that has come in.
        entry: by which the roster has that device, if this member's own.
        me: this member.
        device_id: this device.
    """
    if who.device_id == device_id:
        return False
    if let_in.all_may and let_in.by == device_id:
        return True
    linked = entry is not None and is_linked_by(entry, device_id, at=let_in.accepted_at)
    return who.member_id == me and linked


def is_linked_by(entry: RosterEntry, device_id: DeviceId, *, at: UnixMillis) -> bool:
    """Whether a device was linked by this other one, less than a day before it came into a unit."""
    tbs = entry.tbs
    return (
        isinstance(tbs.body, AddDevice)
        and getattr(tbs.author, "device_id", None) == device_id
        and at - tbs.time <= history.OUT_OF_TIME_MS
    )


def may_come_from(
    unit: Unit, committer: DeviceId, entry: RosterEntry, *, me: MemberId
) -> tuple[DeviceId, ...]:
    """Return from which devices a newcomer takes history.

    Args:
        unit: just joined.
        committer: the device that let this one in.
        entry: that by which this device is in the roster.
        me: this member.
    """
    found = []
    linker = getattr(entry.tbs.author, "device_id", None)
    if linker is not None and is_linked_by(entry, linker, at=unit.last_accepted_at):
        found.append(linker)
    at = unit.heads.charter.sequence
    if (
        unit.charter.policy_at(at).history is History.WINDOW
        and unit.charter.role_of(me, at=at) is not UnitRole.ARCHIVE
        and committer not in found
    ):
        found.append(committer)
    return tuple(found)
