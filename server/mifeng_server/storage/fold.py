"""Many batches of writes folded into one.

Folding makes group commit cheap: a hundred messages of a unit are one INSERT with a hundred
parameter sets, and one UPDATE of the unit from its first state to its last. Expectations stay
checked: a chain of swaps is checked where it begins against the row, and then link by link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mifeng_server.domain.rows import Delete, Insert, Key, Put, Row, Swap, Write, key_of

__all__ = ["NotFoldableError", "fold"]


class NotFoldableError(Exception):
    """These batches touch one row in ways that only running them one after another gets right."""


def fold(batches: Iterable[Sequence[Write]]) -> list[Write]:
    """Merge batches into one that has the same effect and touches no row twice.

    Raises:
        NotFoldableError: there is no such batch, or an expectation contradicts a write before it.
    """
    folded: dict[tuple[type[Row], Key], Write] = {}
    for batch in batches:
        for write in batch:
            name = _name(write)
            before = folded.get(name)
            folded[name] = write if before is None else _merge(before, write)
    return list(folded.values())


def _name(write: Write) -> tuple[type[Row], Key]:
    if isinstance(write, Delete):
        return write.kind, write.key
    row = write.new if isinstance(write, Swap) else write.row
    return type(row), key_of(row)


def _merge(before: Write, write: Write) -> Write:
    """Return the one write that does what `before` and then `write` do."""
    if isinstance(write, Swap):
        if isinstance(before, Swap) and before.new == write.old:
            return Swap(before.old, write.new)
        if isinstance(before, Insert) and before.row == write.old:
            return Insert(write.new)
    if isinstance(write, Put):
        if isinstance(before, Insert):
            return Insert(write.row)
        if isinstance(before, Put):
            return write
    raise NotFoldableError
