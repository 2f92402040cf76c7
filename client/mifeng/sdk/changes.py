"""What has happened in the roster, as an application sees it."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.core.changes import RosterChange
from mifeng.core.people import People
from mifeng.sdk.values import Person, person_from
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.roster_entry import Role

__all__ = ["Change", "change_from"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the roster.

    Attributes:
        sequence: its place.
        time: when, as its author says; unix milliseconds.
        kind: as in protocol.md: `add_member`, `add_device`, `recover`, ...
        author: who signed it; for `add_member` and `recover` that is whom it is about.
        author_device: with which device; None for the key of an invite or a recovery sheet.
        subject: whom it is about, if anybody.
        device_id: which device came or went, where it is about one.
        role: which role was given or promised.
    """

    sequence: int
    time: UnixMillis
    kind: str
    author: Person
    author_device: DeviceId | None
    subject: Person | None
    device_id: DeviceId | None
    role: Role | None


def change_from(change: RosterChange, people: People) -> Change:
    """Name what a change has by its ids."""
    return Change(
        sequence=change.sequence,
        time=change.time,
        kind=change.kind,
        author=person_from(change.author, people),
        author_device=change.author_device,
        subject=person_from(change.subject, people) if change.subject is not None else None,
        device_id=change.device_id,
        role=change.role,
    )
