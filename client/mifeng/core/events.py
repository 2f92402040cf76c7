"""What an application is told, in the order of the log. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.core.changes import RosterChange
from mifeng.core.rows import TimelineRecord
from mifeng_crypto.ids import FileId, MemberId, UnitId, UnixMillis
from mifeng_crypto.log import NeedsReaddTBS

__all__ = [
    "AlarmRaised",
    "ContentExpired",
    "Delivered",
    "DeviceStuck",
    "Event",
    "FileEnding",
    "HistoryGiven",
    "HistoryTaken",
    "NewEntry",
    "NotDelivered",
    "RosterChanged",
    "UnitClosed",
    "UnitJoined",
    "UnitLeft",
    "UnitRestarted",
]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry of the log was applied: a message, or a change of the unit's membership or keys."""

    unit_id: UnitId
    sequence: int
    entry: TimelineRecord


@dataclass(frozen=True, slots=True)
class Delivered:
    """The log has brought back what this device sent: the outbox's item is done."""

    unit_id: UnitId
    number: int
    sequence: int


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The server does not take what this device had kept: it stays, until its author decides."""

    unit_id: UnitId
    number: int


@dataclass(frozen=True, slots=True)
class FileEnding:
    """Somebody else's file will be gone within a day, and this member has not fetched it.

    `sequence` is the message that shows it last; `until` is in Unix milliseconds.
    """

    unit_id: UnitId
    sequence: int
    file_id: FileId
    name: str
    until: UnixMillis


@dataclass(frozen=True, slots=True)
class UnitJoined:
    """This device is in the unit from now on.

    `missed` entries went by between an earlier stay and this one: it cannot read them.
    """

    unit_id: UnitId
    missed: int = 0


@dataclass(frozen=True, slots=True)
class UnitLeft:
    """The unit has removed this device; nothing after `sequence` can be read.

    `waits`: it is to be let in again by the next member who is online: it was silent for too long,
    or could not go on.
    """

    unit_id: UnitId
    sequence: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class UnitRestarted:
    """The unit could not go on, and `by` has opened its next generation.

    What was said before stays readable until its time is over. This device is let in by the next
    member who is online, unless it is the one that has opened it.
    """

    unit_id: UnitId
    generation: int
    by: MemberId


@dataclass(frozen=True, slots=True)
class DeviceStuck:
    """A colleague's device cannot go on, and says why; `author` has made what it cannot process.

    To be shown to those who manage the unit: a commit that others cannot process is its author's
    fault, or an attack. None: the device has lost its state.
    """

    unit_id: UnitId
    sequence: int
    member_id: MemberId
    said: NeedsReaddTBS
    author: MemberId | None = None


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """Something that should not be; it is kept with its evidence. None: the whole workspace."""

    unit_id: UnitId | None
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class UnitClosed:
    """The unit is over: nothing can be sent in it. `deletes`: what was said in it is gone, too."""

    unit_id: UnitId
    sequence: int
    by: MemberId
    deletes: bool


@dataclass(frozen=True, slots=True)
class ContentExpired:
    """So many messages, with so many files, were over, and have been destroyed on this device."""

    messages: int
    files: int


@dataclass(frozen=True, slots=True)
class HistoryGiven:
    """This device has handed over so many messages from before, to devices of these people."""

    unit_id: UnitId
    messages: int
    receivers: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class HistoryTaken:
    """So many messages from before this device came in are here now, handed over by `giver`."""

    unit_id: UnitId
    messages: int
    giver: MemberId


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """The roster has a new entry: somebody came or left, or has another role or device."""

    change: RosterChange


Event = (
    RosterChanged
    | NewEntry
    | Delivered
    | NotDelivered
    | UnitJoined
    | UnitLeft
    | UnitClosed
    | UnitRestarted
    | DeviceStuck
    | AlarmRaised
    | ContentExpired
    | FileEnding
    | HistoryGiven
    | HistoryTaken
)
