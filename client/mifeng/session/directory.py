"""The directory: follow everybody's cards, publish one's own (protocol.md, section 13)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mifeng.core import people, titles
from mifeng.core.people import first_card
from mifeng.core.rows import number
from mifeng.errors import ServerProblem
from mifeng.session import directory_key
from mifeng.session.patience import patiently
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, MemberId
from mifeng_crypto.ledger.card import Card, DeviceName
from mifeng_crypto.ledger.directory_key import is_present_key
from mifeng_crypto.ledger.picture import open_picture, seal_picture

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["follow", "keep", "picture", "publish", "publish_titles", "write_card", "write_cards"]

CURSOR = ("profile", b"directory")
"""The row that says up to which change the directory was read."""
ATTEMPTS = 8
MAX_NAMED = 32
"""Of how many devices a card keeps the names: also of those that are out by now."""


async def follow(session: Session) -> None:
    """Get the present key, fetch the cards that changed, and publish what only this device can.

    Without the key nothing is read: the cards wait where they are, and names are ids until somebody
    who has the key has been online.

    Raises:
        AccessEndedError: the server does not let this device in any longer.
        TransportError: it was not reached.
    """
    if not await directory_key.ensure(session):
        return
    await _fetch(session)
    profile = session.profile
    card = session.people.cards.get(profile.member_id)
    if card is None and profile.name:
        await publish(session)
    elif card is not None and all(d.device_id != profile.device_id for d in card.devices):
        await name_device(session, profile.device_id, profile.device_name)


async def keep(session: Session) -> None:
    """Do the directory's housekeeping that falls to this device: a key that is due, titles.

    What does not come about now does so when this or another device looks again.
    """
    with contextlib.suppress(ServerProblem, ProtocolError):
        if directory_key.may_rotate(session, session.known_roster):
            await directory_key.rotate(session)
        if is_present_key(session.profile.directory_key, session.known_roster):
            await publish_titles(session)


async def publish(
    session: Session,
    *,
    name: str | None = None,
    title: str | None = None,
    department: str | None = None,
    picture: bytes | None = None,
) -> None:
    """Publish the next version of one's own card; None leaves a text or the picture as it is.

    Args:
        session: whose.
        name: the new name.
        title: the new title.
        department: the new department.
        picture: the new picture, made by `content.avatar`; empty: none any more.

    Raises:
        ProtocolError: CARD-1, CARD-4: a text is not one.
        ServerProblem, TransportError: it was not accepted.
    """
    me = session.profile.member_id
    said = (name, title, department, picture) != (None, None, None, None)
    shown, sealed = (None, picture) if not picture else seal_picture(picture, rng=session.rng)

    def make(before: Card | None) -> Card | None:
        if before is not None and not said and before.name:
            return None
        card = before or first_card(session.profile, session.known_roster)
        return dataclasses.replace(
            card,
            name=card.name if name is None else name.strip(),
            title=card.title if title is None else title.strip(),
            department=card.department if department is None else department.strip(),
            picture=card.picture if picture is None else shown,
        )

    await write_card(session, me, make, picture=sealed)
    if picture is not None:
        await session.save({("pictures", me): picture or None})


async def name_device(session: Session, device_id: DeviceId, name: str) -> None:
    """Say in one's own card what a device of one's own is called.

    Raises:
        ProtocolError: CARD-1: the name is none.
        ServerProblem, TransportError: it was not accepted.
    """

    def make(before: Card | None) -> Card | None:
        if before is None:
            return None
        others = tuple(d for d in before.devices if d.device_id != device_id)
        return dataclasses.replace(
            before, devices=(*others[1 - MAX_NAMED :], DeviceName(device_id, name.strip()))
        )

    await write_card(session, session.profile.member_id, make)


async def write_card(
    session: Session,
    member_id: MemberId,
    make: Callable[[Card | None], Card | None],
    *,
    picture: bytes | None = None,
) -> bool:
    """Publish the next version of a member's card; by an admin also another's.

    Args:
        session: of whoever signs it.
        member_id: whose it is.
        make: what it shall say, given what it says now; None if that is so already.
        picture: the sealed picture that goes with it, empty for none any more.

    Returns:
        Whether anything had to be written.

    Raises:
        ProtocolError: CARD-1, CARD-4: a text is not one.
        ServerProblem, TransportError: it was not accepted.
    """
    for _ in range(ATTEMPTS):
        await _need_the_key(session)
        before = session.people.cards.get(member_id)
        card = make(before)
        if card is None:
            return False
        roster = session.known_roster
        card = dataclasses.replace(
            card,
            version=PROTOCOL_VERSION,
            card_version=before.card_version + 1 if before else 1,
            roster=roster.head,
        )
        key_number = roster.directory.number
        sealed = people.seal(
            session.profile, card, key_number=key_number, picture=picture, rng=session.rng
        )
        if await _put(session, sealed):
            return True
    raise TransportError("the directory is too busy; try again in a moment")


async def write_cards(
    session: Session, cards: Sequence[Card], *, at_once: int, told: Callable[[int], None]
) -> None:
    """Publish first cards of others, by an admin; whoever has one by now keeps it.

    Raises:
        ProtocolError: CARD-1, CARD-4: a text is not one; nothing was sent.
        ServerProblem, TransportError: one was not accepted; those before it were.
    """
    if not cards:
        return
    await _need_the_key(session)
    roster = session.known_roster
    sealed = [
        people.seal(
            session.profile,
            dataclasses.replace(card, roster=roster.head),
            key_number=roster.directory.number,
            rng=session.rng,
        )
        for card in cards
    ]
    gate, done = asyncio.Semaphore(at_once), 0

    async def put(card: m.Card) -> None:
        nonlocal done
        async with gate:
            try:
                await patiently(partial(session.api.call, "put_card", m.CardsReply, card))
            except ServerProblem as err:
                if err.code is not ProblemCode.STALE_HEAD:
                    raise
        done += 1
        told(done)

    tasks = [asyncio.ensure_future(put(card)) for card in sealed]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await patiently(partial(_fetch, session))


async def publish_titles(session: Session) -> None:
    """Publish the cards of this device's units that say something else than their charters."""
    for unit_id, unit in list(session.units.items()):
        for _ in range(ATTEMPTS):
            roster = session.known_roster
            card = titles.due_card(unit, session.titles.cards.get(unit_id), session.profile, roster)
            if card is None:
                break
            key_number = roster.directory.number
            try:
                sealed = titles.seal(session.profile, card, key_number=key_number, rng=session.rng)
                if await _put(session, sealed):
                    break
            except (ProtocolError, ServerProblem):
                break  # a title that is none, or a right that has just gone: nothing is lost


async def picture(session: Session, member_id: MemberId) -> bytes | None:
    """Return a member's picture, from this device or the server; None where there is none.

    Raises:
        ProtocolError: CARD-7: the server has another one than the card names.
        TransportError: it was not reached.
    """
    card = session.people.cards.get(member_id)
    if card is None or card.picture is None:
        return None
    kept = await session.home.database.get("pictures", member_id)
    if kept is not None:
        return kept
    try:
        with session.access():
            reply = await session.api.call("picture", m.PictureReply, path={"member_id": member_id})
    except ServerProblem as err:
        if err.code is ProblemCode.NOT_FOUND:
            return None
        raise
    image = open_picture(reply.sealed, card.picture)
    await session.save({("pictures", member_id): image})
    return image


# ------------------------------------------------------------------ inside


async def _put(session: Session, sealed: m.Card) -> bool:
    """Publish a card; if something was quicker, catch up with it, and say so."""
    try:
        with session.access():
            await session.api.call("put_card", m.CardsReply, sealed)
    except ServerProblem as err:
        if err.code is not ProblemCode.STALE_HEAD:
            raise
        # Another device was quicker, an answer was lost, or there is a new directory key.
        await session.follow_roster()
        await _need_the_key(session)
        await _fetch(session)
        return False
    await _learn(session, [sealed])
    return True


async def _need_the_key(session: Session) -> None:
    """Have the present key: a card under another one would open for nobody, or for too many."""
    has_it = is_present_key(session.profile.directory_key, session.known_roster)
    if not has_it and not await directory_key.ensure(session):
        raise TransportError(
            "this device has not got the directory's new key yet; "
            "try again when a colleague is online"
        )


async def _fetch(session: Session) -> None:
    stored = await session.home.database.get(*CURSOR)
    cursor = int.from_bytes(stored or b"", "big")
    moves = True
    while True:
        with session.access():
            reply = await session.api.call("cards", m.CardsReply, query={"after": cursor})
        if reply.cursor <= cursor:
            break
        # A card under an older key will be put under the present one, in its place: until then the
        # reading begins here again.
        number_now = session.known_roster.directory.number
        moves = moves and all(card.key_number == number_now for card in reply.cards)
        await _learn(session, reply.cards, cursor=reply.cursor if moves else None)
        cursor = reply.cursor
    if reply.stale:
        with contextlib.suppress(ServerProblem):
            await directory_key.reseal(session)


async def _learn(session: Session, cards: list[m.Card], *, cursor: int | None = None) -> None:
    persons = [card for card in cards if card.kind == "person"]
    of_units = [card for card in cards if card.kind == "unit"]
    profile = session.profile
    known, changes, doubtful = session.people.learn(persons, profile, session.known_roster)
    units, more, strange = session.titles.learn(of_units, profile, session.known_roster)
    changes = {**changes, **more}
    if doubtful or strange:  # a newcomer's device stands in the roster before its card comes
        await session.follow_roster()
        known, more, _ = known.learn(doubtful, profile, session.known_roster)
        units, still, _ = units.learn(strange, profile, session.known_roster)
        changes = {**changes, **more, **still}
    for table, key in list(changes):
        if table == "cards" and session.people.picture_of(key) != known.picture_of(key):
            changes["pictures", key] = None
    position = {} if cursor is None else {CURSOR: number(cursor)}
    await session.save({**changes, **position})
    session.people, session.titles = known, units
