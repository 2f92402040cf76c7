"""The parts of a file that are sent, in order: bytes of our own, and ranges of what is on the disk.

So a picture is sent without what its camera wrote into it, and no changed copy lies anywhere.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from typing import IO

from mifeng_crypto.errors import UsageError

__all__ = ["Range", "Source", "parts_of", "whole"]


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """Bytes of the file, from `start` up to `end`."""

    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What of a file is sent. `length` is the file's own, when it was looked at."""

    file: IO[bytes]
    parts: tuple[bytes | Range, ...]
    length: int

    @property
    def size(self) -> int:
        """How many bytes that is."""
        return sum(
            part.end - part.start if isinstance(part, Range) else len(part) for part in self.parts
        )

    def read(self, piece_bytes: int) -> Iterator[bytes]:
        """Yield the bytes in pieces of at most so many.

        Raises:
            UsageError: the file has become shorter or longer than it was.
            OSError: it cannot be read.
        """
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
                continue
            self.file.seek(part.start)
            left = part.end - part.start
            while left:
                piece = self.file.read(min(left, piece_bytes))
                if not piece:
                    raise UsageError(
                        "the file shrank while it was read; send it again when it is whole"
                    )
                left -= len(piece)
                yield piece
        if _length(self.file) > self.length:
            raise UsageError("the file grew while it was read; send it again when it is whole")


def whole(file: IO[bytes]) -> Source:
    """All of a file, as long as it is now."""
    length = _length(file)
    return Source(file, (Range(0, length),), length)


def parts_of(file: IO[bytes], parts: Sequence[bytes | Range]) -> Source:
    """Some of a file, in this order."""
    return Source(file, tuple(parts), _length(file))


def _length(file: IO[bytes]) -> int:
    return file.seek(0, io.SEEK_END)
