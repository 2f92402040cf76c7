"""Link a new device from one that is in (protocol.md, "Linking"): show a link, wait for the one
request, add what was compared, and see it into the units.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from mifeng.core import linking
from mifeng.core.linking import Offer
from mifeng.core.rows import UnitStatus
from mifeng.errors import LinkSpentError, ServerProblem
from mifeng.session import delivery, ledgers
from mifeng.session.session import Session
from mifeng_crypto import gate
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError, ProtocolError, UsageError
from mifeng_crypto.ids import DeviceId, UnitId
from mifeng_crypto.linking import LinkRequest, check_code, seal_grant
from mifeng_crypto.links import format_link

__all__ = ["Approval"]

POLL_S = 0.5
"""How often to look whether the new device has come, and its KeyPackages after it."""
WAIT_S = 20.0
"""How long to wait for a device that was just added, to take it into the units."""


class Approval:
    """One link, from its making to its end. `close` it, whatever happened."""

    def __init__(self, session: Session, offer: Offer) -> None:
        self._session = session
        self._offer = offer
        self._request: LinkRequest | None = None
        self._is_over = False

    @classmethod
    async def begin(cls, session: Session) -> Self:
        """Open a mailbox for ten minutes; this device's earlier one closes.

        Raises:
            ServerProblem, TransportError: it was not accepted.
        """
        await session.follow_roster()
        offer = Offer.make(session.profile, session.known_roster, rng=session.rng)
        with session.access():
            await session.api.call("open_link", m.LinkState, m.LinkOpen(link_id=offer.mailbox.id))
        return cls(session, offer)

    @property
    def link(self) -> str:
        return format_link(self._offer.link)

    async def request(self) -> LinkRequest:
        """Wait for the one request, and show the nonce: from here on the digits are fixed.

        Raises:
            LinkSpentError: the ten minutes are over.
            CryptoError, ProtocolError: LINK-1; somebody without the link has written there.
            TransportError: the server was not reached.
        """
        while self._request is None:
            state = await self._call("link", None)
            if not state.request:
                await asyncio.sleep(POLL_S)
                continue
            self._request = self._offer.read(state.request)
            mailbox, rng = self._offer.mailbox, self._session.rng
            reveal = mailbox.seal("reveal", self._offer.nonce, rng=rng)
            await self._call("link_answer", m.LinkAnswer(reveal=reveal))
        return self._request

    async def approve(self, code: str) -> DeviceId:
        """Add the device of the request, if these are its digits. There is one try.

        Raises:
            UsageError: nobody has asked yet, or it is decided already.
            ProtocolError: LINK-3: other digits; nothing was added, and the link is used up.
                ROSTER-16: there are five devices.
            ServerProblem, TransportError: it was not accepted.
        """
        request, session = self._request, self._session
        if request is None or self._is_over:
            raise UsageError("there is nothing to approve; make a link, and wait for its request")
        self._is_over = True
        try:
            check_code(request, self._offer.nonce, code)
        except ProtocolError:
            await self.close()
            raise
        await ledgers.append_to_roster(
            session,
            lambda roster: linking.add_device_entry(
                session.profile, roster, request, now=session.now()
            ),
        )
        grant = seal_grant(
            request,
            session.known_roster,
            directory_key=session.profile.directory_key,
            device_id=session.profile.device_id,
            signing_key=session.profile.signature_key,
        )
        letter = self._offer.mailbox.seal("grant", grant, rng=session.rng)
        await self._call("link_answer", m.LinkAnswer(grant=letter))
        return DeviceId(request.device.device_id)

    async def close(self) -> None:
        """End the link, unless it was approved: then it ends by itself, once it was read."""
        request, roster = self._request, self._session.known_roster
        if request is not None and roster.device(request.device.device_id) is not None:
            return
        self._is_over = True
        with contextlib.suppress(MifengError):
            await self._call("link_answer", m.LinkAnswer(close=True))

    async def _call(self, name: str, body: m.LinkAnswer | None) -> m.LinkState:
        path = {"link_id": self._offer.mailbox.id}
        try:
            return await self._session.api.call(name, m.LinkState, body, path=path)
        except ServerProblem as err:
            if err.code is not ProblemCode.NOT_FOUND:
                raise
            raise LinkSpentError(
                "the ten minutes of this link are over, or a newer one was made; make a new link"
            ) from err


async def see_in(session: Session, device_id: DeviceId) -> frozenset[UnitId]:
    """Take a device into the units of this one, as soon as it has keys for that; wait a little.

    Returns:
        The units that it is not in: their stewards will take it in later.
    """
    waiting = {u for u, unit in session.units.items() if unit.status is UnitStatus.ACTIVE}
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        for unit_id in sorted(waiting):
            with contextlib.suppress(MifengError):
                async with session.turn(unit_id):
                    session.forget_who_had_no_keys(unit_id)
                    await session.catch_up(unit_id)
                    await delivery.bring_about(session, unit_id)
            if _is_in(session, unit_id, device_id):
                waiting.discard(unit_id)
        if not waiting or asyncio.get_running_loop().time() >= deadline:
            await session.history.settle()
            return frozenset(waiting)
        await asyncio.sleep(POLL_S)


def _is_in(session: Session, unit_id: UnitId, device_id: DeviceId) -> bool:
    unit = session.units[unit_id]
    return unit.epoch is None or any(
        gate.identity_of(leaf).device_id == device_id for _, leaf in unit.epoch.public.leaves()
    )
