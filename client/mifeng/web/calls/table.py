"""How a call is declared, found and answered."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from mifeng import Unit, Workspace
from mifeng.sdk.governed import Governed
from mifeng.web.house import House
from mifeng.web.keeper import Keeper
from mifeng.web.media import Media
from mifeng.web.porch import Porch
from mifeng.web.uploads import Uploads
from mifeng_crypto.errors import UsageError

__all__ = ["CALLS", "Call", "Desk", "Done", "Nothing", "OfProfile", "OfUnit", "answer"]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[msgspec.Struct]])


@dataclass(frozen=True, slots=True)
class Desk:
    """What every call works with."""

    entrance: Porch
    house: House
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

    async def governed(self, request: OfUnit) -> Governed:
        """Return it also where one only has a say in it.

        Raises:
            MifengError: there is none, or the server had to be asked and was not reached.
        """
        return await self.me(request).governed(request.unit)


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


async def answer(desk: Desk, name: str, facts: msgspec.Raw) -> msgspec.Struct:
    """Do what a call asks for.

    Raises:
        UsageError: there is no such call, or it does not take these facts.
        MifengError: as the call.
    """
    found = CALLS.get(name)
    if found is None:
        raise UsageError("this page and its process are of two versions; load the page again")
    try:
        asked = msgspec.json.decode(facts, type=found.request)
    except msgspec.DecodeError as err:
        raise UsageError(
            "this is not what `{name}` takes: {err}", name=found.name, err=err
        ) from err
    return await found.run(desk, asked)
