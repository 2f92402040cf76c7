"""The lengths to which messages and files are padded before they are encrypted."""

from __future__ import annotations

__all__ = ["MIN_PADDED_BYTES", "message_length", "padme"]

MIN_PADDED_BYTES = 256
"""Nothing is padded to less: so a short answer, a reaction and a receipt look alike, which Padmé
alone would tell apart by steps of 8 bytes."""

SHORT_BYTES = 16_384
"""Up to here a message has one of seven lengths."""


def message_length(n: int) -> int:
    """Return the length to which a message of `n` bytes is padded.

    What people write is short, and of a few hundred bytes every 16 tell something: so it is rounded
    up to a power of two, which costs little where little is sent; what is long is as a file.
    """
    if n > SHORT_BYTES:
        return padme(n)
    return max(MIN_PADDED_BYTES, 1 << (n - 1).bit_length())


def padme(n: int) -> int:
    """Return the length to which `n` bytes are padded.

    Padmé (Nikitin et al., PETS 2019): all but the top bits of the length are rounded up, so that
    it tells O(log log n) bits and grows by less than 12 %.
    """
    if n <= MIN_PADDED_BYTES:
        return MIN_PADDED_BYTES
    exponent = n.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (n + mask) & ~mask
