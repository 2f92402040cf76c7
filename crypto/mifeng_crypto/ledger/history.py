"""What was true of each key, and since which entry: so the past can be asked without copies."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["History"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class History(Generic[K, V]):
    """A table of which every earlier state can be read.

    It only grows: a value is set at a sequence not before any other's, and read at any sequence.
    None means that the key is not in the table.
    """

    __slots__ = ("_values",)

    def __init__(self, values: dict[K, tuple[tuple[int, V | None], ...]] | None = None) -> None:
        self._values: dict[K, tuple[tuple[int, V | None], ...]] = {} if values is None else values

    @property
    def values(self) -> dict[K, tuple[tuple[int, V | None], ...]]:
        """All that was ever set: what `History` takes to be the same again."""
        return self._values

    def set(self, key: K, sequence: int, value: V | None) -> None:
        """Let `key` have `value` from entry `sequence` on."""
        self._values[key] = (*self._values.get(key, ()), (sequence, value))

    def get(self, key: K, at: int) -> V | None:
        """Return the value of `key` after entry `at`."""
        for since, value in reversed(self._values.get(key, ())):
            if since <= at:
                return value
        return None

    def since(self, key: K, at: int) -> int:
        """Return the entry that gave `key` its value after entry `at`; 0 if none did."""
        for since, _ in reversed(self._values.get(key, ())):
            if since <= at:
                return since
        return 0

    def unbroken(self, key: K, at: int) -> int:
        """Return since which entry `key` has had some value, up to `at`; 0 if it has none."""
        found = 0
        for since, value in reversed(self._values.get(key, ())):
            if since <= at:
                if value is None:
                    break
                found = since
        return found

    def last(self, key: K, at: int) -> V | None:
        """Return the newest value that `key` had up to entry `at`, even if it has none now."""
        for since, value in reversed(self._values.get(key, ())):
            if since <= at and value is not None:
                return value
        return None

    def items(self, at: int) -> Iterator[tuple[K, V]]:
        """Go through what is in the table after entry `at`, in order of first entrance."""
        for key in self._values:
            value = self.get(key, at)
            if value is not None:
                yield key, value

    def until(self, sequence: int) -> History[K, V]:
        """Return a copy that has seen no entry after `sequence`."""
        copy: History[K, V] = History()
        for key, values in self._values.items():
            kept = tuple(value for value in values if value[0] <= sequence)
            if kept:
                copy._values[key] = kept
        return copy
