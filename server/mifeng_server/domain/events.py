"""What has become durable and concerns open sockets."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng_crypto.log import EntryKind

__all__ = [
    "BoxesCame",
    "CharterGrew",
    "DeviceStarted",
    "DevicesRemoved",
    "DirectoryChanged",
    "Event",
    "KeyPackagesCame",
    "KeysWanted",
    "LogGrew",
    "RosterGrew",
    "UnitsChanged",
    "WelcomesCame",
]


@dataclass(frozen=True, slots=True)
class LogGrew:
    """A unit's log has a new entry; `entry` is an encoded LogEntry, its members may read it."""

    unit_id: bytes
    generation: int
    sequence: int
    kind: EntryKind
    entry: bytes


@dataclass(frozen=True, slots=True)
class RosterGrew:
    """The roster has a new entry."""


@dataclass(frozen=True, slots=True)
class CharterGrew:
    """A charter has a new entry; `members` is who is in the unit from now on."""

    unit_id: bytes
    members: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class KeyPackagesCame:
    """A device of this member has new KeyPackages."""

    member_id: bytes


@dataclass(frozen=True, slots=True)
class WelcomesCame:
    """Welcomes are waiting for these devices."""

    device_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class UnitsChanged:
    """These members have come into a unit or left one."""

    member_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DirectoryChanged:
    """A card has a new version."""


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """This device lacks the directory's key; any other one can give it."""

    device_id: bytes


@dataclass(frozen=True, slots=True)
class BoxesCame:
    """The directory's key is here for these devices."""

    device_ids: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DevicesRemoved:
    """The devices are out; their sockets close at once."""

    device_ids: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DeviceStarted:
    """The device has begun anew: what ran as it before has to log in again, and hear of it."""

    device_id: bytes


Event = (
    LogGrew
    | RosterGrew
    | CharterGrew
    | KeyPackagesCame
    | WelcomesCame
    | UnitsChanged
    | DirectoryChanged
    | KeysWanted
    | BoxesCame
    | DevicesRemoved
    | DeviceStarted
)
