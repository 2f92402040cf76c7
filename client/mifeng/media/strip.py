"""Pictures and films without what tells place, time and camera; what is shown stays byte for byte.

    JPEG   segments APP1 (Exif, XMP), APP13 (IPTC), the multi-picture part of APP2, comments, and
           whatever follows the picture's end are left out; which way up it is comes in again
    PNG    chunks eXIf, tEXt, zTXt, iTXt, tIME are left out
    WebP   chunks EXIF and XMP are left out
    films  film.py

Other kinds that carry such data and that nothing here can take apart are refused by name.
"""

from __future__ import annotations

import re
import struct
from typing import IO

from mifeng.media.film import film
from mifeng.media.source import Range, Source, parts_of, whole
from mifeng_crypto.errors import UsageError

__all__ = ["stripped"]

_UNKNOWN = frozenset({"image/heic", "image/avif", "image/tiff"})
_PNG_TELLS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_WEBP_TELLS = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04  # of VP8X: there is Exif, there is XMP
_ORIENTATION = 0x0112
_BLOCK_BYTES = 1 << 20
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In the coded picture 0xFF is followed by 0, or by a restart: anything else ends it."""


def stripped(file: IO[bytes], content_type: str) -> Source:
    """Return what of a file is sent so that it does not tell where and with what it was made.

    Raises:
        UsageError: this kind cannot be stripped, or the picture or film is damaged.
    """
    if content_type in _UNKNOWN:
        raise UsageError(
            "a picture of type {kind} may tell where it was taken, and that cannot be taken out; "
            "save it as JPEG or PNG, or send it as it is with --keep-metadata",
            kind=content_type,
        )
    strip = _STRIP.get(content_type)
    if strip is None:
        return whole(file)
    try:
        return strip(file)
    except (struct.error, IndexError) as err:
        raise UsageError(
            "this file is damaged, so what it tells of its place cannot be taken out; "
            "save it anew, or send it as it is with --keep-metadata"
        ) from err


def _read(file: IO[bytes], at: int, size: int) -> bytes:
    file.seek(at)
    data = file.read(size)
    if len(data) != size:
        raise IndexError
    return data


# ------------------------------------------------------------------ JPEG (ITU T.81, annex B)


def _jpeg(file: IO[bytes]) -> Source:
    parts: list[bytes | Range] = [Range(0, 2)]
    at, orientation = 2, 1
    while True:
        fill, marker = _read(file, at, 2)
        if fill != 0xFF:
            raise IndexError
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xD9:
            parts.append(Range(at, at + 2))
            break
        (length,) = struct.unpack(">H", _read(file, at + 2, 2))
        start, at = at, at + 2 + length
        head = _read(file, start + 4, min(length - 2, 64 << 10))
        if marker == 0xE1 and head.startswith(b"Exif\x00\x00"):
            orientation = _orientation(head[6:])
        if not _tells(marker, head):
            parts.append(Range(start, at))
        if marker == 0xDA:  # start of a scan: the coded picture follows
            end = _end_of_scan(file, at)
            parts.append(Range(at, end))
            at = end
    if orientation != 1:
        parts.insert(1, _exif_with(orientation))
    return parts_of(file, parts)


def _tells(marker: int, head: bytes) -> bool:
    return (
        marker in (0xE1, 0xED, 0xFE)
        or (marker == 0xE2 and head.startswith(b"MPF\x00"))
        or 0xE3 <= marker <= 0xEC
        or marker == 0xEF
    )


def _end_of_scan(file: IO[bytes], at: int) -> int:
    """Return where the marker after the coded picture begins."""
    file.seek(at)
    before = b""
    while block := file.read(_BLOCK_BYTES):
        joined = before + block
        found = _MARKER.search(joined)
        if found:
            return at - len(before) + found.start()
        at += len(block)
        before = joined[-1:]
    raise IndexError


def _orientation(tiff: bytes) -> int:
    """Which way up the picture is (Exif 2.3, tag 0x0112); 1 where it is not said."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for n in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * n)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _exif_with(orientation: int) -> bytes:
    """An Exif segment that says which way up, and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    body = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body


# ------------------------------------------------------------------ PNG (W3C, section 5.3)


def _png(file: IO[bytes]) -> Source:
    parts: list[bytes | Range] = [Range(0, 8)]
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", _read(file, at, 8))
        start, at = at, at + 12 + length
        _read(file, at - 1, 1)  # it is all there
        if kind not in _PNG_TELLS:
            parts.append(Range(start, at))
    return parts_of(file, parts)


# ------------------------------------------------------------------ WebP (RFC 9649)


def _webp(file: IO[bytes]) -> Source:
    (riff,) = struct.unpack("<I", _read(file, 4, 4))
    at, end = 12, 8 + riff
    body: list[bytes | Range] = []
    while at < end:
        kind, length = struct.unpack("<4sI", _read(file, at, 8))
        start, at = at, at + 8 + length + length % 2
        _read(file, start + 7 + length, 1)
        if kind == b"VP8X":
            chunk = bytearray(_read(file, start, 8 + length))
            chunk[8] &= ~_WEBP_FLAGS
            body.append(bytes(chunk))
        elif kind not in _WEBP_TELLS:
            body.append(Range(start, min(at, end)))
    size = parts_of(file, body).size
    return parts_of(file, (b"RIFF" + struct.pack("<I", size + 4) + b"WEBP", *body))


_STRIP = {
    "image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp,
    "video/mp4": film, "video/quicktime": film, "video/3gpp": film,
}  # fmt: skip
