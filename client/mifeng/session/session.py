"""The state in memory, always as it is on the disk; catching up with the server; going live.

    receive -> core step -> save (one transaction) -> only then: memory, events, send

Each unit has its turn: one step at a time for one unit, several units side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from mifeng.core import alarms
from mifeng.core.catch_up import check_not_shorter
from mifeng.core.charters import read
from mifeng.core.events import Event
from mifeng.core.people import People
from mifeng.core.profile import Enrolled, Profile
from mifeng.core.readd import state_lost
from mifeng.core.rows import Changes, UnitRecord, UnitStatus, number
from mifeng.core.titles import Titles
from mifeng.core.unit import Unit, changes_between, from_rows
from mifeng.errors import (
    AccessEndedError,
    ProfileDamagedError,
    ServerIdentityError,
    ServerProblem,
)
from mifeng.home import Home
from mifeng.net import Api, Signer
from mifeng.session import (
    applying,
    charters,
    directory,
    door,
    expiry,
    notary,
    readd,
    roster,
    roster_store,
    slots,
    uploads,
)
from mifeng.session.history.histories import Histories
from mifeng.session.live import Live
from mifeng.session.log_pages import LogPages
from mifeng.session.reading import Reading
from mifeng.session.starts import Starts
from mifeng.session.timelines import Timelines
from mifeng.store import to_the_end
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError, UsageError
from mifeng_crypto.expiry import start_clock
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogEntry
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode

__all__ = ["Session"]

STALE_MS = 5 * 60 * 1000
"""Whoever has not heard of a unit for so long looks before it sends (ALARM-2)."""


class Session:
    """One open profile. `load` it, `sync` it, and `close` it."""

    def __init__(
        self, home: Home, profile: Profile, *, now: Callable[[], UnixMillis], rng: Rng
    ) -> None:
        self.home = home
        self.profile = profile
        self.rng = rng
        self.roster: Roster | None = None
        self.snapshot_at = 0
        self.people = People({})
        self.titles = Titles({})
        self.is_asked_for_keys = True
        """Whether somebody may lack the directory's key, whom this device could give it."""
        self.rotating = asyncio.Lock()
        self.units: dict[UnitId, Unit] = {}
        self.charters: dict[UnitId, Charter] = {}
        """Of units that this device is not in: those above its own, and those that it manages."""
        self.troubles: dict[UnitId, MifengError] = {}
        """Why a unit stands still, until it moves again."""
        self.asked_to_be_let_in: dict[UnitId, UnixMillis] = {}
        """When the server took this device's word that it cannot go on in a unit."""
        self.asked_for_keys: dict[tuple[UnitId, bytes], UnixMillis] = {}
        self.delivered: dict[tuple[UnitId, int], int] = {}
        """Where in the log the outbox's items have gone, until their sender has asked."""
        self.api = Api(profile.addresses, profile.tls_pin, now=now, rng=rng)
        self.losses: dict[UnitId, alarms.Losses] = {}
        """This device's own commits that were not accepted."""
        self.heard_at: dict[UnitId, UnixMillis] = {}
        """When a unit's log was last known to its head."""
        self.timelines = Timelines(self)
        self.reading = Reading()
        self._wall = now
        self.clock = start_clock(now=now(), high_water=UnixMillis(0))
        self.expiring = asyncio.Lock()
        self._timer: expiry.Timer | None = None
        self._starts = Starts(self)
        self._turns: dict[UnitId | None, asyncio.Lock] = {}
        self._live: Live | None = None
        self._coming_in = asyncio.Lock()
        self._at_the_door = asyncio.Lock()
        self.at_the_notary, self._stocking = asyncio.Lock(), asyncio.Lock()
        self.history = Histories(self)

    # -------------------------------------------------------------- opening and closing

    @classmethod
    async def load(cls, home: Home, *, now: Callable[[], UnixMillis], rng: Rng) -> Session:
        """Read everything from the disk; no word to the server yet.

        Raises:
            ProfileDamagedError: something was changed from outside, or is of another version.
            UsageError: the profile was never finished.
        """
        try:
            return await cls._load(home, now=now, rng=rng)
        except CodecError as err:  # it was sealed by this device, so it was not damaged
            raise ProfileDamagedError(
                "this profile was written by another version of mifeng; use that one, or join again"
            ) from err

    @classmethod
    async def _load(cls, home: Home, *, now: Callable[[], UnixMillis], rng: Rng) -> Session:
        stored = await home.database.get("profile", b"")
        if stored is None:
            raise UsageError("this profile was never finished; delete its folder and join again")
        session = cls(home, Profile.decode(stored), now=now, rng=rng)
        session.use_device()
        session.clock = await expiry.read_clock(session, now())
        home.vault.lock(session.clock.effective)
        await roster_store.load(session)
        roster = session.roster
        session.charters = read(await home.database.scan("charter"), roster) if roster else {}
        for key, record in await home.database.scan("units"):
            unit_id, began = UnitId(key), decode(UnitRecord, record).began.sequence
            session.units[unit_id] = from_rows(
                unit_id,
                record,
                charter=_taken(session.charters, unit_id),
                mls=await session._parts("mls", key),
                pending=await home.database.get("pending", key),
                timeline=(await session._parts("messages", key, after=number(began))).items(),
                outbox=await session._parts("outbox", key),
            )
        session.people = People.from_rows(await home.database.scan("cards")).by(roster)
        session.titles = Titles.from_rows(await home.database.scan("unit_cards"))
        await expiry.expire(session)
        await readd.let_go(session)
        await expiry.renew_state_keys(session)
        await uploads.sweep(session)
        return session

    async def close(self) -> None:
        """Stop listening, close the line and the profile."""
        if self._timer is not None:
            await self._timer.close()
        await self.history.close()
        if self._live is not None:
            await self._live.close()
        await self.timelines.close()
        self.reading.close()
        await self.api.close()
        await self.home.close()

    def expire_on_time(self, *, uptime_ms: Callable[[], int]) -> None:
        """Let what is over be destroyed for as long as the profile is open; see `expiry.Timer`."""
        self._timer = expiry.Timer(self, uptime_ms=uptime_ms)

    def use_device(self) -> None:
        """Log in as this device from now on."""
        profile = self.profile
        signer = Signer(profile.workspace_id, profile.author, profile.signature_key)
        self.api.use(signer, on_login=self._starts)

    @property
    def known_roster(self) -> Roster:
        """The roster.

        Raises:
            UsageError: this device has never seen it.
        """
        if self.roster is None:
            raise _not_in_yet()
        return self.roster

    def now(self) -> UnixMillis:
        """The effective time: the clock's, but never before what the server has accepted."""
        seen = (unit.last_accepted_at for unit in self.units.values())
        return UnixMillis(max(self._wall(), *seen, 0))

    def wall(self) -> UnixMillis:
        """What the device's clock shows. To judge by are `now`, and for expiry `effective`."""
        return self._wall()

    def effective(self) -> UnixMillis:
        """The time by which content is shown or not: no server moves it."""
        return max(self.clock.effective, self._wall())

    def turn(self, unit_id: UnitId | None) -> asyncio.Lock:
        """The lock of one unit; None is that of the ledgers and the list of units."""
        return self._turns.setdefault(unit_id, asyncio.Lock())

    def forget_who_had_no_keys(self, unit_id: UnitId) -> None:
        """Ask for everybody's KeyPackages again: somebody was just granted."""
        for key in [key for key in self.asked_for_keys if key[0] == unit_id]:
            del self.asked_for_keys[key]

    # -------------------------------------------------------------- saving

    async def save(self, changes: Changes) -> None:
        """Put a step's changes on the disk."""
        await self.home.database.save(changes)

    async def save_unit(self, unit: Unit, more: Changes | None = None) -> None:
        """Put a unit on the disk, with what else belongs to the step, and only then into memory."""
        changes = changes_between(self.units.get(unit.unit_id), unit)
        await to_the_end(self.keep_unit(unit, {**changes, **(more or {})}))

    async def keep_unit(self, unit: Unit, changes: Changes) -> None:
        """The same with all changes of the step; it goes `to_the_end`."""
        await self.save(changes)
        self.units[unit.unit_id] = unit

    async def save_profile(self, profile: Profile, changes: Changes | None = None) -> None:
        """Put the profile on the disk, and only then into memory."""
        changes = {("profile", b""): profile.encode(), **(changes or {})}
        await to_the_end(self._keep_profile(profile, changes))

    async def _keep_profile(self, profile: Profile, changes: Changes) -> None:
        await self.save(changes)
        self.profile = profile

    async def use_directory_key(self, key: Secret) -> None:
        """Keep the directory's present key; older ones are of no use any more."""
        await self.save_profile(dataclasses.replace(self.profile, directory_key=key))

    # -------------------------------------------------------------- catching up

    async def sync(self) -> None:
        """Catch up with everything, to the head.

        Raises:
            AccessEndedError: the server does not let this device in any longer.
            TransportError: the server was not reached.
            ProtocolError: it shows something that breaks a rule.
        """
        try:
            await self._sync()
        except ServerIdentityError as err:
            await roster.recognise(self, err)
            await self._sync()

    async def _sync(self) -> None:
        await self.come_in()
        with self.access():
            summary = await self.api.call("units", m.UnitsReply)
        await slots.fetch_missing(self)
        await self.follow_roster()
        await directory.follow(self)
        await self.join_units()
        told = {UnitId(unit.unit_id): unit.generation for unit in summary.units}
        await asyncio.gather(*(self._catch_up_quietly(u, told.get(u, 0)) for u in self.units))
        await door.wait_where_granted(self)
        await notary.follow(self)
        await expiry.expire(self)
        await readd.let_go(self)
        await uploads.give_back(self)
        await self.stock_key_packages()
        await directory.keep(self)

    async def come_in(self) -> None:
        """Bring this device into the roster, if founding or joining was interrupted before that.

        Raises:
            MifengError: as `enrolment.enrol`.
        """
        async with self._coming_in:
            if not isinstance(self.profile.stage, Enrolled):
                from mifeng.session.enrolment import enrol  # noqa: PLC0415 - it drives this class

                await enrol(self)

    async def _catch_up_quietly(self, unit_id: UnitId, generation: int) -> None:
        """One unit that stands still does not stop the others; its error waits for its user."""
        async with self.turn(unit_id):
            if unit_id not in self.units:
                return  # opening it was refused meanwhile
            with contextlib.suppress(AccessEndedError, CodecError, CryptoError, ProtocolError):
                try:
                    await self.catch_up(unit_id)
                except (CodecError, CryptoError, ProtocolError):
                    if generation > self.units[unit_id].generation:  # it was restarted meanwhile
                        await self.follow_charter(unit_id)
                        await door.leave_what_is_over(self, unit_id)

    async def catch_up(self, unit_id: UnitId) -> None:
        """Apply a unit's log to its head. The caller has the unit's turn.

        Raises:
            AccessEndedError: this device is not in the unit any longer.
            ProtocolError: the log breaks a rule; the unit stands where it stood.
        """
        if self.units[unit_id].status is not UnitStatus.ACTIVE and not self.units[unit_id].is_stuck:
            return
        try:
            if self.units[unit_id].epoch is None:
                raise state_lost()
            async with LogPages(self.api, unit_id, self.units[unit_id].generation) as pages:
                while True:
                    unit = self.units[unit_id]
                    with self.access(unit):
                        reply = await pages.after(unit.log.sequence)
                    await self.apply(unit_id, reply.entries)
                    reached = self.units[unit_id]
                    if reached.status is not UnitStatus.ACTIVE:
                        return
                    if reached.log.sequence >= reply.head_sequence:
                        break
                    if not reply.entries:
                        raise ProtocolError("CLIENT-3", "the server withholds entries of the log")
            check_not_shorter(reached, reply.head_sequence)
        except (AccessEndedError, CodecError, CryptoError, ProtocolError) as err:
            await readd.stand_still(self, unit_id, err)
            raise
        self.troubles.pop(unit_id, None)
        self.heard_now(unit_id)

    def heard_now(self, unit_id: UnitId) -> None:
        """Note that a unit's log is known to its head."""
        self.heard_at[unit_id] = self._wall()

    async def catch_up_if_stale(self, unit_id: UnitId) -> None:
        """Catch up, if that was long ago: who sends has seen what there is. The caller has the
        unit's turn.
        """
        if self._wall() - self.heard_at.get(unit_id, 0) > STALE_MS:
            await self.catch_up(unit_id)

    async def apply(
        self,
        unit_id: UnitId,
        entries: list[bytes] | list[LogEntry],
        more: Changes | None = None,
    ) -> None:
        """Apply entries that are here; fetch the ledgers if they speak of newer ones.

        What is refused becomes an alarm. `more` is saved in the same transaction.
        """
        await applying.apply(self, unit_id, entries, more)

    async def follow_roster(self) -> None:
        """Fetch and verify what is new in the roster."""
        with self.access():
            await self.fetch_roster()

    async def fetch_roster(self) -> None:
        """The same; a server that does not let this device in is reported as it says so."""
        async with self.turn(None):
            await roster.fetch(self)

    async def follow_charter(self, unit_id: UnitId) -> None:
        """Fetch and verify what is new in the charter of a unit that this device knows."""
        await charters.follow(self, unit_id)

    def charter(self, unit_id: UnitId | None) -> Charter | None:
        """Return a unit's charter as far as it is known here, whether in the unit or not."""
        if unit_id is None:
            return None
        unit = self.units.get(unit_id)
        return unit.charter if unit is not None else self.charters.get(unit_id)

    async def join_units(self) -> None:
        """Join by each Welcome that waits; one that is refused is forgotten and named."""
        async with self._at_the_door:
            await door.join_units(self)

    async def stock_key_packages(self) -> None:
        """Publish KeyPackages of each suite of which half are used."""
        async with self._stocking:
            await door.stock_key_packages(self)

    # -------------------------------------------------------------- live

    @property
    def live(self) -> Live:
        """What the server pushes, from the first use until `close`."""
        if self._live is None:
            self._live = Live(self)
        return self._live

    @property
    def is_heard(self) -> bool:
        """Whether anybody may be listening to events."""
        return self._live is not None

    def tell(self, event: Event) -> None:
        """Hand an event to whoever listens; it is on the disk already."""
        if self._live is not None:
            self._live.tell(event)

    # -------------------------------------------------------------- inside

    async def _parts(self, table: str, prefix: bytes, *, after: bytes = b"") -> dict[bytes, bytes]:
        rows = await self.home.database.scan(table, prefix, after=prefix + after)
        return {key[len(prefix) :]: value for key, value in rows}

    @contextlib.contextmanager
    def access(self, unit: Unit | None = None) -> Iterator[None]:
        """Say in a user's words that the server does not let this device in."""
        try:
            yield
        except ServerProblem as err:
            if err.code is ProblemCode.UNAUTHENTICATED:
                if not isinstance(self.profile.stage, Enrolled):
                    raise _not_in_yet() from err
                raise AccessEndedError(
                    "this device is no longer in the workspace; ask an administrator for an invite"
                ) from err
            if unit is not None and err.code in (ProblemCode.FORBIDDEN, ProblemCode.NOT_FOUND):
                raise AccessEndedError(
                    "you are no longer in {unit}; ask one of its managers", unit=unit.title
                ) from err
            raise


def _not_in_yet() -> UsageError:
    return UsageError("this profile has not reached its server yet; try again")


def _taken(charters: dict[UnitId, Charter], unit_id: UnitId) -> Charter:
    charter = charters.pop(unit_id, None)
    if charter is None:
        raise ProfileDamagedError("a unit's charter is missing in this profile; join again")
    return charter
