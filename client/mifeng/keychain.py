"""The store key: 32 random bytes that seal the whole profile (protocol.md, "Client").

It lies in the operating system's keyring, or in the profile, wrapped under a passphrase through
Argon2id (RFC 9106). Parameters are stored beside it, and those below the floor are refused, so
that nobody who can write to the disk makes guessing cheap.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import os

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng.errors import ProfileDamagedError, WrongPassphraseError
from mifeng_crypto.errors import CodecError, StorageError, UsageError
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Bytes16, Bytes32, Opaque, UInt8, UInt32, decode, encode, struct

__all__ = [
    "DEFAULT_COST",
    "FLOOR",
    "Cost",
    "KeySource",
    "Keyring",
    "Passphrase",
    "make",
    "read_passphrase",
    "source_of",
    "unlock",
]

SERVICE = "mifeng"


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at a passphrase costs: memory in KiB, passes over it, lanes."""

    memory_kib: int
    passes: int
    lanes: int


DEFAULT_COST = Cost(65_536, 3, 4)
"""RFC 9106 section 4, the second recommended option."""
FLOOR = Cost(19_456, 2, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase, the cost with which a new profile wraps under it, and the least it accepts."""

    text: str
    cost: Cost = DEFAULT_COST
    floor: Cost = FLOOR

    def __repr__(self) -> str:
        return "Passphrase(...)"


@dataclasses.dataclass(frozen=True, slots=True)
class Keyring:
    """The operating system's keyring of the user who is logged in."""


KeySource = Passphrase | Keyring


def read_passphrase(descriptor: int | None) -> str | None:
    """Read a passphrase, the first line, from a file descriptor that the caller was handed.

    Whoever else is on the machine sees command lines, and a descriptor's content not.

    Args:
        descriptor: open for reading; None where the system's keyring holds the profile's key.

    Raises:
        UsageError: it gives none.
    """
    if descriptor is None:
        return None
    data = b""
    try:
        while not data.endswith(b"\n") and (chunk := os.read(descriptor, 1)):
            data += chunk
        text = data.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(
            "file descriptor {fd} does not give a passphrase; open it for reading", fd=descriptor
        ) from err
    if not text:
        raise UsageError(
            "file descriptor {fd} does not give a passphrase; open it for reading", fd=descriptor
        )
    return text


def source_of(passphrase: str | Passphrase | None) -> KeySource:
    """Return where the store key is to be had: without a passphrase, from the keyring."""
    if passphrase is None:
        return Keyring()
    return Passphrase(passphrase) if isinstance(passphrase, str) else passphrase


@struct(tag=1, tag_bytes=1)
class InKeyring:
    """The store key is in the keyring under this name."""

    name: Bytes16


@struct(tag=2, tag_bytes=1)
class Wrapped:
    """The store key is in `sealed`, under Argon2id(passphrase, salt)."""

    memory_kib: UInt32
    passes: UInt32
    lanes: UInt8
    salt: Bytes16
    nonce: Opaque
    sealed: Opaque


@struct
class KeyRecord:
    """What stands in the profile's header. `checksum` tells damage from a wrong passphrase."""

    key: InKeyring | Wrapped
    checksum: Bytes32


def make(source: KeySource, *, rng: Rng) -> tuple[Secret, bytes]:
    """Make a store key.

    Returns:
        The key, and the record to keep in the profile's header.

    Raises:
        UsageError: the passphrase is empty, or its cost below the floor.
        StorageError: there is no keyring.
    """
    store_key = Secret(rng(32))
    if isinstance(source, Keyring):
        name = rng(16)
        _keyring_put(name, store_key)
        return store_key, _record(InKeyring(name))
    if not source.text:
        raise UsageError("the passphrase is empty; choose one")
    cost, salt, nonce = source.cost, rng(16), rng(12)
    _check_floor(cost, source.floor)
    head = Wrapped(cost.memory_kib, cost.passes, cost.lanes, salt, nonce, b"")
    sealed = AESGCM(_stretch(source.text, head)).encrypt(nonce, store_key, encode(head))
    return store_key, _record(dataclasses.replace(head, sealed=sealed))


def unlock(record: bytes, source: KeySource) -> Secret:
    """Return the store key.

    Raises:
        WrongPassphraseError: it does not open with this passphrase, or needs one.
        ProfileDamagedError: the record is not what `make` wrote.
        StorageError: the keyring is not there, or does not know it.
    """
    key = _read(record)
    if isinstance(key, InKeyring):
        return _keyring_get(key.name)
    if isinstance(source, Keyring):
        raise WrongPassphraseError(
            "this profile is locked with a passphrase; give it with --passphrase-fd"
        )
    _check_floor(Cost(key.memory_kib, key.passes, key.lanes), source.floor)
    head = dataclasses.replace(key, sealed=b"")
    try:
        wrapping = AESGCM(_stretch(source.text, head))
        return Secret(wrapping.decrypt(key.nonce, key.sealed, encode(head)))
    except (InvalidTag, ValueError) as err:
        raise WrongPassphraseError("the passphrase is wrong; try again") from err


def needs_passphrase(record: bytes) -> bool:
    """Whether the store key is wrapped under a passphrase.

    Raises:
        ProfileDamagedError: the record is not what `make` wrote.
    """
    return isinstance(_read(record), Wrapped)


def _record(key: InKeyring | Wrapped) -> bytes:
    return encode(KeyRecord(key, _checksum(key)))


def _read(record: bytes) -> InKeyring | Wrapped:
    damaged = "the profile's key record is damaged; restore the profile or join again"
    try:
        read = decode(KeyRecord, record)
    except CodecError as err:
        raise ProfileDamagedError(damaged) from err
    if not hmac.compare_digest(read.checksum, _checksum(read.key)):
        raise ProfileDamagedError(damaged)
    return read.key


def _checksum(key: InKeyring | Wrapped) -> bytes:
    return hashlib.sha256(b"Mifeng 1.0 KeyRecord" + encode(key)).digest()


def _check_floor(cost: Cost, floor: Cost) -> None:
    if cost.memory_kib < floor.memory_kib or cost.passes < floor.passes or cost.lanes < floor.lanes:
        raise StorageError(
            "the passphrase is protected with less than {kib} KiB and {passes} passes; "
            "that is not safe: make the profile anew",
            kib=floor.memory_kib,
            passes=floor.passes,
        )


def _stretch(passphrase: str, head: Wrapped) -> bytes:
    return hash_secret_raw(
        secret=passphrase.encode(),
        salt=head.salt,
        time_cost=head.passes,
        memory_cost=head.memory_kib,
        parallelism=head.lanes,
        hash_len=32,
        type=Type.ID,
    )


# ------------------------------------------------------------------ the keyring


def _keyring_put(name: bytes, store_key: bytes) -> None:
    import keyring  # noqa: PLC0415 - loads the backends of a whole desktop
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        keyring.set_password(SERVICE, name.hex(), base64.b64encode(store_key).decode())
    except KeyringError as err:
        raise StorageError(
            "this machine has no keyring that can be used; give a passphrase instead"
        ) from err


def _keyring_get(name: bytes) -> Secret:
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        kept = keyring.get_password(SERVICE, name.hex())
        return Secret(base64.b64decode(kept or "", validate=True) or _missing())
    except (KeyringError, binascii.Error) as err:
        raise StorageError("the keyring cannot be opened; log in to the desktop first") from err


def _missing() -> bytes:
    raise StorageError("the keyring has lost this profile's key; restore it or join again")
