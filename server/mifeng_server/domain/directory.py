"""The directory: sealed cards and pictures, of which the server knows whose and which version.

Who may write which card is held against the ledgers here; what it says, against its signature, by
whoever opens it. A card is taken only under the present directory key (`directory_key.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from mifeng_crypto.api.messages import (
    Card,
    CardsReply,
    PictureReply,
    ResealReply,
    ResealRequest,
    StaleReply,
)
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.events import DirectoryChanged
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.rows import (
    CardRow,
    CounterRow,
    Delete,
    Insert,
    PictureRow,
    Put,
    Swap,
    Write,
)

__all__ = ["LOCK", "put_card", "read_cards", "read_picture", "reseal_cards", "stale_cards"]

LOCK = b"directory"
CURSOR = "directory"
PAGE = 200
REMEMBER_MS = 7 * 86_400_000
KINDS = ("person", "unit")
LEAD = (Role.OWNER, Role.ADMIN)


async def read_cards(house: House, caller: Caller, *, after: int) -> CardsReply:
    """Cards that changed after a cursor, a page of them; again from the new cursor until none.

    Guests see who is there, and not how the company is built.
    """
    roster = await roster_of(house)
    rows = await house.store.find(CardRow, order="cursor", after=after, limit=PAGE)
    is_guest = _role(roster, caller.member_id) is Role.GUEST
    shown = [row for row in rows if row.kind == 0 or not is_guest]
    return CardsReply(
        cards=[_card(row, row.sealed) for row in shown],
        cursor=rows[-1].cursor if rows else after,
        stale=bool(await _stale(house, roster, 1)),
    )


async def read_picture(house: House, member_id: bytes) -> PictureReply:
    """Return a member's sealed picture.

    Raises:
        Refusal: not_found.
    """
    row = await house.store.get(PictureRow, member_id)
    if row is None:
        raise not_found()
    return PictureReply(sealed=row.sealed)


async def put_card(house: House, caller: Caller, call: Call, card: Card, *, now: int) -> CardsReply:
    """Publish the next version of a card.

    Raises:
        Refusal: forbidden: not the caller's to write. stale_head: not the version after the stored
            one, or sealed under another key than the present one.
    """

    async def decide(_: Held) -> Decision:
        # The lock is held only while deciding: what is under way must be seen here.
        await house.store.settle()
        roster = await roster_of(house)
        before = await house.store.get(CardRow, card.subject)
        if before is not None and KINDS[before.kind] != card.kind:
            raise Refusal(ProblemCode.FORBIDDEN, "there is a card of another kind by this id")
        if not await _may_write(house, roster, caller, card):
            raise Refusal(
                ProblemCode.FORBIDDEN,
                "a card is published by its own person, by an admin, or by a manager of the unit",
            )
        version = before.version if before else 0
        if card.version != version + 1 or card.key_number != roster.directory.number:
            raise Refusal(ProblemCode.STALE_HEAD, head_sequence=version)
        counter = await house.store.get(CounterRow, CURSOR)
        cursor = CounterRow(CURSOR, counter.value + 1 if counter else 1)
        row = CardRow(
            card.subject,
            card.version,
            cursor.value,
            card.sealed,
            KINDS.index(card.kind),
            card.key_number,
        )
        writes: list[Write] = [Swap(counter, cursor) if counter else Insert(cursor), Put(row)]
        if card.kind == "person" and card.picture is not None:
            writes.append(
                Put(PictureRow(card.subject, card.picture))
                if card.picture
                else Delete(PictureRow, (card.subject,))
            )
        return Decision(
            reply=CardsReply(cards=[], cursor=cursor.value),
            writes=tuple(writes),
            events=(DirectoryChanged(),),
            remember_until=now + REMEMBER_MS,
        )

    return await accept(house, call, CardsReply, lock=LOCK, decide=decide)


async def stale_cards(house: House) -> StaleReply:
    """Some of the cards that lie under an older key."""
    rows = await _stale(house, await roster_of(house), PAGE)
    return StaleReply(cards=[_card(row, b"") for row in rows])


async def reseal_cards(
    house: House, caller: Caller, call: Call, body: ResealRequest, *, now: int
) -> ResealReply:
    """Put cards under the present key. Version and cursor stay: who has read them need not again.

    Raises:
        Refusal: forbidden: for owners and admins; one's own card.
            stale_head: the present key is another one.
    """

    async def decide(_: Held) -> Decision:
        await house.store.settle()
        roster = await roster_of(house)
        number = roster.directory.number
        may_all = _role(roster, caller.member_id) in LEAD
        writes = list[Write]()
        for card in body.cards:
            if card.key_number != number:
                raise Refusal(ProblemCode.STALE_HEAD, head_sequence=number)
            if not may_all and card.subject != caller.member_id:
                raise Refusal(ProblemCode.FORBIDDEN, "only your own card is yours to seal anew")
            row = await house.store.get(CardRow, card.subject)
            if row is None or row.version != card.version or row.key_number >= number:
                continue
            writes.append(
                Swap(
                    row,
                    CardRow(row.member_id, row.version, row.cursor, card.sealed, row.kind, number),
                )
            )
        # Who came in meanwhile could not read what lay under an older key: once nothing does any
        # more all are told, once for each key.
        older = await _stale(house, roster, len(writes) + 1) if writes else ()
        return Decision(
            reply=ResealReply(taken=len(writes)),
            writes=tuple(writes),
            events=(DirectoryChanged(),) if writes and len(older) <= len(writes) else (),
            remember_until=now + REMEMBER_MS,
        )

    return await accept(house, call, ResealReply, lock=LOCK, decide=decide)


async def roster_of(house: House) -> Roster:
    """Return the roster, as somebody who calls knows it."""
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    return roster


async def _stale(house: House, roster: Roster, limit: int) -> tuple[CardRow, ...]:
    if roster.directory.number == 0:
        return ()
    return await house.store.find(
        CardRow, order="key_number", until=roster.directory.number - 1, limit=limit
    )


def _card(row: CardRow, sealed: bytes) -> Card:
    return Card(
        subject=row.member_id,
        kind="unit" if row.kind else "person",
        version=row.version,
        key_number=row.key_number,
        sealed=sealed,
    )


def _role(roster: Roster, member_id: bytes) -> Role | None:
    member = roster.member(MemberId(member_id))
    return member.role if member is not None else None


async def _may_write(house: House, roster: Roster, caller: Caller, card: Card) -> bool:
    role = _role(roster, caller.member_id)
    if card.kind == "person":
        subject = MemberId(card.subject)
        known = roster.member(subject) is not None or roster.invite(subject) is not None
        return card.subject == caller.member_id or (known and role in LEAD)
    unit = await house.unit(card.subject)
    if unit is None or not _is_in_the_tree(unit.charter):
        return False
    above = await house.unit(unit.charter.parent) if unit.charter.parent else None
    charters = [unit.charter, *([above.charter] if above is not None else [])]
    return role in LEAD or (role is not None and _manages(charters, MemberId(caller.member_id)))


def _is_in_the_tree(charter: Charter) -> bool:
    return charter.kind in (UnitKind.BUSINESS, UnitKind.CHANNEL) or charter.parent is not None


def _manages(charters: Iterable[Charter], member_id: MemberId) -> bool:
    return any(charter.role_of(member_id) is UnitRole.MANAGER for charter in charters)
