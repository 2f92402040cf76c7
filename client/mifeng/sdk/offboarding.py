"""Where a former member still is, as an application sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mifeng.core.offboarding import State
from mifeng.sdk.values import Person, person_from
from mifeng.session import Session
from mifeng.session.offboarding import Report
from mifeng_crypto.ids import UnitId, UnixMillis

__all__ = ["Departure", "Offboarding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One unit that the person was in.

    Attributes:
        unit_id: which.
        title: what it is called; empty where this device is not in it.
        state: `verified` (this device's own tree is without the person), `reported` (the server
            says so) or `pending` (still in; nothing can be sent there until that has changed).
        epoch: the first without the person; 0 while it is not known.
        sequence: its commit in the unit's log, likewise.
    """

    unit_id: UnitId
    title: str
    state: str
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offboarding:
    """A removal and how far it is.

    Attributes:
        person: who was removed.
        removed_at: when that was signed.
        units: those that this device may know of.
        others_out: how many others the server says the person has left.
        others_pending: how many others the server says the person is still in.
        is_overdue: whether, a day after, the person is still in somewhere. That is an alarm.
    """

    person: Person
    removed_at: UnixMillis
    units: tuple[Departure, ...]
    others_out: int
    others_pending: int
    is_overdue: bool

    @classmethod
    def of(cls, session: Session, report: Report) -> Self:
        """Name what a report has by its ids."""
        units = session.units
        return cls(
            person=person_from(report.member_id, session.people),
            removed_at=report.removed_at,
            units=tuple(
                Departure(
                    unit_id=unit.unit_id,
                    title=units[unit.unit_id].title if unit.unit_id in units else "",
                    state=unit.state.value,
                    epoch=unit.epoch,
                    sequence=unit.sequence,
                )
                for unit in report.units
            ),
            others_out=report.others_out,
            others_pending=report.others_pending,
            is_overdue=report.is_overdue,
        )

    @property
    def pending(self) -> int:
        """In how many units the person still is."""
        return sum(u.state == State.PENDING.value for u in self.units) + self.others_pending
