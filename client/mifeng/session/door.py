"""Into units: the Welcomes that wait for this device, the KeyPackages by which others add it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mifeng.core import joining, key_packages, outbox
from mifeng.core.events import UnitJoined
from mifeng.core.own_time import AheadError, check_time
from mifeng.core.readd import welcome_refused
from mifeng.core.rows import UnitStatus, ledger_rows
from mifeng.core.unit import changes_between
from mifeng.errors import AccessEndedError, ServerProblem
from mifeng.session import charters, notary, readd
from mifeng.session.history.noting import joined
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError
from mifeng_crypto.ids import GroupId, UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError, SplitViewError
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.mls.group import KeyPackageBundle
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["join_units", "leave_what_is_over", "stock_key_packages", "wait_where_granted"]

BATCH = 500
"""Entries of a log that are fetched at once."""


async def join_units(session: Session) -> None:
    """Join by each Welcome that waits, and forget it; one that does not hold is named."""
    with session.access():
        reply = await session.api.call("welcomes", m.WelcomesReply)
    # A Welcome that is listed no more was for a unit from which this member was revoked meanwhile.
    listed = {item.unit_id for item in reply.welcomes}
    for unit_id in session.troubles.keys() - session.units.keys() - listed:
        del session.troubles[unit_id]
    for at, item in enumerate(reply.welcomes):
        is_last = all(other.unit_id != item.unit_id for other in reply.welcomes[at + 1 :])
        try:
            await _join(session, item)
        except (CodecError, CryptoError, ProtocolError) as err:
            session.troubles[UnitId(item.unit_id)] = err
            if is_last and not await _is_of_no_use(session, item, err):
                continue
        await session.api.call("ack_welcome", path={"welcome_id": item.welcome_id})


async def _is_of_no_use(session: Session, item: m.WelcomeItem, err: MifengError) -> bool:
    """Ask for another Welcome in place of one that does not hold; tell whether to forget it.

    What the server withholds or contradicts is the server's to explain, and a clock is to be set:
    the Welcome waits for that.
    """
    if isinstance(err, AheadError | NeedLedgerError | SplitViewError):
        return False
    if getattr(err, "rule", "") == "CLIENT-3":
        return False
    unit_id = UnitId(item.unit_id)
    async with session.turn(unit_id):
        unit = session.units.get(unit_id)
        if unit is not None and unit.status is UnitStatus.ACTIVE:
            return True  # it is in already, and goes on by the log
        group = GroupId(unit_id, item.generation)
        return await readd.ask(session, group, welcome_refused(err))


async def _join(session: Session, item: m.WelcomeItem) -> None:
    unit_id = UnitId(item.unit_id)
    async with session.turn(unit_id):
        if _knows_more(session, item):
            return  # a crash between saving and acknowledging; never back
        if unit_id in session.units:  # first all that can be read of the earlier stay
            with contextlib.suppress(AccessEndedError, CodecError, CryptoError, ProtocolError):
                await session.catch_up(unit_id)
            if _knows_more(session, item):
                return
        before = session.units.get(unit_id)
        ref, bundle = await _bundle_for(session, item)
        with _is_there():
            tree = await session.api.call(
                "tree", path={"unit_id": unit_id, "tree_hash": item.tree_hash}
            )
        opened = joining.open_welcome(item, bundle, tree)
        await session.follow_roster()
        with _is_there():
            charter, entries = await charters.fetch(session, unit_id, None)
        if before is not None:
            charter.check_has(before.charter.head)  # never back to a shorter one
        if item.generation < charter.generation().number:
            return  # restarted since: whoever opened the next one lets this device in there
        joining.check_generation(item, charter, before)
        with _is_there():
            log = await _up_to_the_commit(session, item, opened)
        check_time(log[-1].header, now=session.effective())
        unit = joining.accept(item, opened, log, roster=session.known_roster, charter=charter)
        if before is not None:  # what was left of an earlier stay
            if before.group == unit.group and before.log.sequence == unit.log.sequence:
                before.log.check_has(unit.log.head)  # the commit that took it out lets it in
            unit = outbox.carried_over(before, unit)
        await session.save(
            {
                **changes_between(before, unit),
                **ledger_rows("charter", unit_id, 0, entries),
                **await joined(session, unit, log[-1]),
                ("key_packages", ref): None,
            }
        )
        session.units[unit_id] = unit
        charters.tell_of_restart(session, before.charter if before else None, charter)
        if before is not None:
            await notary.hold_restart(session, before, charter)
        session.charters.pop(unit_id, None)
        session.troubles.pop(unit_id, None)
        session.asked_to_be_let_in.pop(unit_id, None)
    missed = 0
    if before is not None:
        begins = charter.generation().begins  # behind it comes the first `heads`
        missed = item.sequence - 1 - max(before.log.sequence, begins + 1)
    session.tell(UnitJoined(unit_id, missed))


async def leave_what_is_over(session: Session, unit_id: UnitId) -> None:
    """Read what can be read of a generation that is over, and wait to be let into the next one.

    The caller has the unit's turn, and has followed its charter.
    """
    unit = session.units[unit_id]
    if not unit.is_over or unit.status is not UnitStatus.ACTIVE:
        return
    with contextlib.suppress(AccessEndedError, CodecError, CryptoError, ProtocolError):
        await session.catch_up(unit_id)  # its log ends with the `heads` that ends it
    unit = session.units[unit_id]
    if unit.status is UnitStatus.ACTIVE:  # what could not be processed stands before that
        await session.save_unit(dataclasses.replace(unit, status=UnitStatus.WAITING))
    session.troubles.pop(unit_id, None)


async def wait_where_granted(session: Session) -> None:
    """Tell units in which somebody will let this device in from those that it was revoked from
    while it waited: no log says so to who is not in.
    """
    me = session.profile.member_id
    for unit_id in [u for u, unit in session.units.items() if unit.status is UnitStatus.WAITING]:
        async with session.turn(unit_id):
            if session.units[unit_id].status is not UnitStatus.WAITING:
                continue
            try:
                with session.access(session.units[unit_id]):
                    charter = await charters.follow(session, unit_id)
                if charter.role_of(me) is None:
                    raise AccessEndedError(
                        "you are no longer in {unit}; ask one of its managers",
                        unit=session.units[unit_id].title,
                    )
            except AccessEndedError as err:
                session.troubles[unit_id] = err
            except (CodecError, CryptoError, ProtocolError):
                continue  # an alarm says what is wrong with its charter
            else:
                if isinstance(session.troubles.get(unit_id), AccessEndedError):
                    del session.troubles[unit_id]


async def _up_to_the_commit(
    session: Session, item: m.WelcomeItem, opened: joining.Opened
) -> list[LogEntry]:
    """Fetch the log from behind what the Welcome's author had seen, without what was said there."""
    after, log = opened.seen.sequence, list[LogEntry]()
    while after < item.sequence:
        reply = await session.api.call(
            "log",
            m.LogReply,
            path={"unit_id": UnitId(item.unit_id)},
            query={
                "generation": item.generation,
                "after": after,
                "limit": min(item.sequence - after, BATCH),
            },
        )
        entries = [decode(LogEntry, entry) for entry in reply.entries]
        if not entries or entries[-1].header.sequence <= after:
            raise ProtocolError("CLIENT-3", "the server withholds entries of the log")
        after = entries[-1].header.sequence
        log += (
            LogEntry(entry.header, b"") if entry.header.kind is EntryKind.MESSAGE else entry
            for entry in entries
        )
    if after != item.sequence or not log:
        raise ProtocolError("CLIENT-3", "the server gives another entry of the log")
    return log


@contextlib.contextmanager
def _is_there() -> Iterator[None]:
    """CLIENT-14: the server has what a Welcome leads to. Without it that Welcome is of no use, and
    no other one is the worse for it.
    """
    try:
        yield
    except ServerProblem as err:
        if err.code is not ProblemCode.NOT_FOUND:
            raise
        raise ProtocolError(
            "CLIENT-14",
            "the server lacks what lets this device into a unit; it asks to be let in again",
        ) from err


def _knows_more(session: Session, item: m.WelcomeItem) -> bool:
    unit = session.units.get(UnitId(item.unit_id))
    return unit is not None and joining.knows_more(item, unit)


async def _bundle_for(session: Session, item: m.WelcomeItem) -> tuple[bytes, KeyPackageBundle]:
    for ref in joining.refs(item):
        stored = await session.home.database.get("key_packages", ref)
        if stored is not None:
            return ref, decode(KeyPackageBundle, stored)
    raise ProtocolError("CLIENT-7", "a Welcome is for a KeyPackage that is not this device's")


async def stock_key_packages(session: Session) -> None:
    """Publish KeyPackages of each suite of which half are used."""
    reply = await session.api.call("count_key_packages", m.KeyPackageCount)
    missing = key_packages.missing(reply.unused)
    if missing:
        stored = await session.home.database.scan("key_packages")
        await session.save(key_packages.expired(stored, now=session.now()))
    for suite_id, n in missing.items():
        public, rows = key_packages.make(
            session.profile, n, suite_id=suite_id, now=session.now(), rng=session.rng
        )
        await session.save(rows)
        request = m.PublishKeyPackagesRequest(key_packages=list(public))
        await session.api.call("publish_key_packages", m.KeyPackageCount, request)
