"""Numbers that people compare by voice: of the workspace, and of a member (protocol.md, section 5).

Both sides compute them from their own ledgers. Equal numbers mean the same founding, and the same
device keys; nobody can make other keys with the same number.
"""

from __future__ import annotations

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, ProtocolVersion
from mifeng_crypto.labels import hash_mifeng
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Device
from mifeng_crypto.tls import Bytes32, Vec, encode, struct

__all__ = ["DIGITS", "MemberNumber", "WorkspaceNumber", "number_of_member", "number_of_workspace"]

DIGITS = 60


@struct
class WorkspaceNumber:
    """What a workspace's number is of: it stays the same for good."""

    version: ProtocolVersion
    genesis: Bytes32


@struct
class MemberNumber:
    """What a member's number is of. `devices`, sorted by `device_id`, are those valid now."""

    version: ProtocolVersion
    genesis: Bytes32
    member_id: MemberId
    devices: Vec[Device]


def number_of_workspace(roster: Roster) -> str:
    """Return the 60 digits of the workspace whose roster this is."""
    of = WorkspaceNumber(PROTOCOL_VERSION, roster.genesis)
    return _digits("WorkspaceNumber", encode(of))


def number_of_member(roster: Roster, member_id: MemberId) -> str:
    """Return the 60 digits of a member with the devices that are valid now.

    Raises:
        UsageError: it has none: it has not joined yet, or has left.
    """
    records = roster.devices_of(member_id)
    if not records:
        raise UsageError("this person has no device here: not joined yet, or gone already")
    devices = (Device(d.device_id, d.signature_key, d.hpke_key) for d in records)
    of = MemberNumber(
        PROTOCOL_VERSION,
        roster.genesis,
        member_id,
        tuple(sorted(devices, key=lambda device: device.device_id)),
    )
    return _digits("MemberNumber", encode(of))


def _digits(label: str, content: bytes) -> str:
    return f"{int.from_bytes(hash_mifeng(label, content), 'big') % 10**DIGITS:0{DIGITS}}"
