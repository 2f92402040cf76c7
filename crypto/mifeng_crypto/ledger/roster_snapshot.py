"""A roster that was verified once, as bytes that need not be verified again: for a quick start.

    Roster -> to_snapshot -> bytes, kept where nobody else writes -> from_snapshot -> Roster again

It says what the entries amounted to, with their past, so whoever could write one could write any
roster. It is read only from where nobody else writes (a profile's sealed store, the server's own
database), is bound to the hash of the last entry, and is never sent (protocol.md, "Snapshots").
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterator

import msgspec

from mifeng_crypto.errors import CodecError
from mifeng_crypto.ids import DeviceId, MemberId, WorkspaceId
from mifeng_crypto.ledger.chain import Chain
from mifeng_crypto.ledger.history import History
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import DirectoryKey, ServerIdentity
from mifeng_crypto.ledger.roster_tables import DeviceRecord, InviteRecord, Member, RosterTables
from mifeng_crypto.tls import decode, encode

__all__ = ["from_snapshot", "to_snapshot"]

FORM = 2
"""Of the snapshot. Another form, older or newer, is read as none: the entries are still there."""
HASH_BYTES = 32


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """What is kept. `hashes` and `times` are those of all entries, in their order."""

    form: int
    workspace_id: bytes
    default_policy: bytes
    server: bytes
    directory: bytes
    is_directory_key_due: bool
    hashes: bytes
    times: list[int]
    members: dict[MemberId, tuple[tuple[int, Member | None], ...]]
    invites: dict[MemberId, tuple[tuple[int, InviteRecord | None], ...]]
    devices: dict[DeviceId, tuple[tuple[int, DeviceRecord | None], ...]]
    devices_of: dict[MemberId, tuple[tuple[int, tuple[DeviceId, ...] | None], ...]]
    keys: dict[bytes, tuple[tuple[int, MemberId | None], ...]]


def to_snapshot(roster: Roster) -> bytes:
    """Return the roster as it is at its head, with a checksum in front."""
    head, tables = roster.head, roster.tables_at_head()
    entries = range(1, head.sequence + 1)
    hashes = [roster.hash_at(n) for n in entries]
    times = [int(roster.time_at(n)) for n in entries]
    kept = msgspec.msgpack.encode(
        _Snapshot(
            form=FORM,
            workspace_id=roster.workspace_id,
            default_policy=encode(roster.default_policy),
            server=encode(roster.server),
            directory=encode(roster.directory),
            is_directory_key_due=roster.is_directory_key_due,
            hashes=b"".join(hashes),
            times=times,
            members=tables.members.values,
            invites=tables.invites.values,
            devices=tables.devices.values,
            devices_of=tables.devices_of.values,
            keys=tables.keys.values,
        )
    )
    return hashlib.sha256(kept).digest() + kept


def from_snapshot(snapshot: bytes, *, last_entry_hash: bytes) -> Roster:
    """Return the roster that a snapshot was made of.

    Args:
        snapshot: of one's own, from where nobody else writes.
        last_entry_hash: of the entry at the snapshot's head, computed from that entry: a snapshot
            of another history, or one that lies apart from its entries, is not taken.

    Raises:
        CodecError: it is damaged, of another form, or ends in another entry. Replay the entries.
    """
    checksum, kept = snapshot[:HASH_BYTES], snapshot[HASH_BYTES:]
    if hashlib.sha256(kept).digest() != checksum:
        raise CodecError("the snapshot of the roster is damaged")
    try:
        with _without_collecting():
            found = msgspec.msgpack.decode(kept, type=_Snapshot)
    except msgspec.MsgspecError as err:
        raise CodecError("the snapshot of the roster is of another version") from err
    hashes = [bytes(HASH_BYTES)]
    hashes += [found.hashes[n : n + HASH_BYTES] for n in range(0, len(found.hashes), HASH_BYTES)]
    whole = len(hashes) == len(found.times) + 1 >= 2
    if found.form != FORM or not whole or hashes[-1] != last_entry_hash:
        raise CodecError("the snapshot of the roster is of another version or another history")
    return Roster.restored(
        workspace_id=WorkspaceId(found.workspace_id),
        default_policy=decode(Policy, found.default_policy),
        server=decode(ServerIdentity, found.server),
        directory=decode(DirectoryKey, found.directory),
        is_directory_key_due=found.is_directory_key_due,
        chain=Chain("roster", hashes, [0, *found.times], len(found.times)),
        tables=RosterTables(
            History(found.members),
            History(found.invites),
            History(found.devices),
            History(found.devices_of),
            History(found.keys),
        ),
    )


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Let nobody look for garbage: a hundred thousand objects come into being, and all stay.

    Looking through them again and again takes four times as long as making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
