"""What the verbs of the domain share: contracts to the outside, and what is held in memory.

The roster and the units in use are held as values that each decision replaces. They may be ahead
of the disk by what is being written; if that fails they are forgotten, and read again after
everything under way has settled.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_server.domain.limits import Buckets, Limiter
from mifeng_server.domain.protocols import Blobs, Locks, Notary, Notify, Shares, Store
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import TokenRow
from mifeng_server.domain.unit import Unit, load_unit

__all__ = ["COMMITS_AT_ONCE", "LEDGERS", "ROSTER_COUNTER", "Doors", "House"]

LEDGERS = b"ledgers"
"""The lock under which roster and charters grow: a grant and a removal must not miss each other."""

ROSTER_COUNTER = "roster"
"""Counts the roster's entries: each append swaps it, so that none can follow one that failed."""

COMMITS_AT_ONCE = 30
"""How many commits a device may attempt in a unit before it is slowed down to one a second."""

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
    _roster: Roster | None = None
    _roster_is_read: bool = False
    _units: OrderedDict[bytes, Unit] = field(default_factory=OrderedDict)
    tokens: OrderedDict[bytes, TokenRow] = field(default_factory=OrderedDict)
    nonce_key: bytes | None = None
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

    async def unit(self, unit_id: bytes) -> Unit | None:
        """Return a unit as it is now, to look at."""
        unit = self._units.get(unit_id)
        if unit is not None:
            return unit
        # Under its lock: reading takes several steps, and nothing may be written between them.
        async with self.locks.of(unit_id):
            return await self.unit_held(unit_id)

    def units_in_memory(self) -> int:
        return len(self._units)

    def unit_in_use(self, unit_id: bytes) -> Unit | None:
        """Return a unit if it is in memory: what nobody has used for long is not."""
        return self._units.get(unit_id)

    async def unit_held(self, unit_id: bytes) -> Unit | None:
        """Return a unit whose lock the caller holds, to decide on."""
        unit = self._units.get(unit_id)
        if unit is None:
            roster = await self.roster()
            await self.store.settle()
            unit = await load_unit(self.store, unit_id, roster) if roster else None
            if unit is None:
                return None
            self._units[unit_id] = unit
            while len(self._units) > UNITS_IN_MEMORY:
                self._units.popitem(last=False)
        self._units.move_to_end(unit_id)
        return unit

    def hold(self, roster: Roster | None, units: tuple[Unit, ...]) -> None:
        """Take what was decided as the state to decide on next."""
        if roster is not None:
            self._roster, self._roster_is_read = roster, True
        for unit in units:
            self._units[unit.row.unit_id] = unit

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
