"""One announcement to a unit and those below it, each under its own keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mifeng.sdk.unit import Unit
from mifeng.sdk.units import OrgUnit, Units
from mifeng.sdk.values import Message
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId

__all__ = ["Cascade", "Cascading", "cascade", "those_below"]

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Cascade:
    """Where an announcement went, and where it did not.

    Attributes:
        posted: each unit with its message.
        left_out: the units of the tree below in which one may not post, or is not: with the reason.
    """

    posted: tuple[tuple[Unit, Message], ...]
    left_out: tuple[tuple[OrgUnit, str], ...]


def those_below(places: Sequence[OrgUnit], unit_id: UnitId) -> list[OrgUnit]:
    """Return a unit and all below it, out of the whole tree in its order."""
    found, depth = list[OrgUnit](), None
    for place in places:
        if place.id == unit_id:
            depth = place.depth
        elif depth is not None and place.depth <= depth:
            break
        if depth is not None:
            found.append(place)
    return found


async def cascade(
    places: Sequence[OrgUnit], title: str, text: str, paths: Sequence[str | Path]
) -> Cascade:
    """Announce in each of these units; what does not work in one does not stop the others."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def post(place: OrgUnit) -> Message | str:
        unit = place.unit
        if unit is None or not unit.is_member:
            return "you are not in it"
        if unit.is_closed:
            return "it is closed"
        if not unit.may_post:
            return "you may read here and not post"
        async with gate:
            try:
                return await unit.announce(title, text, *paths)
            except MifengError as err:
                return str(err)

    results = await asyncio.gather(*(post(place) for place in places))
    posted = [
        (place.unit, result)
        for place, result in zip(places, results, strict=True)
        if isinstance(result, Message) and place.unit is not None
    ]
    left_out = [
        (place, result)
        for place, result in zip(places, results, strict=True)
        if isinstance(result, str)
    ]
    return Cascade(tuple(posted), tuple(left_out))


class Cascading(Units):
    """The part of an open profile that announces to many units."""

    async def announce(self, unit: Unit, title: str, text: str, *paths: str | Path) -> Cascade:
        """Announce in a unit and in all units below it in which one may post, each for itself.

        Args:
            unit: the uppermost.
            title: one line.
            text: in Markdown.
            paths: files that come with it.

        Raises:
            MifengError: never for what fails in one unit: that is listed in the answer.
        """
        return await cascade(those_below(self.org(), unit.id), title, text, paths)
