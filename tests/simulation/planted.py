"""Bugs put in on purpose: a simulation that finds none of them would prove nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from unittest.mock import patch

from mifeng.core import catch_up, membership, outbox
from mifeng.core.rows import Changes, UnitStatus
from mifeng.core.unit import OutboxItem, Unit
from mifeng.session import applying, delivery, door
from mifeng.session.session import Session
from mifeng_crypto import gate
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.log import LogHeader
from tests.simulation.disk import SimDatabase, SimStore

__all__ = ["PLANTS", "planted"]


def _merge_early() -> contextlib.AbstractContextManager[object]:
    """A commit is applied when it is sent, not when the log brings it back."""
    save = Session.save_unit

    async def save_unit(self: Session, unit: Unit) -> None:
        if unit.pending is not None and unit.pending is not self.units[unit.unit_id].pending:
            unit = dataclasses.replace(unit, epoch=unit.pending.next)
        await save(self, unit)

    return patch.object(Session, "save_unit", save_unit)


def _new_key_each_time() -> contextlib.AbstractContextManager[object]:
    """Whatever is sent again has a new idempotency key, and is encrypted anew."""
    numbers = itertools.count()

    def key(data: bytes) -> bytes:
        return hashlib.sha256(data + next(numbers).to_bytes(8, "big")).digest()[:16]

    return patch.object(outbox, "idempotency_key", key)


def _resend_sealed_anew() -> contextlib.AbstractContextManager[object]:
    """After a lost answer the message is made anew, though the first may have been accepted."""
    send = delivery._send_message

    async def sending(s: Session, unit_id: UnitId, item: OutboxItem, *, is_mine: bool) -> bool:
        try:
            return await send(s, unit_id, item, is_mine=is_mine)
        except TransportError:
            unit = s.units[unit_id]
            if any(other.number == item.number for other in unit.outbox):
                await s.save_unit(outbox.unseal(unit, item))
            raise

    return patch.object(delivery, "_send_message", sending)


def _notify_before_commit() -> contextlib.AbstractContextManager[object]:
    """The server tells and answers before the write is durable."""
    write = SimStore.write

    class Done:
        def __await__(self) -> Iterator[None]:
            return iter(())

    def writing(self: SimStore, batch: Any) -> Awaitable[None]:  # noqa: ANN401
        write(self, batch)
        return Done()  # type: ignore[return-value]

    return patch.object(SimStore, "write", writing)


def _no_gate() -> contextlib.AbstractContextManager[object]:
    """Nobody asks who should be out before a message."""
    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(gate.message, "check_nothing_due", lambda _: None))
    due = membership.due

    def no_removes(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return dataclasses.replace(due(*args, **kwargs), remove=())

    stack.enter_context(patch.object(membership, "due", no_removes))
    return stack


def _out_of_order() -> contextlib.AbstractContextManager[object]:
    """Entries that come with others are applied last first."""
    apply = catch_up.apply_entries

    def backwards(unit: Unit, entries: Iterable[Any], **kwargs: Any) -> Any:  # noqa: ANN401
        return apply(unit, list(entries)[::-1], **kwargs)

    return patch.object(applying, "apply_entries", backwards)


def _outbox_in_memory() -> contextlib.AbstractContextManager[object]:
    """The outbox is not saved."""
    save = SimDatabase.save

    async def saving(self: SimDatabase, changes: Any) -> None:  # noqa: ANN401
        kept = {key: value for key, value in changes.items() if key[0] != "outbox"}
        await save(self, kept)

    return patch.object(SimDatabase, "save", saving)


def _ratchet_not_saved() -> contextlib.AbstractContextManager[object]:
    """A message is encrypted and sent, and the ratchet that moved is saved only later."""
    save = SimDatabase.save

    async def saving(self: SimDatabase, changes: Any) -> None:  # noqa: ANN401
        tables = {table for table, _ in changes}
        if "outbox" in tables and "mls" in tables and "messages" not in tables:
            changes = {key: value for key, value in changes.items() if key[0] != "mls"}
        await save(self, changes)

    return patch.object(SimDatabase, "save", saving)


def _torn_write() -> contextlib.AbstractContextManager[object]:
    """A step's rows are saved in two transactions instead of one."""
    save = SimDatabase.save

    async def saving(self: SimDatabase, changes: Any) -> None:  # noqa: ANN401
        rows = list(changes.items())
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            await save(self, dict(half))

    return patch.object(SimDatabase, "save", saving)


def _answer_counts_as_seen() -> contextlib.AbstractContextManager[object]:
    """What the server accepted is taken for the next entry, though others came between."""

    async def take_back(
        s: Session,
        unit_id: UnitId,
        header: LogHeader,
        content: bytes,
        item: OutboxItem | None,
        *,
        receipt: Changes,
    ) -> None:
        del content, receipt
        if item is not None:
            await s.save_unit(outbox.drop(s.units[unit_id], item))
        await s.catch_up(unit_id)
        s.delivered[unit_id, item.number if item else 0] = header.sequence

    return patch.object(delivery, "_take_back", take_back)


def _chain_unchecked() -> contextlib.AbstractContextManager[object]:
    """A client passes over what it cannot place, instead of asking for what is missing."""

    def gaps(
        self: Session, unit_id: UnitId, entries: list[Any], more: Changes | None = None
    ) -> Awaitable[None]:
        return _apply(self, unit_id, entries[1:] if len(entries) > 2 else entries, more)

    _apply = Session.apply
    return patch.object(Session, "apply", gaps)


def _rest_unread() -> contextlib.AbstractContextManager[object]:
    """Whoever hears of a restart leaves the old generation without reading it to its end."""

    async def leave(s: Session, unit_id: UnitId) -> None:
        unit = s.units[unit_id]
        if unit.is_over and unit.status is UnitStatus.ACTIVE:
            await s.save_unit(outbox.epoch_ended(unit).without_keys(UnitStatus.WAITING))

    return patch.object(door, "leave_what_is_over", leave)


def _lost_in_restart() -> contextlib.AbstractContextManager[object]:
    """What waits in the outbox is forgotten by whoever is let in again."""
    return patch.object(outbox, "carried_over", lambda before, joined: joined)


PLANTS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "merge-early": _merge_early,
    "seal-anew-after-lost-answer": _resend_sealed_anew,
    "new-key-each-time": _new_key_each_time,
    "notify-before-commit": _notify_before_commit,
    "no-gate": _no_gate,
    "out-of-order": _out_of_order,
    "outbox-in-memory": _outbox_in_memory,
    "ratchet-not-saved": _ratchet_not_saved,
    "torn-write": _torn_write,
    "own-entry-dropped": _answer_counts_as_seen,
    "entry-passed-over": _chain_unchecked,
    "rest-of-generation-unread": _rest_unread,
    "outbox-lost-in-restart": _lost_in_restart,
}
"""Name -> what puts it in."""


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """Put a bug in; an empty name puts in none."""
    if not name:
        yield
        return
    with PLANTS[name]():
        yield
