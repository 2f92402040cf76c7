"""What the verbs of the domain share: contracts to the outside, and what is held in memory.

The roster and the units in use are held as values that each decision replaces. They may be ahead
of the disk by what is being written; if that fails they are forgotten, and read again after
everything under way has settled. Where other nodes write to the same store they may be behind: then
a decision's writes fail (compare-and-swap), and it is made again on what is there (`following.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from contextvars import ContextVar
from dataclasses import dataclass, field

from mifeng_crypto.errors import MifengError
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_server.domain.digests import Digests
from mifeng_server.domain.following import (
    ROSTER_COUNTER,
    follow_roster,
    follow_unit,
    roster_sequence,
)
from mifeng_server.domain.limits import Buckets, Limiter
from mifeng_server.domain.protocols import Blobs, Locks, Notary, Notify, Shares, Store
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import TokenRow, UnitRow
from mifeng_server.domain.unit import Unit

__all__ = ["COMMITS_AT_ONCE", "CONSULTED", "LEDGERS", "ROSTER_COUNTER", "Doors", "House"]

LEDGERS = b"ledgers"
"""The lock under which roster and charters grow: a grant and a removal must not miss each other."""

COMMITS_AT_ONCE = 30
"""How many commits a device may attempt in a unit before it is slowed down to one a second."""

CONSULTED: ContextVar[set[bytes] | None] = ContextVar("consulted", default=None)
"""The units that the decision under way has looked at; None where nobody wants to know."""

UNITS_IN_MEMORY = 2_000
TOKENS_IN_MEMORY = 20_000


@dataclass(frozen=True, slots=True)
class Doors:
    """How clients reach this server: what a login must have been made for.

    `tls_pin` is None where the server does no TLS of its own.
    """

    addresses: tuple[str, ...]
    tls_pin: bytes | None


@dataclass(slots=True, kw_only=True)
class House:
    """The server's state. One per process and database."""

    store: Store
    blobs: Blobs
    shares: Shares
    locks: Locks
    notify: Notify
    notary: Notary
    rng: Rng
    doors: Doors
    quotas: Quotas = field(default_factory=Quotas)
    limiter: Limiter = field(default_factory=Limiter)
    digests: Digests = field(default_factory=Digests)
    _roster: Roster | None = None
    _roster_is_read: bool = False
    _units: OrderedDict[bytes, Unit] = field(default_factory=OrderedDict)
    _durable: dict[bytes, Unit] = field(default_factory=dict)
    tokens: OrderedDict[bytes, TokenRow] = field(default_factory=OrderedDict)
    nonce_key: bytes | None = None
    node: bytes = b""
    draining: bool = False
    commits: Buckets = field(default_factory=lambda: Buckets(1, COMMITS_AT_ONCE))

    async def roster(self) -> Roster | None:
        """Return the roster, or None before the workspace is founded."""
        if not self._roster_is_read:
            await self.store.settle()
            roster = await load_roster(self.store)
            if not self._roster_is_read:
                self._roster, self._roster_is_read = roster, True
        return self._roster

    async def freshen(self) -> Roster | None:
        """Return the roster with what other nodes have appended until now."""
        if self.store.shared:
            known = self._roster.head.sequence if self._roster else 0
            if await roster_sequence(self.store) > known or not self._roster_is_read:
                await self._follow_roster()
        return await self.roster()

    async def _follow_roster(self) -> None:
        """Without a lock: what this node decides meanwhile stays, and meets its conflict itself."""
        while True:
            await self.store.settle()
            known = self._roster
            if known is None:
                self._roster_is_read = False
                return
            try:
                found = await follow_roster(self.store, known)
            except MifengError:
                found = None  # what we held was never written
            if self._roster is known:
                self._roster, self._roster_is_read = found, found is not None
                return

    async def unit(self, unit_id: bytes) -> Unit | None:
        """Return a unit as it is now, to look at."""
        unit = self._units.get(unit_id)
        if unit is not None and not await self._is_behind(unit):
            return unit
        # Under its lock: reading takes several steps, and nothing may be written between them.
        async with self.locks.of(unit_id):
            if unit is not None:
                await self.follow(unit_id)
            return await self.unit_held(unit_id)

    async def _is_behind(self, unit: Unit) -> bool:
        """Whether another node has written to it; what we are writing ourselves is ahead."""
        if not self.store.shared:
            return False
        row = await self.store.get(UnitRow, unit.unit_id)
        place = (unit.row.generation, unit.row.log_sequence)
        return row is not None and row != unit.row and (row.generation, row.log_sequence) >= place

    async def follow(self, unit_id: bytes) -> bool:
        """Bring a unit whose lock the caller holds up to what is in the store.

        Returns:
            Whether it was behind.
        """
        before = self._units.get(unit_id)
        found = await self._read_unit(unit_id)
        if found is not None:
            self._keep(found)
        return found is not None and (before is None or found.row != before.row)

    async def _read_unit(self, unit_id: bytes) -> Unit | None:
        """Return a unit as it is in the store, from where it was durable when we knew it last."""
        await self.store.settle()
        for left in reversed(range(3)):
            roster = await self.freshen()
            if roster is None:
                return None
            try:
                return await follow_unit(self.store, unit_id, roster, self._durable.get(unit_id))
            except MifengError:
                # Its heads may name a roster entry that came after we had looked.
                if not left or not self.store.shared:
                    raise
        return None

    def units_in_memory(self) -> int:
        return len(self._units)

    def unit_in_use(self, unit_id: bytes) -> Unit | None:
        """Return a unit if it is in memory: what nobody has used for long is not."""
        return self._units.get(unit_id)

    async def unit_held(self, unit_id: bytes) -> Unit | None:
        """Return a unit whose lock the caller holds, to decide on."""
        consulted = CONSULTED.get()
        if consulted is not None:
            consulted.add(unit_id)
        unit = self._units.get(unit_id)
        if unit is None:
            unit = await self._read_unit(unit_id)
            if unit is None:
                return None
            self._keep(unit)
        self._units.move_to_end(unit_id)
        return unit

    def _keep(self, unit: Unit) -> None:
        self._units[unit.unit_id] = unit
        if self.store.shared:
            self._durable[unit.unit_id] = unit
        while len(self._units) > UNITS_IN_MEMORY:
            gone, _ = self._units.popitem(last=False)
            self._durable.pop(gone, None)

    def hold(self, roster: Roster | None, units: tuple[Unit, ...]) -> None:
        """Take what was decided as the state to decide on next."""
        if roster is not None:
            self._roster, self._roster_is_read = roster, True
        for unit in units:
            self._units[unit.row.unit_id] = unit

    def became_durable(self, units: tuple[Unit, ...]) -> None:
        """Remember where to go on from if what is being written on top of it fails."""
        if self.store.shared:
            for unit in units:
                if unit.unit_id in self._units:
                    self._durable[unit.unit_id] = unit

    def forget(self, roster: Roster | None, units: tuple[Unit, ...]) -> None:
        """Drop what was held and could not be written."""
        if roster is not None:
            self._roster, self._roster_is_read = None, False
        for unit in units:
            self._units.pop(unit.row.unit_id, None)

    def keep_token(self, row: TokenRow) -> None:
        self.tokens[row.token_hash] = row
        while len(self.tokens) > TOKENS_IN_MEMORY:
            self.tokens.popitem(last=False)

    def forget_tokens(self, device_id: bytes | None = None) -> None:
        """Look a device's tokens up again, or everybody's: another node may have voided them."""
        known = self.tokens.items()
        gone = [name for name, row in known if device_id in (None, row.device_id)]
        for name in gone:
            del self.tokens[name]
