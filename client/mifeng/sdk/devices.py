"""The devices of people, and how one's own come and go, as an application sees them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mifeng.core.calling import called
from mifeng.core.changes import DeviceLife, lives_of
from mifeng.errors import NotFoundError
from mifeng.sdk.values import Person, person_from
from mifeng.session import Session, changes, directory, directory_key, ledgers, linking
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis
from mifeng_crypto.ledger.roster_entry import RevokeDevice

__all__ = ["Device", "DeviceOffer", "Devices", "NewDevice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that was ever added to somebody's name.

    Attributes:
        id: for good.
        name: what its owner calls it; empty if that is not known (yet).
        person: whose.
        added_at: when, as its author says.
        added_by: who signed it in.
        how: `found`, `add_member` (by an invite), `add_device` (linked) or `recover`.
        ended_at: when it was taken out; None while it is valid.
        ended_by: who did that.
        end: `revoke_device`, `recover` (all older ones), `remove_member`; empty while it is valid.
        is_this: whether it is the one that asks.
    """

    id: DeviceId
    name: str
    person: Person
    added_at: UnixMillis
    added_by: Person
    how: str
    ended_at: UnixMillis | None
    ended_by: Person | None
    end: str
    is_this: bool

    @property
    def is_valid(self) -> bool:
        return not self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """What asks to be linked: its own words, which prove nothing. The digits do."""

    id: DeviceId
    name: str
    system: str


class DeviceOffer:
    """A link for one new device, for ten minutes.

    Attributes:
        link: `mifeng:link#...`: show it to the new device, and to nobody else.
        shared: how many messages from before were handed over to it, once it was approved. Units
            that it comes into later follow by themselves.
    """

    def __init__(self, session: Session, approval: linking.Approval) -> None:
        self._session = session
        self._approval = approval
        self.link = approval.link
        self.shared = 0

    def __repr__(self) -> str:
        return "DeviceOffer(...)"

    async def requested(self) -> NewDevice:
        """Wait until a device asks to be linked.

        Raises:
            LinkSpentError: the ten minutes are over.
            ProtocolError: LINK-1: it is for another link.
            TransportError: the server was not reached.
        """
        request = await self._approval.request()
        return NewDevice(
            id=DeviceId(request.device.device_id), name=request.name, system=request.system
        )

    async def approve(self, code: str) -> bool:
        """Add it, if `code` is the twelve digits that the new device shows. There is one try.

        Never fill in the code by a program: a person reads it off the new device.

        Returns:
            Whether it is in all of this device's units already.

        Raises:
            ProtocolError: LINK-3: other digits; nothing was added. ROSTER-16: five are the most.
            UsageError: nothing has asked.
            ServerProblem, TransportError: it was not accepted.
        """
        device_id = await self._approval.approve(code)
        left = await linking.see_in(self._session, device_id)
        self.shared = self._session.history.given.get(device_id, 0)
        return not left


class Devices:
    """`Workspace.devices`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, person: Person | None = None) -> list[Device]:
        """Return every device that was ever added to somebody's name, in order; else one's own."""
        session = self._session
        who = person.id if person is not None else session.profile.member_id
        known = await changes.read(session)
        return [self._device(who, life) for life in lives_of(known, who)]

    def _device(self, member_id: MemberId, life: DeviceLife) -> Device:
        people, ended = self._session.people, life.ended
        return Device(
            id=life.device_id,
            name=self._name(member_id, life.device_id),
            person=person_from(member_id, people),
            added_at=life.began.time,
            added_by=person_from(life.began.author, people),
            how=life.began.kind,
            ended_at=ended.time if ended else None,
            ended_by=person_from(ended.author, people) if ended else None,
            end=ended.kind if ended else "",
            is_this=life.device_id == self._session.profile.device_id,
        )

    def _name(self, member_id: MemberId, device_id: DeviceId) -> str:
        card = self._session.people.cards.get(member_id)
        named = card.devices if card is not None else ()
        return next((one.name for one in named if one.device_id == device_id), "")

    async def rename(self, device: Device, name: str) -> None:
        """Call a device of one's own something else; only members can read it.

        Raises:
            UsageError: it is somebody else's.
            ProtocolError: CARD-1: the name is none.
            ServerProblem, TransportError: it was not accepted.
        """
        if device.person.id != self._session.profile.member_id or not name.strip():
            raise UsageError("a device is named by its owner, with a name that is not empty")
        await directory.name_device(self._session, device.id, name)

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[DeviceOffer]:
        """Offer a link to one new device of one's own; it ends with the `with`.

        Raises:
            ServerProblem, TransportError: it was not accepted.
        """
        approval = await linking.Approval.begin(self._session)
        try:
            yield DeviceOffer(self._session, approval)
        finally:
            await approval.close()

    async def find(self, name: str, person: Person | None = None) -> Device:
        """Return the valid device of this name or id, or that alone begins so.

        Raises:
            NotFoundError: there is none.
            UsageError: there is more than one.
        """
        valid = [device for device in await self.list(person) if device.is_valid]
        found = called(name, valid, name=lambda d: d.name, id_of=lambda d: d.id)
        if not found:
            raise NotFoundError("there is no device {name}; see `mifeng device list`", name=name)
        if len(found) > 1:
            raise UsageError(
                "{name} could be {n} devices; write more of the name, or the id",
                name=name,
                n=len(found),
            )
        return found[0]

    async def revoke(self, device: Device) -> None:
        """Take a device out for good: one's own, or as an admin another's.

        Raises:
            ProtocolError: ROSTER-13: you have no right to it; ROSTER-14: it is the last owner's.
            ServerProblem, TransportError: it was not accepted.
        """
        await ledgers.sign_roster(self._session, RevokeDevice(device.id))
        await directory_key.rotate(self._session)  # whoever has the device knows the old one
