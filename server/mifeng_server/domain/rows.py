"""What is stored: a row is a frozen dataclass of ints, texts and bytes, and a key names it.

A store knows nothing else about rows. A change is a batch of the four writes below, and a batch is
one transaction. `Insert`, `Swap` and `Delete(must_exist=True)` say what they found when they were
decided; if that is no longer so, the whole batch fails with `ConflictError`, and whoever decided
looks again. That is the compare-and-swap of protocol.md, "Storage".

Times are Unix milliseconds; 0 means never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

__all__ = [
    "KEYS",
    "BoxRow",
    "CardRow",
    "CharterRow",
    "ClaimRow",
    "ContentRow",
    "CounterRow",
    "Delete",
    "DoomedRow",
    "FetchRow",
    "FileRow",
    "FoundingRow",
    "GrantRow",
    "IdempotencyRow",
    "Insert",
    "KeyPackageRow",
    "KeyRow",
    "LeaseRow",
    "LinkRow",
    "LogRow",
    "NonceRow",
    "PartRow",
    "PictureRow",
    "PlaceRow",
    "PostingRow",
    "Put",
    "RosterRow",
    "RosterSnapshotRow",
    "Row",
    "SlotRow",
    "StartRow",
    "StayRow",
    "Swap",
    "TokenRow",
    "TreeRow",
    "UnitRow",
    "WelcomeBodyRow",
    "WelcomeRow",
    "Write",
    "key_of",
    "values_getter",
]


@dataclass(frozen=True, slots=True)
class Row:
    """Marks what a store keeps. Its fields are ints, texts and bytes."""


@dataclass(frozen=True, slots=True)
class FoundingRow(Row):
    """The founding link that has not been used yet."""

    token_hash: bytes


@dataclass(frozen=True, slots=True)
class RosterRow(Row):
    """An entry of the roster."""

    sequence: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class RosterSnapshotRow(Row):
    """A roster that this server has verified, up to `sequence`; one row, named `roster`."""

    name: str
    sequence: int
    snapshot: bytes


@dataclass(frozen=True, slots=True)
class CharterRow(Row):
    """An entry of a unit's charter."""

    unit_id: bytes
    sequence: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class GrantRow(Row):
    """A member that a charter grants: the way from members to their units."""

    unit_id: bytes
    member_id: bytes


@dataclass(frozen=True, slots=True)
class PlaceRow(Row):
    """Where a business unit or channel stands in the tree; `parent` is empty at its top."""

    unit_id: bytes
    parent: bytes


@dataclass(frozen=True, slots=True)
class DoomedRow(Row):
    """A unit that an admin closed so that its content goes; until the purge has been there."""

    unit_id: bytes


@dataclass(frozen=True, slots=True)
class StayRow(Row):
    """Somebody who is in a unit's tree, or was: `left` is the commit that took the last leaf out,
    0 while there is one.
    """

    member_id: bytes
    unit_id: bytes
    generation: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow(Row):
    """Where a unit stands. Every entry of its log swaps this row, so that none can be doubled.

    `asked` are the ids of devices that cannot go on and have said so in this epoch.
    `epoch_began` is the sequence of the commit that began the epoch; in a generation's first, of
    what its log follows.
    """

    unit_id: bytes
    generation: int
    epoch: int
    epoch_began: int
    log_sequence: int
    log_hash: bytes
    accepted_at: int
    rotated_at: int
    steady_since: int
    asked: bytes
    heads: bytes


@dataclass(frozen=True, slots=True)
class PartRow(Row):
    """A part of a unit's public group (protocol.md, "Storage")."""

    unit_id: bytes
    part: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class LogRow(Row):
    """The header of a log entry: it stays. `size` is its content's, also when that is gone."""

    unit_id: bytes
    generation: int
    sequence: int
    size: int
    header: bytes


@dataclass(frozen=True, slots=True)
class ContentRow(Row):
    """The content of a log entry: it goes at `deadline`, and the whole row with it.

    Of sequence 0 it is the GroupInfo that founded the generation, which stays.
    """

    unit_id: bytes
    generation: int
    sequence: int
    deadline: int
    content: bytes


@dataclass(frozen=True, slots=True)
class TreeRow(Row):
    """An encoded ratchet tree, for those whom a Welcome invites."""

    unit_id: bytes
    tree_hash: bytes
    deadline: int
    tree: bytes


@dataclass(frozen=True, slots=True)
class WelcomeBodyRow(Row):
    """A Welcome, once for all that it invites."""

    unit_id: bytes
    generation: int
    sequence: int
    deadline: int
    tree_hash: bytes
    welcome: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeRow(Row):
    """A Welcome that one device has not yet acknowledged."""

    welcome_id: bytes
    device_id: bytes
    unit_id: bytes
    generation: int
    sequence: int
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPackageRow(Row):
    """An unused KeyPackage. Whoever takes it deletes this row."""

    ref: bytes
    device_id: bytes
    suite: int
    not_after: int
    key_package: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow(Row):
    """The KeyPackage that a unit gets for a device, until a commit with it is accepted."""

    unit_id: bytes
    device_id: bytes
    not_after: int
    key_package: bytes


@dataclass(frozen=True, slots=True)
class CounterRow(Row):
    """A number that only grows."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class CardRow(Row):
    """The newest sealed card of a member (kind 0) or unit (1); `cursor` counts the directory's
    changes. `key_number` is that of the directory key under which it lies.
    """

    member_id: bytes
    version: int
    cursor: int
    sealed: bytes
    kind: int
    key_number: int


@dataclass(frozen=True, slots=True)
class PictureRow(Row):
    """The sealed picture of a member."""

    member_id: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class BoxRow(Row):
    """A directory key, by its hash, sealed to a device; an empty box is one that is asked for."""

    key_hash: bytes
    device_id: bytes
    sealed: bytes
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow(Row):
    """An upload, and later a file. `deadline` is that of its slot, or of 24 h while it is unnamed.

    `retain_until` is 0 until a message names it; `charter_sequence` is where the unit's charter
    stood when one did last (0: before this was noted). `ceiling` is the deadline of the message
    that a part of a history is of: it lives no longer than that; 0 of all other files.
    """

    file_id: bytes
    unit_id: bytes
    member_id: bytes
    length: int
    created_at: int
    retain_until: int
    deadline: int
    ceiling: int = 0
    charter_sequence: int = 0


@dataclass(frozen=True, slots=True)
class PostingRow(Row):
    """A member whose message shows a file, and until when it is promised for that. The file lives
    as long as the last of them.
    """

    file_id: bytes
    member_id: bytes
    until: int


@dataclass(frozen=True, slots=True)
class FetchRow(Row):
    """A member who has had the share of a file, and so could open it. It goes with the file."""

    file_id: bytes
    member_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow(Row):
    """A login. `device_id` is empty for an invite, and a recovery sheet's public key for that."""

    token_hash: bytes
    member_id: bytes
    device_id: bytes
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow(Row):
    """A slot in which a strict unit has accepted something: the vault has a share for it."""

    unit_id: bytes
    slot: int
    deadline: int


@dataclass(frozen=True, slots=True)
class StartRow(Row):
    """The last start of a device: how many there were, and the token that the next one shows."""

    device_id: bytes
    number: int
    token: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow(Row):
    """A mailbox that `device_id` has opened for a new device; letters are empty until they come."""

    link_id: bytes
    device_id: bytes
    deadline: int
    request: bytes
    reveal: bytes
    grant: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRow(Row):
    """An accepted request, and what it was answered."""

    author: bytes
    key: str
    digest: bytes
    deadline: int
    reply: bytes


@dataclass(frozen=True, slots=True)
class NonceRow(Row):
    """A nonce that a login has used, until it would be too old anyway."""

    nonce: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class KeyRow(Row):
    """A secret of the server that all its nodes have, and that protects nobody's content."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class LeaseRow(Row):
    """Which node does something that only one should do, and until when nobody else does it."""

    name: bytes
    holder: bytes
    deadline: int


KEYS: dict[type[Row], tuple[str, ...]] = {
    FoundingRow: ("token_hash",),
    RosterRow: ("sequence",),
    RosterSnapshotRow: ("name",),
    CharterRow: ("unit_id", "sequence"),
    GrantRow: ("unit_id", "member_id"),
    PlaceRow: ("unit_id",),
    DoomedRow: ("unit_id",),
    StayRow: ("member_id", "unit_id"),
    UnitRow: ("unit_id",),
    PartRow: ("unit_id", "part"),
    LogRow: ("unit_id", "generation", "sequence"),
    ContentRow: ("unit_id", "generation", "sequence"),
    TreeRow: ("unit_id", "tree_hash"),
    WelcomeBodyRow: ("unit_id", "generation", "sequence"),
    WelcomeRow: ("welcome_id",),
    KeyPackageRow: ("ref",),
    ClaimRow: ("unit_id", "device_id"),
    CardRow: ("member_id",),
    PictureRow: ("member_id",),
    BoxRow: ("key_hash", "device_id"),
    CounterRow: ("name",),
    FileRow: ("file_id",),
    FetchRow: ("file_id", "member_id"),
    PostingRow: ("file_id", "member_id"),
    TokenRow: ("token_hash",),
    StartRow: ("device_id",),
    SlotRow: ("unit_id", "slot", "deadline"),
    LinkRow: ("link_id",),
    IdempotencyRow: ("author", "key"),
    NonceRow: ("nonce",),
    KeyRow: ("name",),
    LeaseRow: ("name",),
}
"""The fields that name a row of each kind."""

Key = tuple[int | str | bytes, ...]


def values_getter(fields: tuple[str, ...]) -> Callable[[Row], Key]:
    """Return what reads these fields of a row."""
    get: Callable[[Row], Any] = attrgetter(*fields)
    return get if len(fields) > 1 else lambda row: (get(row),)


_KEY_GETTERS = {kind: values_getter(fields) for kind, fields in KEYS.items()}


def key_of(row: Row) -> Key:
    """Return the values of the fields that name this row."""
    return _KEY_GETTERS[type(row)](row)


@dataclass(frozen=True, slots=True)
class Insert:
    """Add a row whose key must be free."""

    row: Row


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row, whatever was there."""

    row: Row


@dataclass(frozen=True, slots=True)
class Swap:
    """Write `new` over `old`, which must be there exactly so; both have the same key."""

    old: Row
    new: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the row of this kind and key, if it is there; with `must_exist` it must be."""

    kind: type[Row]
    key: Key
    must_exist: bool = False


Write = Insert | Put | Swap | Delete
