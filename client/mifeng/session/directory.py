"""The directory: follow everybody's cards, publish one's own (protocol.md, section 13)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mifeng.core.people import first_card, seal
from mifeng.core.rows import number
from mifeng.errors import ServerProblem
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError, UsageError

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["follow", "publish"]

CURSOR = ("profile", b"directory")
"""The row that says up to which change the directory was read."""
ATTEMPTS = 5


async def follow(session: Session) -> None:
    """Fetch the cards that changed, and publish one's own if nobody has it yet.

    Raises:
        AccessEndedError: the server does not let this device in any longer.
        TransportError: it was not reached.
    """
    if session.profile.directory_key is None:
        return  # a device that was recovered; nothing of the directory opens here yet
    await _fetch(session)
    if session.profile.member_id not in session.people.cards:
        await publish(session)


async def publish(
    session: Session,
    *,
    name: str | None = None,
    title: str | None = None,
    department: str | None = None,
) -> None:
    """Publish the next version of one's own card; None leaves a text as it is.

    Raises:
        ProtocolError: CARD-1: a text is not one.
        UsageError: this device does not have the directory's key.
        ServerProblem, TransportError: it was not accepted.
    """
    if session.profile.directory_key is None:
        raise UsageError(
            "this device was not given the key of the directory yet; "
            "try again when a colleague is online"
        )
    me, changes = session.profile.member_id, (name, title, department) != (None, None, None)
    for _ in range(ATTEMPTS):
        before = session.people.cards.get(me)
        card = before or first_card(session.profile)
        card = dataclasses.replace(
            card,
            card_version=card.card_version + (before is not None),
            name=card.name if name is None else name.strip(),
            title=card.title if title is None else title.strip(),
            department=card.department if department is None else department.strip(),
        )
        sealed = seal(session.profile, card, rng=session.rng)
        try:
            with session.access():
                await session.api.call("put_card", m.CardsReply, sealed)
        except ServerProblem as err:
            if err.code is not ProblemCode.STALE_HEAD:
                raise
            await _fetch(session)  # another device of this person was quicker, or an answer lost
            if not changes and me in session.people.cards:
                return
        else:
            await _learn(session, [sealed])
            return
    raise TransportError("the directory is too busy; try again in a moment")


async def _fetch(session: Session) -> None:
    stored = await session.home.database.get(*CURSOR)
    cursor = int.from_bytes(stored or b"", "big")
    while True:
        with session.access():
            reply = await session.api.call("cards", m.CardsReply, query={"after": cursor})
        if not reply.cards:
            return
        await _learn(session, reply.cards, cursor=reply.cursor)
        if reply.cursor <= cursor:
            return
        cursor = reply.cursor


async def _learn(session: Session, cards: list[m.Card], *, cursor: int | None = None) -> None:
    people, changes, doubtful = session.people.learn(cards, session.profile, session.known_roster)
    if doubtful:  # a newcomer's device stands in the roster before its card can be published
        await session.follow_roster()
        people, more, _ = people.learn(doubtful, session.profile, session.known_roster)
        changes = {**changes, **more}
    position = {} if cursor is None else {CURSOR: number(cursor)}
    await session.save({**changes, **position})
    session.people = people
