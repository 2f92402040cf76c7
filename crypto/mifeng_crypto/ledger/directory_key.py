"""The directory key on its way to a device: sealed to the HPKE key that the roster names for it.

Whoever has the present key may hand it on, since the roster holds its hash: a false one is found.
"""

from __future__ import annotations

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import DeviceId, WorkspaceId
from mifeng_crypto.labels import hash_mifeng
from mifeng_crypto.ledger.roster import DeviceRecord, Roster
from mifeng_crypto.sealing import open_sealed, seal_to
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import UInt32, encode, struct

__all__ = [
    "DirectoryBox",
    "hash_directory_key",
    "is_present_key",
    "open_directory_key",
    "seal_directory_key",
]

LABEL = "DirectoryKey"


@struct
class DirectoryBox:
    """What a sealed directory key is bound to."""

    workspace_id: WorkspaceId
    number: UInt32
    device_id: DeviceId


def hash_directory_key(key: bytes) -> bytes:
    """Return what the roster says of a directory key: it is random, its hash tells nothing."""
    return hash_mifeng(LABEL, key)


def is_present_key(key: bytes | None, roster: Roster) -> bool:
    """Whether cards are sealed under this key at the roster's head.

    The founder's own key is in no entry: where there has been no other one, it is the one that came
    by a link or from one's own device.
    """
    if key is None:
        return False
    return roster.directory.number == 0 or hash_directory_key(key) == roster.directory.key_hash


def seal_directory_key(key: bytes, device: DeviceRecord, *, roster: Roster, number: int) -> bytes:
    """Seal a directory key to a device.

    Raises:
        CryptoError: the device's HPKE key is none.
    """
    context = encode(DirectoryBox(roster.workspace_id, number, device.device_id))
    return seal_to(device.hpke_key, LABEL, context, key)


def open_directory_key(
    sealed: bytes, *, device_id: DeviceId, hpke_key: bytes, roster: Roster
) -> Secret:
    """Open what was sealed to this device: the present directory key.

    Raises:
        CryptoError: it was not sealed to this device, or not for the present key's number.
        ProtocolError: CARD-8.
    """
    context = encode(DirectoryBox(roster.workspace_id, roster.directory.number, device_id))
    key = Secret(open_sealed(hpke_key, LABEL, context, sealed))
    check_is_present(key, roster)
    return key


def check_is_present(key: bytes, roster: Roster) -> None:
    """CARD-8: the roster holds this key's hash."""
    if hash_directory_key(key) != roster.directory.key_hash:
        raise ProtocolError("CARD-8", "this is not the directory's present key")
