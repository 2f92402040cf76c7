"""The directory's key: get the present one, make the next when somebody has left, hand it on.

    somebody leaves -> a new key, sealed once to every device -> its hash in the roster
                    -> all cards under the new key

Boxes come before the roster's entry: whoever reads the entry finds a box. This device's own is
among them, so a crash in between loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

from mifeng.errors import ServerProblem
from mifeng.session.patience import patiently
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import CryptoError, MifengError, ProtocolError
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.card import SignedCard, SignedUnitCard, seal_card
from mifeng_crypto.ledger.directory_key import (
    hash_directory_key,
    is_present_key,
    open_directory_key,
    seal_directory_key,
)
from mifeng_crypto.ledger.roster import DeviceRecord, Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import DirectoryKey, Role, RosterEntry
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Keeper", "ensure", "may_rotate", "reseal", "rotate"]

BOXES: Final = 500
CARDS: Final = 200
GATHER_S = 0.2
SPREAD_S = 8.0
"""Over so long admins who are online spread: most find that it was done before."""


async def ensure(session: Session) -> bool:
    """Have the directory's present key, if there is a way to.

    Returns:
        Whether this device has it.

    Raises:
        AccessEndedError: the server does not let this device in any longer.
        TransportError: it was not reached.
    """
    profile, roster = session.profile, session.known_roster
    has_it = is_present_key(profile.directory_key, roster)
    if roster.directory.number == 0:
        return has_it
    if has_it and not session.is_asked_for_keys:
        return True
    with session.access():
        reply = await session.api.call("box", m.BoxReply)
    if not has_it and reply.sealed is not None:
        with contextlib.suppress(CryptoError, ProtocolError):
            key = open_directory_key(
                reply.sealed,
                device_id=profile.device_id,
                hpke_key=profile.hpke_key,
                roster=roster,
            )
            await session.use_directory_key(key)
            has_it = True
    if has_it:
        session.is_asked_for_keys = False
        await _hand_over(session, reply.wanted)
    else:
        request = m.WantBoxRequest(key_hash=roster.directory.key_hash)
        with contextlib.suppress(ServerProblem):
            await session.api.call("want_box", m.BoxesReply, request)
    return has_it


def may_rotate(session: Session, roster: Roster) -> bool:
    """Whether a new key is due, and this member may make it."""
    return (
        roster.is_directory_key_due
        and _leads(session, roster)
        and roster.device(session.profile.device_id) is not None
    )


def _leads(session: Session, roster: Roster) -> bool:
    member = roster.member(session.profile.member_id)
    return member is not None and member.role in (Role.OWNER, Role.ADMIN)


async def rotate(session: Session) -> bool:
    """Replace the key if somebody has left who knows it, and put all cards under the new one.

    Returns:
        Whether this device did it; not if it was not due, is an admin's to do, or somebody else was
        quicker.

    Raises:
        ServerProblem, TransportError: it was not accepted; it is still due.
    """
    from mifeng.session import directory, ledgers  # noqa: PLC0415 - they drive the session

    async with session.rotating:
        await directory.follow(session)  # what is to be put under the new key
        while may_rotate(session, session.known_roster):
            key, number = Secret(session.rng(32)), session.known_roster.directory.number + 1
            sent = set[DeviceId]()
            await _send_boxes(session, key, number, session.known_roster, sent)
            if await ledgers.append_to_roster(session, partial(_next, session, key, number, sent)):
                break  # else somebody was quicker, or left who has a box of this key: a new one
        else:
            return False
        await session.use_directory_key(key)
        # Who came in meanwhile.
        await _send_boxes(session, key, number, session.known_roster, sent)
        await directory.follow(session)
        await reseal(session, all_of_them=True)
        return True


def _next(
    session: Session, key: Secret, number: int, sent: set[DeviceId], roster: Roster
) -> RosterEntry | None:
    """Sign that this is the next key: if it is due still, and all who have a box are still in."""
    is_next = roster.is_directory_key_due and roster.directory.number == number - 1
    if not is_next or any(roster.device(device_id) is None for device_id in sent):
        return None
    profile, body = session.profile, DirectoryKey(number, hash_directory_key(key))
    return sign_roster_entry(roster, body, profile.author, profile.signature_key, now=session.now())


async def reseal(session: Session, *, all_of_them: bool = False) -> None:
    """Put cards that lie under an older key under the present one, as far as this device has them.

    Raises:
        ServerProblem: `forbidden`: this member may not.
        TransportError: the server was not reached.
    """
    roster, profile = session.known_roster, session.profile
    key = profile.directory_key
    if key is None or not is_present_key(key, roster) or roster.directory.number == 0:
        return
    may_all = _leads(session, roster)
    wanted = None
    if not all_of_them:
        with session.access():
            reply = await session.api.call("stale_cards", m.StaleReply)
        wanted = {(card.subject, card.version) for card in reply.cards}
    cards = await _own_cards(session)
    due = [
        (subject, signed)
        for subject, signed in cards
        if (may_all or subject == profile.member_id)
        and (wanted is None or (subject, signed.tbs.card_version) in wanted)
    ]
    for at in range(0, len(due), CARDS):
        sealed = [
            m.Card(
                subject=subject,
                kind="unit" if isinstance(signed, SignedUnitCard) else "person",
                version=signed.tbs.card_version,
                key_number=roster.directory.number,
                sealed=seal_card(signed, directory_key=key, rng=session.rng),
            )
            for subject, signed in due[at : at + CARDS]
        ]
        request = m.ResealRequest(cards=sealed)
        await patiently(partial(session.api.call, "reseal_cards", m.ResealReply, request))


async def _own_cards(session: Session) -> list[tuple[bytes, SignedCard | SignedUnitCard]]:
    """All cards that this device has, as they were signed."""
    database = session.home.database
    found = list[tuple[bytes, SignedCard | SignedUnitCard]]()
    for subject, row in await database.scan("cards"):
        found.append((subject, decode(SignedCard, row)))
    for subject, row in await database.scan("unit_cards"):
        found.append((subject, decode(SignedUnitCard, row)))
    return found


async def _send_boxes(
    session: Session, key: Secret, number: int, roster: Roster, sent: set[DeviceId]
) -> None:
    """Seal a key to all devices of the roster that have not got it, and send the boxes."""
    devices = [
        device
        for member in roster.members()
        for device in roster.devices_of(member.member_id)
        if device.device_id not in sent
    ]
    key_hash = hash_directory_key(key)
    for at in range(0, len(devices), BOXES):
        page = devices[at : at + BOXES]
        # A tenth of a second of arithmetic: others have their turn meanwhile.
        boxes = await asyncio.to_thread(_sealed, key, page, roster, number)
        request = m.PutBoxesRequest(key_hash=key_hash, boxes=boxes)
        await patiently(partial(session.api.call, "put_boxes", m.BoxesReply, request))
    sent |= {device.device_id for device in devices}


def _sealed(
    key: Secret, devices: list[DeviceRecord], roster: Roster, number: int
) -> list[m.DirectoryBox]:
    boxes = []
    for device in devices:
        with contextlib.suppress(CryptoError):  # who gave the roster no key gets none
            sealed = seal_directory_key(key, device, roster=roster, number=number)
            boxes.append(m.DirectoryBox(device_id=device.device_id, sealed=sealed))
    return boxes


async def _hand_over(session: Session, wanted: list[bytes]) -> None:
    """Seal the present key to those who ask for it, if the roster has them."""
    roster = session.known_roster
    found = (roster.device(DeviceId(device_id)) for device_id in wanted)
    devices = [device for device in found if device is not None]
    key, number = session.profile.directory_key, roster.directory.number
    if not devices or key is None:
        return
    request = m.PutBoxesRequest(
        key_hash=roster.directory.key_hash, boxes=_sealed(key, devices, roster, number)
    )
    await session.api.call("put_boxes", m.BoxesReply, request)


class Keeper:
    """Beside the reader of the socket: replaces the key when it is due and nobody else has."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """See whether a key is due that this device should make."""
        session = self._session
        if may_rotate(session, session.known_roster) and self._task is None:
            self._task = asyncio.create_task(self._rotate())
            self._task.add_done_callback(self._forget)

    def _forget(self, _: asyncio.Task[None]) -> None:
        self._task = None

    async def _rotate(self) -> None:
        share = int.from_bytes(self._session.rng(4), "big") / 2**32
        await asyncio.sleep(GATHER_S + share * SPREAD_S)
        with contextlib.suppress(MifengError):  # it stays due, and the next one does it
            await rotate(self._session)

    async def close(self) -> None:
        """Stop; whoever is online next goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
