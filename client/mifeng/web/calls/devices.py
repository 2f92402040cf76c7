"""Devices: whose there are, one more of one's own, one that is lost."""

from __future__ import annotations

import contextlib

import msgspec

from mifeng.content import printable
from mifeng.sdk.devices import DeviceOffer
from mifeng.sdk.wording import arrival_word
from mifeng.web.calls.people import OfPerson
from mifeng.web.calls.table import Desk, Done, OfProfile, call
from mifeng_crypto.errors import UsageError

__all__ = ["DevicesReply"]

_OFFERS: dict[str, tuple[contextlib.AsyncExitStack, DeviceOffer]] = {}
"""The link that each profile shows at the moment."""


class DeviceFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A device, and in words how it came."""

    id: str
    added_at: int
    how: str
    ended_at: int
    is_this: bool


class DevicesReply(msgspec.Struct, frozen=True):
    """Those that are valid first, then those that were."""

    devices: list[DeviceFacts]


class OfDevice(OfPerson, frozen=True, kw_only=True):
    """A device of somebody."""

    device: str


class OfferReply(msgspec.Struct, frozen=True):
    """A link for one new device, for ten minutes, and the rows of its QR code."""

    link: str
    qr: list[str]


class OfferedReply(msgspec.Struct, frozen=True):
    """What asks to be let in: its own words, which prove nothing. The digits do."""

    name: str
    system: str


class ApproveRequest(OfProfile, frozen=True, kw_only=True):
    """The twelve digits that the new device shows, as a person has read them."""

    code: str


class ApproveReply(msgspec.Struct, frozen=True):
    """Whether it is in all of this device's units already."""

    is_in: bool


@call
async def devices(desk: Desk, request: OfPerson) -> DevicesReply:
    """Return the devices that were ever added to somebody's name."""
    me = desk.me(request)
    found = await me.devices.list(me.person(request.person))
    return DevicesReply(
        [
            DeviceFacts(
                id=one.id.hex(),
                added_at=one.added_at,
                how=arrival_word(one),
                ended_at=one.ended_at or 0,
                is_this=one.is_this,
            )
            for one in sorted(found, key=lambda one: not one.is_valid)
        ]
    )


@call
async def revoke_device(desk: Desk, request: OfDevice) -> Done:
    """Take a device out for good."""
    me = desk.me(request)
    await me.devices.revoke(await me.devices.find(request.device, me.person(request.person)))
    return Done()


@call
async def offer_device(desk: Desk, request: OfProfile) -> OfferReply:
    """Show a link for one more device of one's own."""
    await withdraw_device(desk, request)
    async with contextlib.AsyncExitStack() as stack:
        offer = await stack.enter_async_context(desk.me(request).devices.link())
        _OFFERS[request.profile] = stack.pop_all(), offer
    import segno  # noqa: PLC0415 - only here

    code = segno.make(offer.link, error="l", micro=False)
    return OfferReply(offer.link, ["".join(map(str, row)) for row in code.matrix_iter(border=2)])


@call
async def offered_device(_desk: Desk, request: OfProfile) -> OfferedReply:
    """Wait until a device asks."""
    asks = await _offer(request).requested()
    return OfferedReply(printable(asks.name), printable(asks.system))


@call
async def approve_device(_desk: Desk, request: ApproveRequest) -> ApproveReply:
    """Let it in. There is one try."""
    return ApproveReply(await _offer(request).approve(request.code))


@call
async def withdraw_device(_desk: Desk, request: OfProfile) -> Done:
    """Show the link no longer."""
    if request.profile in _OFFERS:
        await _OFFERS.pop(request.profile)[0].aclose()
    return Done()


def _offer(request: OfProfile) -> DeviceOffer:
    if request.profile not in _OFFERS:
        raise UsageError("no link for a device is shown; show one first")
    return _OFFERS[request.profile][1]
