"""Which key stands behind which content, and when each of them died.

Instrumented calls emit what happens: a key comes into a vault, seals content or private MLS state,
is overwritten. From that the invariant is checked (protocol.md, "Expiry"): of every key that
protects content each wrapper, and for a derivation (a message's key from the ratchets of its epoch)
a parent without which it cannot be made again, is destroyed no later than the content's deadline
and the 15 minutes after it. Whatever was ever sealed counts, also what the database has overwritten
since: a disk remembers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mifeng.core.rows import JoinRecord, PartRecord, TakeRecord, TimelineRecord
from mifeng.store import SlotName, StateName, Vault
from mifeng.store.keeping import Keeper, scope_of
from mifeng_crypto.errors import CodecError
from mifeng_crypto.expiry.slot import DESTROY_WITHIN_MS
from mifeng_crypto.secret import MortalKey
from mifeng_crypto.tls import decode

__all__ = ["IMMORTAL", "Edge", "Ledger"]

IMMORTAL = "store key"


def _label(vault: Vault, name: SlotName | StateName) -> str:
    return f"{name} of vault {vault._id.hex()[:8]}"


@dataclass(frozen=True)
class Edge:
    """`key` opens `content`, or what derives its key; `deadline` is the content's."""

    key: str
    content: str
    deadline: int
    how: str


@dataclass
class Ledger:
    """What has happened on all devices of a test.

    Attributes:
        born, died: when, by the name of a key.
        edges: what each key protects.
        states: the state keys that have sealed private state of a unit on a device so far.
    """

    now: Callable[[], int]
    born: dict[str, int] = field(default_factory=dict)
    died: dict[str, int] = field(default_factory=dict)
    edges: set[Edge] = field(default_factory=set)
    states: dict[tuple[int, bytes], set[str]] = field(default_factory=dict)
    joined: dict[tuple[int, bytes], int] = field(default_factory=dict)
    """Where a device came into a unit: what stands before was handed over to it."""
    _names: dict[int, str] = field(default_factory=dict)
    _held: list[object] = field(default_factory=list)

    # -------------------------------------------------------------- emitted

    def made(self, vault: Vault, name: SlotName | StateName, key: MortalKey) -> None:
        """A key has come into a vault, or was read from it."""
        label = _label(vault, name)
        self._names[id(key)] = label
        self._held.append(key)  # so that no other one gets its identity
        self.born.setdefault(label, self.now())

    def wiped_on_disk(self, vault: Vault, name: SlotName | StateName) -> None:
        """A key was overwritten."""
        label = _label(vault, name)
        self.died.setdefault(label, self.now())

    def label_of(self, keeper: Keeper, table: str, key: bytes, stored: bytes) -> str:
        """Return which key a row was sealed under."""
        vault, scope = keeper._vault, scope_of(table, key)
        under: MortalKey | None = None
        if scope is not None and stored[:1] == b"\x01":
            under = vault.get(StateName(scope, int.from_bytes(stored[1:9], "big")))
        elif (name := keeper.slot_of(key, stored)) is not None:
            under = vault.get_to_seal(name)
        return self._names[id(under)] if under is not None else IMMORTAL

    def sealed(self, keeper: Keeper, table: str, key: bytes, value: bytes, stored: bytes) -> None:
        """A row goes to the disk."""
        vault = keeper._vault
        scope, label = scope_of(table, key), self.label_of(keeper, table, key, stored)
        if scope is not None:
            self.states.setdefault((id(vault), scope), set()).add(label)
        if table == "history":
            self._of_a_history(keeper, key, value, stored)
        if table != "messages":
            return
        try:
            record = decode(TimelineRecord, bytes(value))
        except CodecError:
            return
        if not record.content:
            return
        content = f"message {key.hex()} of {id(vault)}"
        self.edges.add(Edge(label, content, record.deadline, "seals"))
        # Whatever sealed the ratchets before this message was taken from them derives its key; of
        # what was handed over those of another device.
        if int.from_bytes(key[16:], "big") < self.joined.get((id(vault), key[:16]), 0):
            return
        for state in self.states.get((id(vault), key[:16]), ()):
            self.edges.add(Edge(state, content, record.deadline, "derives"))

    def _of_a_history(self, keeper: Keeper, key: bytes, value: bytes, stored: bytes) -> None:
        """The secret of a part, at who hands over and at who takes; and where a device came in."""
        vault = keeper._vault
        if key[16:] == b"j":
            joined = decode(JoinRecord, bytes(value)).joined.sequence
            self.joined[id(vault), key[:16]] = joined
        kind = {b"p": PartRecord, b"t": TakeRecord}.get(key[16:17])
        if kind is not None and value:
            name = keeper.slot_of(key, stored)
            slot_key = vault.get_to_seal(name) if name is not None else None
            label = self._names[id(slot_key)] if slot_key is not None else IMMORTAL
            content = f"part {key.hex()} of {id(vault)}"
            deadline: int = decode(kind, bytes(value)).part.deadline
            self.edges.add(Edge(label, content, deadline, "seals"))

    # -------------------------------------------------------------- judged

    def violations(self) -> list[str]:
        """Return what breaks the invariant by now."""
        now, found = self.now(), []
        for edge in self.edges:
            latest = edge.deadline + DESTROY_WITHIN_MS
            if now <= latest:
                continue
            died = self.died.get(edge.key)
            if died is None or died > latest:
                when = "never" if died is None else f"{(died - latest) / 3_600_000:.1f} h late"
                found.append(f"{edge.key} {edge.how} {edge.content} and died {when}")
        return sorted(found)

    @property
    def over(self) -> int:
        """How many edges to content there are whose time is over."""
        return sum(edge.deadline + DESTROY_WITHIN_MS < self.now() for edge in self.edges)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Ledger]:
        """Instrument the calls."""
        hold, destroy, seal = Vault._hold, Vault.destroy, Keeper.seal
        ledger = self

        def holding(vault: Vault, name: Any, key: MortalKey, cell: int) -> None:  # noqa: ANN401
            ledger.made(vault, name, key)
            hold(vault, name, key, cell)

        def destroying(vault: Vault, names: Any) -> None:  # noqa: ANN401 - passed on
            destroy(vault, names)
            for name in names:
                if name not in vault._keys:
                    ledger.wiped_on_disk(vault, name)

        def keeping(keeper: Keeper, table: str, key: bytes, value: bytes) -> bytes:
            stored = seal(keeper, table, key, value)
            ledger.sealed(keeper, table, key, value, stored)
            return stored

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Vault, "_hold", holding)
            patch.setattr(Vault, "destroy", destroying)
            patch.setattr(Keeper, "seal", keeping)
            yield self
