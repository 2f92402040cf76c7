"""Secret bytes that do not show themselves.

Python cannot wipe bytes; what it can do is never print them and forget them early. Whoever holds a
`Secret` holds also what the libraries made of it (a parsed private key), and nobody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

__all__ = ["Secret"]

T = TypeVar("T")


class Secret(bytes):
    """Bytes whose `repr` shows only their length."""

    _parsed: tuple[Callable[[bytes], object], object] | None = None

    def parsed(self, parse: Callable[[bytes], T]) -> T:
        """Return `parse(self)`, computed once and kept for as long as this very object lives.

        Parsing a private key costs as much as using it; a cache elsewhere would outlive the key.
        """
        kept = self._parsed
        if kept is not None and kept[0] == parse:
            return kept[1]  # type: ignore[return-value]  # it came from this very `parse`
        result = parse(self)
        self._parsed = (parse, result)
        return result

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        """Stay out of pickles, and so out of caches, queues and crash reports."""
        raise TypeError("a secret is neither pickled nor deeply copied: store it on purpose")
