"""What is new in the directory, taken in: cards of people and cards of units alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from mifeng.core.rows import Changes
from mifeng_crypto.api.messages import Card as SealedCard
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError

__all__ = ["learn"]


class Versioned(Protocol):
    """A card: a higher version takes the place of a lower one."""

    @property
    def card_version(self) -> int: ...


Id = TypeVar("Id", bound=bytes)
C = TypeVar("C", bound=Versioned)


def learn(
    known: Mapping[Id, C],
    sealed: Iterable[SealedCard],
    *,
    table: str,
    id_of: Callable[[bytes], Id],
    open_sealed: Callable[[Id, SealedCard], tuple[C, bytes]],
) -> tuple[dict[Id, C], Changes, tuple[SealedCard, ...]]:
    """Take in what the server has, newer than what is known.

    Args:
        known: the cards that were verified before.
        sealed: what the server gives.
        table: where they are stored.
        id_of: whose card it is, from its bytes.
        open_sealed: opens and verifies one; returns the card, and the bytes to store.

    Returns:
        All cards, the rows to save, and those that were passed over: they do not open, or do not
        verify by the roster as it is known.
    """
    cards, changes = dict(known), dict[tuple[str, bytes], bytes | None]()
    passed_over = list[SealedCard]()
    for item in sealed:
        subject = id_of(item.subject)
        before = cards.get(subject)
        if before is not None and before.card_version >= item.version:
            continue
        try:
            cards[subject], changes[table, subject] = open_sealed(subject, item)
        except (CodecError, CryptoError, ProtocolError):
            passed_over.append(item)
    return cards, changes, tuple(passed_over)
