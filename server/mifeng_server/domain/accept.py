"""The one way in for whatever changes something (protocol.md, "Idempotency").

    same key before? -> its answer again
    lock -> decide -> enter the writes -> unlock -> durable -> tell -> answer

What was decided is held in memory from the moment its writes are entered, so the next decision can
be made while the disk works; many decisions share one fsync. If the writes fail, what was held is
forgotten, and a decision that had merely built on them is made again. So is one that met what
another node has written meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import StorageError
from mifeng_crypto.ledger.roster import Roster
from mifeng_server.domain.events import Event
from mifeng_server.domain.house import CONSULTED, House
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.rows import IdempotencyRow, Insert, Write
from mifeng_server.domain.unit import Unit

__all__ = ["ATTEMPTS", "Call", "Decision", "accept"]

ATTEMPTS = 3
ATTEMPTS_SHARED = 20
"""Nodes that write to one unit at once push each other back, but one of them goes on each time."""

Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Call:
    """Who repeats which request: `digest` is over all that was asked."""

    author: bytes
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An acceptance.

    Attributes:
        reply: what is answered.
        writes: what becomes durable, wholly or not at all.
        events: who is told, once it is.
        roster: the roster from now on, if it changed.
        units: the units from now on, those that changed.
        remember: whether a repetition must get this very answer. Not needed where deciding again
            comes to the same.
        remember_until: how long; 0 for ever.
    """

    reply: msgspec.Struct
    writes: tuple[Write, ...] = ()
    events: tuple[Event, ...] = ()
    roster: Roster | None = None
    units: tuple[Unit, ...] = ()
    remember: bool = True
    remember_until: int = 0


Held = AsyncExitStack
"""The locks of a decision, which may take more of them; units' in ascending order."""


async def accept(
    house: House,
    call: Call,
    kind: type[Reply],
    *,
    lock: bytes,
    decide: Callable[[Held], Awaitable[Decision]],
) -> Reply:
    """Decide under `lock`, and answer when the decision is durable.

    Raises:
        Refusal: by `decide`; or the key was used for another request, or the server is too busy.
        StorageError: nothing was written.
    """
    # One at a time for each key, until it is durable: the second one finds the first one's answer.
    async with house.locks.of(b"call" + call.author + call.key.encode()):
        for _ in range(ATTEMPTS_SHARED if house.store.shared else ATTEMPTS):
            remembered = await house.store.get(IdempotencyRow, call.author, call.key)
            if remembered is not None:
                if remembered.digest != call.digest:
                    raise Refusal(ProblemCode.IDEMPOTENCY_MISMATCH)
                return msgspec.msgpack.decode(remembered.reply, type=kind)
            consulted = set[bytes]()
            before = CONSULTED.set(consulted)
            try:
                return await _attempt(house, call, kind, lock, decide)
            except ConflictError:
                await _catch_up(house, consulted)
                continue
            except Refusal:
                # It may rest on what another node has changed: then it is decided again.
                if not await _catch_up(house, consulted):
                    raise
            finally:
                CONSULTED.reset(before)
    raise Refusal(ProblemCode.UNAVAILABLE, retry_after_s=1)


async def _catch_up(house: House, consulted: set[bytes]) -> bool:
    """Learn what other nodes have written to what a decision rested on; return whether they had."""
    if not house.store.shared:
        return False
    before = await house.roster()
    changed = await house.freshen() is not before
    for unit_id in sorted(consulted):
        async with house.locks.of(unit_id):
            changed |= await house.follow(unit_id)
    return changed


async def _attempt(
    house: House,
    call: Call,
    kind: type[Reply],
    lock: bytes,
    decide: Callable[[Held], Awaitable[Decision]],
) -> Reply:
    async with house.locks.of(lock), AsyncExitStack() as held:
        decision = await decide(held)
        writes = decision.writes
        if decision.remember:
            answer = IdempotencyRow(
                author=call.author,
                key=call.key,
                digest=call.digest,
                deadline=decision.remember_until,
                reply=msgspec.msgpack.encode(decision.reply),
            )
            writes = (*writes, Insert(answer))
        durable = house.store.write(writes)
        house.hold(decision.roster, decision.units)
    try:
        await durable
    except (ConflictError, StorageError):
        house.forget(decision.roster, decision.units)
        raise
    house.became_durable(decision.units)
    for event in decision.events:
        house.notify(event)
    assert isinstance(decision.reply, kind), "each verb answers what its endpoint declares"
    return decision.reply
