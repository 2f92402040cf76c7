"""The keys that must die, and nothing else: in cells that are overwritten (protocol.md, "Vault").

    slot keys    one for each (unit, slot, deadline): what was accepted in that hour
    state keys   one for each unit, and one for the KeyPackages: private MLS state

A database does not forget: free pages, the write-ahead log and the disk beneath keep what was
deleted. So what is to be forgotten is sealed under a key of this file before it gets there, and to
destroy the key is to destroy all that. The cells themselves are sealed under the store key.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng.errors import ProfileDamagedError
from mifeng.store.cells import CELL_BYTES, CellFile
from mifeng_crypto.errors import CodecError
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import MortalKey, Secret
from mifeng_crypto.tls import Bytes16, UInt8, UInt64, decode, encode, struct

__all__ = ["KeyName", "SlotName", "StateName", "Vault"]

MAGIC = b"mifeng vault 1\n".ljust(32, b"\0")
ID_BYTES = 16
NONCE_BYTES = 12
NAME_BYTES = 64
PLAIN_BYTES = NAME_BYTES + 32
SEALED_BYTES = NONCE_BYTES + PLAIN_BYTES + 16


@struct(tag=1, tag_bytes=1)
class SlotName:
    """The key of what a unit's log accepted in one slot, under one deadline.

    With `strict` (1) a share of the server enters the key that seals; it is held in memory only.
    """

    unit_id: Bytes16
    slot: UInt64
    deadline: UInt64
    strict: UInt8 = 0


@struct(tag=2, tag_bytes=1)
class StateName:
    """A key of the private state of a unit (or, with a scope of zeros, of the KeyPackages).

    `serial` tells the one that is being replaced from the one that replaces it.
    """

    scope: Bytes16
    serial: UInt64


KeyName = SlotName | StateName


@struct
class Named:
    """How a key's name stands in its cell."""

    name: SlotName | StateName


class Vault:
    """The keys of a profile. One process has it open, and changes it one thread at a time."""

    def __init__(self, cells: CellFile, store_key: Secret, vault_id: bytes, *, rng: Rng) -> None:
        self._cells = cells
        self._aead = AESGCM(store_key)
        self._id = vault_id
        self._rng = rng
        self._keys: dict[KeyName, tuple[MortalKey, int]] = {}
        self._states: dict[bytes, list[StateName]] = {}
        """By scope, oldest first."""
        self._shares: dict[SlotName, bytes] = {}
        self._derived: dict[SlotName, MortalKey] = {}
        self._free: list[int] = []
        self._count = 0
        self._locked_until = 0
        # Whoever waits for a change may be cancelled, and its thread goes on all the same.
        self._turn = threading.Lock()

    @classmethod
    def create(cls, path: Path, store_key: Secret, *, rng: Rng) -> Vault:
        """Make an empty one.

        Raises:
            StorageError: there is one already, or the disk refuses.
        """
        cells = CellFile.create(path)
        try:
            vault = cls(cells, store_key, rng(ID_BYTES), rng=rng)
            cells.write(0, (MAGIC + vault._id).ljust(CELL_BYTES, b"\0"))
            cells.sync()
            vault._read(cells.read())
        except BaseException:
            cells.close()
            raise
        return vault

    @classmethod
    def open(cls, path: Path, store_key: Secret, *, rng: Rng) -> Vault:
        """Open one, and read its keys.

        Raises:
            ProfileMissingError: there is none.
            ProfileDamagedError: it was changed from outside, or is of another profile.
            StorageError: it cannot be used.
        """
        cells = CellFile.open(path)
        try:
            found = cells.read()
            if not found or not found[0].startswith(MAGIC):
                raise _damaged()
            vault_id = found[0][len(MAGIC) : len(MAGIC) + ID_BYTES]
            vault = cls(cells, store_key, vault_id, rng=rng)
            vault._read(found)
        except BaseException:
            cells.close()
            raise
        return vault

    def close(self) -> None:
        """Let go of the file, and wipe all keys from memory."""
        with self._turn:  # a thread may still be writing for somebody who has given up waiting
            for key in (*(key for key, _ in self._keys.values()), *self._derived.values()):
                key.wipe()
            self._keys.clear()
            self._derived.clear()
            self._shares.clear()
            self._cells.close()

    # -------------------------------------------------------------- keys

    def get(self, name: KeyName) -> MortalKey | None:
        """Return the key to open with; None if it was destroyed, or is locked."""
        if isinstance(name, SlotName) and name.deadline <= self._locked_until:
            return None
        return self.get_to_seal(name)

    def get_to_seal(self, name: KeyName) -> MortalKey | None:
        """Return the key to seal with: a locked one as well, since its content may yet be live."""
        key, _ = self._keys.get(name, (None, 0))
        if key is not None and isinstance(name, SlotName) and name.strict:
            key = self._derive(name, key)
        return key if key is not None and key.is_alive else None

    def give(self, name: SlotName, share: bytes) -> None:
        """Take the server's share of a strict unit's slot. It is held in memory only."""
        self._shares[name] = share

    def has_share(self, name: SlotName) -> bool:
        """Whether the share of a strict unit's slot is here."""
        return name in self._shares

    def _derive(self, name: SlotName, key: MortalKey) -> MortalKey | None:
        """What seals in a strict unit: made of the key and the share, and never on the disk."""
        share = self._shares.get(name)
        if name in self._derived or share is None:
            return self._derived.get(name)
        ikm = bytearray(32)
        try:
            with memoryview(ikm) as view:
                key.copy_into(view)
            info = b"Mifeng 1.0 slot" + encode(name)
            hkdf = HKDF(algorithm=SHA256(), length=32, salt=share, info=info)
            self._derived[name] = MortalKey.draw(lambda _: hkdf.derive(ikm))
        finally:
            ikm[:] = bytes(32)
        return self._derived[name]

    def slots(self) -> tuple[SlotName, ...]:
        """Return the names of all slot keys, locked ones as well."""
        return tuple(name for name in list(self._keys) if isinstance(name, SlotName))

    def scopes(self) -> tuple[bytes, ...]:
        """Return the scopes that have a state key."""
        return tuple(self._states)

    def states(self, scope: bytes) -> tuple[StateName, ...]:
        """Return the names of a scope's state keys, oldest first."""
        return tuple(self._states.get(scope, ()))

    def lock(self, until: int) -> None:
        """Hand out no slot key whose deadline is not after this time."""
        self._locked_until = until

    # -------------------------------------------------------------- changes, durable on return

    def make(self, names: Iterable[KeyName]) -> None:
        """Make keys; those that there are stay as they are.

        Raises:
            StorageError: none was made.
        """
        with self._turn:
            missing = [name for name in dict.fromkeys(names) if name not in self._keys]
            if missing:
                self._make(missing)

    def _make(self, missing: Sequence[KeyName]) -> None:
        while len(self._free) < len(missing):
            first, self._count = self._count, self._cells.grow()
            self._free[:0] = range(self._count - 1, first - 1, -1)
        taken: list[int] = []
        made: list[tuple[KeyName, MortalKey]] = []
        try:
            for name in missing:
                key, cell = MortalKey.draw(self._rng), self._free.pop()
                taken.append(cell)
                made.append((name, key))
                self._cells.write(cell, self._sealed(name, key, cell))
            self._cells.sync()
        except BaseException:
            self._free += reversed(taken)  # what stands there by now is overwritten or erased
            for _, key in made:
                key.wipe()
            raise
        for (name, key), cell in zip(made, taken, strict=True):
            self._hold(name, key, cell)

    def destroy(self, names: Sequence[KeyName]) -> None:
        """Overwrite keys, on the disk and in memory.

        Raises:
            StorageError: they are gone from memory; on the disk they may still be. Call again.
        """
        with self._turn:
            found = [name for name in names if name in self._keys]
            if found:
                self._destroy(found)

    def _destroy(self, names: Sequence[KeyName]) -> None:
        found = [self._keys[name] for name in names]
        for key, _ in found:
            key.wipe()
        for name in names:
            if isinstance(name, SlotName) and name.strict:
                self._shares.pop(name, None)
                if derived := self._derived.pop(name, None):
                    derived.wipe()
        cells = [cell for _, cell in found]
        self._cells.erase(cells)
        self._cells.sync()
        for name in names:
            if self._keys.pop(name, None) and isinstance(name, StateName):
                self._states[name.scope].remove(name)
                if not self._states[name.scope]:
                    del self._states[name.scope]
        self._free += cells

    def _hold(self, name: KeyName, key: MortalKey, cell: int) -> None:
        self._keys[name] = key, cell
        if isinstance(name, StateName):
            states = self._states.setdefault(name.scope, [])
            states.append(name)
            states.sort(key=lambda state: state.serial)

    # -------------------------------------------------------------- cells

    def _read(self, found: Sequence[bytes]) -> None:
        torn, self._count = [], len(found)
        for cell in range(len(found) - 1, 0, -1):
            data = found[cell]
            opened = self._opened(data, cell) if any(data) else None
            if opened is not None:
                self._hold(*opened, cell)
                continue
            self._free.append(cell)
            if any(data):
                torn.append(cell)
        if torn:
            self._cells.erase(torn)
            self._cells.sync()

    def _sealed(self, name: KeyName, key: MortalKey, cell: int) -> bytes:
        plain = bytearray(PLAIN_BYTES)
        try:
            data = encode(Named(name))
            plain[0], plain[1 : 1 + len(data)] = len(data), data
            with memoryview(plain) as view:
                key.copy_into(view[NAME_BYTES:])
            nonce = self._rng(NONCE_BYTES)
            sealed = self._aead.encrypt(nonce, plain, self._place(cell))
        finally:
            plain[:] = bytes(PLAIN_BYTES)
        return (nonce + sealed).ljust(CELL_BYTES, b"\0")

    def _opened(self, data: bytes, cell: int) -> tuple[KeyName, MortalKey] | None:
        """What a cell holds; None if writing it was cut off: nobody relied on it yet, or any more.

        Raises:
            ProfileDamagedError: it was changed from outside.
        """
        nonce, sealed = data[:NONCE_BYTES], data[NONCE_BYTES:SEALED_BYTES]
        if not any(nonce) or not any(sealed[-8:]):
            return None
        plain = bytearray(PLAIN_BYTES)
        try:
            self._aead.decrypt_into(nonce, sealed, self._place(cell), plain)
            name = decode(Named, bytes(plain[1 : 1 + plain[0]])).name
            return name, MortalKey(plain[NAME_BYTES:])
        except (InvalidTag, CodecError) as err:
            raise _damaged() from err
        finally:
            plain[:] = bytes(PLAIN_BYTES)

    def _place(self, cell: int) -> bytes:
        return self._id + cell.to_bytes(4, "big")


def _damaged() -> ProfileDamagedError:
    return ProfileDamagedError(
        "the vault of this profile was changed from outside, or is another profile's; "
        "link this device anew, or join with a new invite"
    )
