"""The directory: sealed cards, of which the server knows whose and which version."""

from __future__ import annotations

from mifeng_crypto.api.messages import Card, CardsReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.events import DirectoryChanged
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.rows import CardRow, CounterRow, Insert, Put, Swap, Write

__all__ = ["put_card", "read_cards"]

LOCK = b"directory"
CURSOR = "directory"
PAGE = 200
REMEMBER_MS = 7 * 86_400_000


async def read_cards(house: House, *, after: int) -> CardsReply:
    """Cards that changed after a cursor, a page of them; again from the new cursor until none."""
    rows = await house.store.find(CardRow, order="cursor", after=after, limit=PAGE)
    return _reply(rows, after)


def _reply(rows: tuple[CardRow, ...], after: int) -> CardsReply:
    cards = [Card(member_id=r.member_id, version=r.version, sealed=r.sealed) for r in rows]
    return CardsReply(cards=cards, cursor=rows[-1].cursor if rows else after)


async def put_card(house: House, caller: Caller, call: Call, card: Card, *, now: int) -> CardsReply:
    """Publish the next version of one's own card.

    Raises:
        Refusal: forbidden: another's card. stale_head: not the version after the stored one.
    """
    if card.member_id != caller.member_id:
        raise Refusal(ProblemCode.FORBIDDEN, "a card is published by its own person")

    async def decide(_: Held) -> Decision:
        # The lock is held only while deciding: what is under way must be seen here.
        await house.store.settle()
        before = await house.store.get(CardRow, card.member_id)
        version = before.version if before else 0
        if card.version != version + 1:
            raise Refusal(ProblemCode.STALE_HEAD, head_sequence=version)
        counter = await house.store.get(CounterRow, CURSOR)
        cursor = CounterRow(CURSOR, counter.value + 1 if counter else 1)
        row = CardRow(card.member_id, card.version, cursor.value, card.sealed)
        writes: tuple[Write, ...] = (
            Swap(counter, cursor) if counter else Insert(cursor),
            Put(row),
        )
        return Decision(
            reply=CardsReply(cards=[], cursor=cursor.value),
            writes=writes,
            events=(DirectoryChanged(),),
            remember_until=now + REMEMBER_MS,
        )

    return await accept(house, call, CardsReply, lock=LOCK, decide=decide)
