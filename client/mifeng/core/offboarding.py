"""Where a former member still is: what this device knows itself, and what the server only says
(protocol.md, "Offboarding").

What does not fit together counts as not done: it becomes an alarm, never a false "out".
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.rows import TimelineRecord, UnitStatus
from mifeng.core.unit import Unit
from mifeng_crypto.api.messages import Departure as Reported
from mifeng_crypto.errors import CodecError
from mifeng_crypto.gate import identity_of
from mifeng_crypto.ids import GroupId, MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import RemoveMember, RosterEntry
from mifeng_crypto.log import EntryKind, LogHeader
from mifeng_crypto.tls import decode

__all__ = ["OVERDUE_MS", "Departure", "State", "compare", "find_commit", "removals"]

OVERDUE_MS = 24 * 3_600_000
"""After this time a unit that still has the person is an alarm."""


class State(enum.Enum):
    """How far the removal from one unit is."""

    VERIFIED = "verified"
    """This device is in the unit, and its own tree is without the person."""
    REPORTED = "reported"
    """The server says so, with the header of a commit."""
    PENDING = "pending"
    """The person's devices are still in the group; nothing can be sent there until they are out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One unit. `epoch` is the first without the person, `sequence` its commit; 0 if not known."""

    unit_id: UnitId
    state: State
    epoch: int = 0
    sequence: int = 0


def removals(entries: Iterable[bytes]) -> dict[MemberId, UnixMillis]:
    """Return who was removed from the workspace and when, from the roster's verified entries."""
    found = {}
    for raw in entries:
        tbs = decode(RosterEntry, raw).tbs
        if isinstance(tbs.body, RemoveMember):
            found[tbs.body.member_id] = UnixMillis(tbs.time)
    return found


def find_commit(
    timeline: Iterable[tuple[int, TimelineRecord]], member_id: MemberId
) -> tuple[int, int] | None:
    """Return epoch and sequence of the last commit of a timeline that removed a member."""
    last = None
    for sequence, record in timeline:
        if record.kind is EntryKind.COMMIT and member_id in record.removed:
            last = record.epoch + 1, sequence
    return last


def compare(
    member_id: MemberId,
    units: Mapping[UnitId, Unit],
    commits: Mapping[UnitId, tuple[int, int]],
    reported: Iterable[Reported],
    roster: Roster,
) -> tuple[Departure, ...]:
    """Put together what this device has seen and what the server says; its own eyes come first.

    Args:
        member_id: who was removed.
        units: of this device.
        commits: `find_commit` of each of them in which the person was.
        reported: the server's answer.
        roster: as known.
    """
    said = {UnitId(one.unit_id): one for one in reported}
    found = []
    for unit_id in sorted({*said, *units}):
        unit, one = units.get(unit_id), said.get(unit_id)
        header = _header(unit_id, one, roster) if one is not None else None
        epoch, sequence = (header.epoch + 1, header.sequence) if header is not None else (0, 0)
        if unit is not None and unit.is_closed:
            continue  # nothing is said there any more that the person could read
        if unit is not None and unit.status is UnitStatus.ACTIVE and unit.epoch is not None:
            if _is_in(unit, member_id):
                found.append(Departure(unit_id=unit_id, state=State.PENDING))
            elif unit_id in commits or one is not None:
                epoch, sequence = commits.get(unit_id, (epoch, sequence))
                found.append(
                    Departure(unit_id=unit_id, state=State.VERIFIED, epoch=epoch, sequence=sequence)
                )
        elif one is not None:
            state = State.REPORTED if header is not None else State.PENDING
            found.append(Departure(unit_id=unit_id, state=state, epoch=epoch, sequence=sequence))
    return tuple(found)


def _is_in(unit: Unit, member_id: MemberId) -> bool:
    leaves = unit.active_epoch.public.leaves()
    return any(identity_of(leaf).member_id == member_id for _, leaf in leaves)


def _header(unit_id: UnitId, one: Reported, roster: Roster) -> LogHeader | None:
    """Return the header that the server shows, if it is one of a commit that could be."""
    if one.header is None:
        return None
    try:
        header = decode(LogHeader, one.header)
    except CodecError:
        return None
    fits = (
        header.group == GroupId(unit_id, one.generation)
        and header.kind is EntryKind.COMMIT
        and roster.device_ever(header.device_id) is not None
    )
    return header if fits else None
