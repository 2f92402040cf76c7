"""Films of the ISO base media family (MP4, MOV, 3GP) without what tells place, time and camera.

Everything keeps its place in the file, so that nothing that points into it has to change: a box
that tells (`udta`, `meta`, `uuid`) becomes an empty `free` of its size, the times of making are 0,
and of a track that is neither seen, heard nor read (phones and drones write where they are, second
by second) the samples become zeros as well. Sound and pictures stay byte for byte (ISO/IEC
14496-12).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from mifeng.media.source import Range, Source, parts_of
from mifeng_crypto.errors import UsageError

__all__ = ["film"]

_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_TELLS = frozenset({b"udta", b"meta", b"uuid"})
_TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_SHOWN = frozenset(
    {b"vide", b"auxv", b"pict", b"soun", b"text", b"sbtl", b"subt", b"clcp", b"tmcd"}
)
"""Handlers of tracks that are for eyes and ears, and of the time code."""
_MAX_BOXES = 20_000
_MAX_DEPTH = 8
_MAX_WIPED = 64 << 20
_TABLE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    content: int
    end: int


@dataclass(slots=True)
class _Cut:
    """What of a film is written over: where, and with what."""

    file: IO[bytes]
    size: int
    boxes: int = 0
    wiped: int = 0
    over: list[tuple[int, bytes]] = field(default_factory=list)

    def put(self, at: int, data: bytes) -> None:
        self.wiped += len(data)
        if self.wiped > _MAX_WIPED:
            raise IndexError
        self.over.append((at, data))

    def empty(self, box: _Box) -> None:
        """Make a box a `free` one, with nothing in it."""
        self.put(box.start + 4, b"free")
        self.put(box.content, bytes(min(box.end - box.content, _MAX_WIPED + 1)))

    def read(self, at: int, size: int) -> bytes:
        self.file.seek(at)
        data = self.file.read(size)
        if len(data) != size:
            raise IndexError
        return data

    def boxes_of(self, start: int, end: int) -> Iterator[_Box]:
        """Yield what lies between."""
        while end - start >= 8:
            self.boxes += 1
            if self.boxes > _MAX_BOXES:
                raise IndexError
            size, kind = struct.unpack(">I4s", self.read(start, 8))
            content = start + 8
            if size == 1:
                (size,) = struct.unpack(">Q", self.read(content, 8))
                content += 8
            last = start + size if size else end
            if last < content or (last > end and kind != b"mdat"):
                raise IndexError  # pictures that are cut off play as far as they go
            yield _Box(kind, start, content, min(last, end))
            start = last


def film(file: IO[bytes]) -> Source:
    """Return what of a film is sent.

    Raises:
        UsageError: it has a track that tells, and whose samples are not where they can be found.
        IndexError, struct.error: the film is damaged.
    """
    size = file.seek(0, 2)
    cut = _Cut(file, size)
    _walk(cut, 0, size, fragments=_has_fragments(cut), depth=0)
    parts: list[bytes | Range] = []
    at = 0
    for start, data in sorted(cut.over):
        if start < at:
            raise IndexError  # a track whose samples are in a table
        parts += [Range(at, start), data]
        at = start + len(data)
    if at > size:
        raise IndexError
    return parts_of(file, [*parts, Range(at, size)])


def _has_fragments(cut: _Cut) -> bool:
    return any(box.kind == b"moof" for box in cut.boxes_of(0, cut.size))


def _walk(cut: _Cut, start: int, end: int, *, fragments: bool, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise IndexError
    for box in cut.boxes_of(start, end):
        if box.kind in _TELLS:
            cut.empty(box)
        elif box.kind in _TIMED:
            wide = cut.read(box.content, 1) == b"\x01"
            cut.put(box.content + 4, bytes(16 if wide else 8))
        elif box.kind == b"trak" and _handler(cut, box) not in _SHOWN:
            if fragments:
                raise UsageError(
                    "this film has a track that may tell where it was taken, and that cannot be "
                    "taken out; send it as it is with --keep-metadata"
                )
            for at, length in _samples(cut, box):
                cut.put(at, bytes(min(length, _MAX_WIPED + 1)))
            cut.empty(box)
        elif box.kind in _INSIDE:
            _walk(cut, box.content, box.end, fragments=fragments, depth=depth + 1)


def _inside(cut: _Cut, box: _Box, *path: bytes) -> _Box | None:
    for kind in path:
        found = next((one for one in cut.boxes_of(box.content, box.end) if one.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def _handler(cut: _Cut, trak: _Box) -> bytes:
    found = _inside(cut, trak, b"mdia", b"hdlr")
    if found is None:
        raise IndexError
    return cut.read(found.content + 8, 4)


def _samples(cut: _Cut, trak: _Box) -> Iterator[tuple[int, int]]:
    """Where the chunks of a track are, and how long (`stco` or `co64`, `stsc`, `stsz`)."""
    sizes = _table(cut, trak, b"stsz", 12)
    same, count = struct.unpack(">II", sizes[4:12])
    each = iter([same] * min(count, cut.size) if same else _numbers(sizes[12:], ">I", count))
    wide = _inside(cut, trak, b"mdia", b"minf", b"stbl", b"co64") is not None
    chunks = _table(cut, trak, b"co64" if wide else b"stco", 8)
    (number,) = struct.unpack(">I", chunks[4:8])
    offsets = _numbers(chunks[8:], ">Q" if wide else ">I", number)
    runs = _table(cut, trak, b"stsc", 8)
    (number,) = struct.unpack(">I", runs[4:8])
    flat = _numbers(runs[8:], ">I", 3 * number)
    first = dict(zip(flat[::3], flat[1::3], strict=True))
    per_chunk = 0
    for n, at in enumerate(offsets, start=1):
        per_chunk = first.get(n, per_chunk)
        yield at, sum(itertools.islice(each, per_chunk))


def _table(cut: _Cut, trak: _Box, kind: bytes, least: int) -> bytes:
    found = _inside(cut, trak, b"mdia", b"minf", b"stbl", kind)
    if found is None or not least <= found.end - found.content <= _TABLE_BYTES:
        raise IndexError
    return cut.read(found.content, found.end - found.content)


def _numbers(data: bytes, form: str, count: int) -> list[int]:
    size = struct.calcsize(form) * count
    if len(data) < size:
        raise IndexError
    return [number for (number,) in struct.iter_unpack(form, data[:size])]
