"""How far a unit was read, kept with the profile: after a restart it goes on from there."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from mifeng.sdk import Unit, Workspace

__all__ = ["Reading"]

_BEGUN = "bot begun"


class _Kept(msgspec.Struct, array_like=True):
    done: int
    begun: int


@dataclass(slots=True)
class Reading:
    """Where a bot is in a unit.

    Attributes:
        done: everything up to this number has been handled.
        begun: the number that was being handled when this was written last.
    """

    me: Workspace
    unit: Unit
    done: int
    begun: int

    @classmethod
    async def has_begun(cls, me: Workspace) -> bool:
        """Whether a bot has run on this profile before; from now on one has."""
        before = bool(await me.note(_BEGUN))
        if not before:
            await me.set_note(_BEGUN, b"1")
        return before

    @classmethod
    async def of(cls, me: Workspace, unit: Unit, *, from_now: bool) -> Reading:
        """Return where to go on.

        Args:
            me: the profile.
            unit: of it.
            from_now: where nothing was read yet, whether to begin with what comes next; otherwise
                with the first message that is here.
        """
        raw = await me.note(_name(unit))
        if raw:
            kept = msgspec.msgpack.decode(raw, type=_Kept)
            return cls(me, unit, kept.done, kept.begun)
        reading = cls(me, unit, unit.sequence if from_now else 0, 0)
        await reading._keep()
        return reading

    async def begin(self, sequence: int) -> bool:
        """Note that a message is in hand; return whether it was already."""
        was = self.begun == sequence
        if not was:
            self.begun = sequence
            await self._keep()
        return was

    async def finish(self, sequence: int) -> None:
        """Note that a message, and all before it, need nothing more."""
        self.done = sequence
        await self._keep()

    async def _keep(self) -> None:
        raw = msgspec.msgpack.encode(_Kept(self.done, self.begun))
        await self.me.set_note(_name(self.unit), raw)


def _name(unit: Unit) -> str:
    return f"bot {unit.id.hex()}"
