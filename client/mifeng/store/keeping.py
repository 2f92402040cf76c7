"""Which key a row is sealed under, and when that key is replaced (protocol.md, "Vault").

    what stays                     0 || under the store key
    private state of a unit        1 || serial || under the unit's state key
    what expires                   2 || length || rest, under the store key
                                     || slot || deadline || strict || value, under the slot's key

A state key is replaced when the unit's epoch changes, when a KeyPackage is used up, and once an
hour: a new key is made and durable; then one transaction writes what is new and seals the rest of
that state anew; then the old key is overwritten. Wherever that is cut off, one of the two keys
opens everything, and the next start overwrites the other.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from mifeng.errors import ProfileDamagedError
from mifeng.expiring import Expiring
from mifeng.store.sealing import Sealer, open_under, seal_under
from mifeng.store.vault import KeyName, SlotName, StateName, Vault

__all__ = ["KEY_PACKAGES", "Changes", "Keeper", "Prefix", "name_of", "scope_of"]

SECRETS, SECRET_TREE = b"e", b"s"
"""As `mls.group.epoch` calls the parts with secrets; all of MLS is not loaded for two letters,
before the profile is unlocked (see `mifeng.home`)."""

Changes = Mapping[tuple[str, bytes], bytes | None]
"""(table, key) -> the new value, or None to delete."""

ID_BYTES = 16
WHEN_BYTES = 17
KEY_PACKAGES = bytes(ID_BYTES)
"""The scope of the KeyPackages; no unit has this id."""

_STAYS, _STATE, _EXPIRES = b"\0", b"\1", b"\2"


class Prefix(NamedTuple):
    """Rows of a table whose keys begin so."""

    table: str
    key: bytes


def name_of(value: Expiring) -> SlotName:
    """The key that a value is sealed under."""
    return SlotName(value.unit_id, value.slot, value.deadline, int(value.strict))


def scope_of(table: str, key: bytes) -> bytes | None:
    """Whose state key a row is sealed under: a unit's or that of the KeyPackages; None for others.

    What waits in the outbox, and files on their way, have no slot yet, and share the fate of the
    state that will send them.
    """
    if table in ("pending", "outbox", "uploads"):
        return key[:ID_BYTES]
    if table == "key_packages":
        return KEY_PACKAGES
    if table == "mls" and key[ID_BYTES : ID_BYTES + 1] in (SECRETS, SECRET_TREE):
        return key[:ID_BYTES]
    return None


def rows_of(scope: bytes) -> tuple[Prefix, ...]:
    """Where a scope's rows are."""
    if scope == KEY_PACKAGES:
        return (Prefix("key_packages", b""),)
    return (
        Prefix("mls", scope + SECRETS),
        Prefix("mls", scope + SECRET_TREE),
        Prefix("pending", scope),
        Prefix("outbox", scope),
        Prefix("uploads", scope),
    )


class Keeper:
    """Seals and opens rows of all three kinds."""

    def __init__(self, sealer: Sealer, vault: Vault) -> None:
        self._sealer = sealer
        self._vault = vault

    # -------------------------------------------------------------- reading

    def open(self, table: str, key: bytes, stored: bytes) -> bytes:
        """Return a value; of one that has expired, what is left of it.

        Raises:
            ProfileDamagedError: not what was sealed for this place.
        """
        kind, body = stored[:1], stored[1:]
        if kind == _STATE:
            name = StateName(scope_of(table, key) or b"", int.from_bytes(body[:8], "big"))
            under = self._vault.get(name)
            if under is None:
                raise ProfileDamagedError(
                    "the vault has no key for this profile's state: the two are not of one moment; "
                    "link this device anew, or join with a new invite"
                )
            return open_under(under, table, key, body[8:])
        if kind == _EXPIRES:
            end = 4 + int.from_bytes(body[:4], "big")
            when = body[end : end + WHEN_BYTES]
            under = self._vault.get(_slot_name(key, when))
            if under is None:  # it is over, or locked; a row that was altered is neither
                return self._sealer.open(table, key + when, body[4:end])
            return open_under(under, table, key, body[end + WHEN_BYTES :])
        return self._sealer.open(table, key, body)

    @staticmethod
    def slot_of(key: bytes, stored: bytes) -> SlotName | None:
        """Return under which slot's key a row is sealed; None if under none."""
        if stored[:1] != _EXPIRES:
            return None
        end = 5 + int.from_bytes(stored[1:5], "big")
        return _slot_name(key, stored[end : end + WHEN_BYTES])

    # -------------------------------------------------------------- writing

    def replaced_by(self, changes: Changes) -> frozenset[bytes]:
        """Return the scopes whose state key has to be replaced along with these changes."""
        return frozenset(
            scope_of(table, key) or b""
            for (table, key), value in changes.items()
            if (table == "mls" and key[ID_BYTES:] == SECRETS)
            or (table == "key_packages" and value is None)
        )

    def wanted(self, changes: Changes, replace: Collection[bytes]) -> list[KeyName]:
        """Return the keys that these changes need; the vault makes those that there are not."""
        names = dict[KeyName, None]()
        for (table, key), value in changes.items():
            if isinstance(value, Expiring):
                names[name_of(value)] = None
            elif value is not None and (scope := scope_of(table, key)) and scope not in replace:
                names[self._newest(scope) or StateName(scope, 1)] = None
        for scope in replace:
            newest = self._newest(scope)
            names[StateName(scope, newest.serial + 1 if newest else 1)] = None
        return list(names)

    def seal(self, table: str, key: bytes, value: bytes) -> bytes:
        """Return what to store; the keys are there: see `prepare`."""
        if isinstance(value, Expiring):
            return self._seal_expiring(table, key, value)
        scope = scope_of(table, key)
        if scope is None:
            return _STAYS + self._sealer.seal(table, key, value)
        name = self._newest(scope)
        under = self._vault.get(name) if name else None
        assert name is not None, "the vault has made what is `wanted`"
        assert under is not None, "the vault has made what is `wanted`"
        sealed = seal_under(under, table, key, value, rng=self._sealer.rng)
        return _STATE + name.serial.to_bytes(8, "big") + sealed

    def _seal_expiring(self, table: str, key: bytes, value: Expiring) -> bytes:
        assert key.startswith(value.unit_id), "rows of content begin with their unit"
        under = self._vault.get_to_seal(name_of(value))
        if under is None and value.strict:  # the server has destroyed its share, or keeps it back
            return _STAYS + self._sealer.seal(table, key, value.rest)
        assert under is not None, "the vault has made what is `wanted`"
        when = value.slot.to_bytes(8, "big") + value.deadline.to_bytes(8, "big")
        when += bytes([value.strict])
        rest = self._sealer.seal(table, key + when, value.rest)
        stored = _EXPIRES + len(rest).to_bytes(4, "big") + rest
        return stored + when + seal_under(under, table, key, value, rng=self._sealer.rng)

    def replaced(self, scope: bytes, stored: Iterable[bytes]) -> list[StateName]:
        """Return the keys of a scope under which none of its rows is: all that are stored."""
        used = {int.from_bytes(row[1:9], "big") for row in stored if row[:1] == _STATE}
        return [name for name in self._vault.states(scope) if name.serial not in used]

    def _newest(self, scope: bytes) -> StateName | None:
        names = self._vault.states(scope)
        return names[-1] if names else None


def _slot_name(key: bytes, when: bytes) -> SlotName:
    return _name_of(key[:ID_BYTES], when)


@functools.lru_cache(256)
def _name_of(unit_id: bytes, when: bytes) -> SlotName:
    """Remembered: a start reads thousands of rows of a few slots."""
    slot, deadline = int.from_bytes(when[:8], "big"), int.from_bytes(when[8:16], "big")
    return SlotName(unit_id, slot, deadline, when[16])
