"""How a call is declared, found and answered."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from mifeng import Unit, Workspace
from mifeng.web.door import Door
from mifeng.web.house import House
from mifeng.web.keeper import Keeper
from mifeng.web.media import Media
from mifeng.web.uploads import Uploads
from mifeng_crypto.errors import UsageError

__all__ = ["CALLS", "DESK", "Call", "Desk", "Done", "Nothing", "OfProfile", "OfUnit", "answer"]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[msgspec.Struct]])


@dataclass(frozen=True, slots=True)
class Desk:
    """What every call works with."""

    house: House
    door: Door
    media: Media
    uploads: Uploads

    def keeper(self, request: OfProfile) -> Keeper:
        """Return the profile that a request is about."""
        return self.house.keeper(request.profile)

    def me(self, request: OfProfile) -> Workspace:
        """Return it open.

        Raises:
            LockedError: it is locked.
        """
        return self.keeper(request).workspace

    def unit(self, request: OfUnit) -> Unit:
        """Return the unit that a request is about.

        Raises:
            NotFoundError: this device has never been in it.
        """
        return self.me(request).unit(request.unit)


DESK = web.AppKey("desk", Desk)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that says nothing."""


class Done(msgspec.Struct, frozen=True):
    """An answer that says nothing: it is done."""


class OfProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request about a profile, by the id that `state` gives it."""

    profile: str


class OfUnit(OfProfile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request about a unit, by its id."""

    unit: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it takes and gives, and what answers it."""

    name: str
    request: type[msgspec.Struct]
    reply: type[msgspec.Struct]
    run: Callable[[Desk, msgspec.Struct], Awaitable[msgspec.Struct]]


CALLS: dict[str, Call] = {}


def call(handler: Handler) -> Handler:
    """Declare a call: its name and its structs are those of the function."""
    hints = typing.get_type_hints(handler)
    name = handler.__name__.rstrip("_")
    CALLS[name] = Call(name, hints["request"], hints["return"], handler)
    return handler


async def answer(request: web.Request) -> web.Response:
    """Answer `POST /api/<name>`.

    Raises:
        UsageError: the body is not what the call takes.
        MifengError: as the call.
    """
    found = CALLS.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    if request.content_type != "application/json":
        raise UsageError("the local API speaks JSON; set the content type")
    try:
        asked = msgspec.json.decode(await request.read(), type=found.request)
    except msgspec.DecodeError as err:
        raise UsageError(
            "this is not what `{name}` takes: {err}", name=found.name, err=err
        ) from err
    reply = await found.run(request.app[DESK], asked)
    return web.Response(body=msgspec.json.encode(reply), content_type="application/json")
