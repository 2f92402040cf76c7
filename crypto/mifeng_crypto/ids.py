"""Identifiers and times of our own protocol (protocol.md, "Identifiers").

Every identifier is 16 random bytes and says nothing. Times are Unix milliseconds.
"""

from __future__ import annotations

from typing import Annotated, NewType

from mifeng_crypto.tls import Size, UInt16, UInt32, Width, struct

__all__ = [
    "PROTOCOL_VERSION",
    "DeviceId",
    "FileId",
    "GroupId",
    "Identity",
    "MemberId",
    "ProtocolVersion",
    "UnitId",
    "UnixMillis",
    "WorkspaceId",
]

WorkspaceId = NewType("WorkspaceId", Annotated[bytes, Size(16)])
MemberId = NewType("MemberId", Annotated[bytes, Size(16)])
DeviceId = NewType("DeviceId", Annotated[bytes, Size(16)])
UnitId = NewType("UnitId", Annotated[bytes, Size(16)])
FileId = NewType("FileId", Annotated[bytes, Size(16)])
UnixMillis = NewType("UnixMillis", Annotated[int, Width(8)])
ProtocolVersion = UInt16

PROTOCOL_VERSION = 1
"""The version of protocol.md that this code speaks; it is in every handshake and signed struct."""


@struct
class GroupId:
    """The MLS group id of one generation of a unit (protocol.md, "Use of MLS")."""

    unit_id: UnitId
    generation: UInt32


@struct
class Identity:
    """The identity in a leaf's basic credential: which member, which of its devices."""

    member_id: MemberId
    device_id: DeviceId
