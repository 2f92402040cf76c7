"""A value that can be read until a deadline: what core makes of content, and the store seals."""

from __future__ import annotations

__all__ = ["Expiring"]


class Expiring(bytes):
    """A value, and what stands in its place once its deadline has passed.

    Attributes:
        rest: as it is read afterwards. It stays.
        unit_id: in which unit it was accepted.
        slot: in which hour.
        deadline: of that slot, by the policy of that moment, in Unix milliseconds.
        strict: whether a share of the server is needed to read it.
    """

    rest: bytes
    unit_id: bytes
    slot: int
    deadline: int
    strict: bool

    @classmethod
    def of(
        cls,
        value: bytes,
        *,
        rest: bytes,
        unit_id: bytes,
        slot: int,
        deadline: int,
        strict: bool = False,
    ) -> Expiring:
        """Make one; see the attributes."""
        made = cls(value)
        made.rest, made.unit_id, made.slot, made.deadline = rest, unit_id, slot, deadline
        made.strict = strict
        return made
