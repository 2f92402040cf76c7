"""The type of a file, by its content: a name says what its author likes.

What is not known is `application/octet-stream`, and what reads as text is `text/plain`, also where
it is a web page or a drawing with scripts in it: nothing that is received is ever run.
"""

from __future__ import annotations

import re
import zipfile
from typing import IO

__all__ = ["OCTETS", "content_type_of"]

OCTETS = "application/octet-stream"
_HEAD_BYTES = 4096

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {  # ISO base media: the major brand of `ftyp`
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
    b"mif1": "image/heic", b"msf1": "image/heic", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
_OFFICE = "application/vnd.openxmlformats-officedocument."
_IN_ZIP = {
    "word/": _OFFICE + "wordprocessingml.document",
    "xl/": _OFFICE + "spreadsheetml.sheet",
    "ppt/": _OFFICE + "presentationml.presentation",
}
_MPEG_AUDIO = re.compile(rb"\xff[\xf2\xf3\xfa\xfb]")
_AAC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def content_type_of(file: IO[bytes]) -> str:
    """Return the media type; the file's position is at its beginning afterwards."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    found = _by_magic(head) or (_in_zip(file) if head[:4] == b"PK\x03\x04" else "")
    file.seek(0)
    return found or ("text/plain" if _is_text(head) else OCTETS)


def _by_magic(head: bytes) -> str:
    for at, magic, kind in _MAGIC:
        if head.startswith(magic, at):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], OCTETS)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:2] == b"BM" and len(head) > 18 and head[14:18] in _BMP_HEADERS:
        return "image/bmp"
    if _MPEG_AUDIO.match(head):
        return "audio/mpeg"
    return "audio/aac" if _AAC.match(head) else ""


_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124)}


def _in_zip(file: IO[bytes]) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()[:2000]
            mime = archive.read("mimetype")[:80] if names[:1] == ["mimetype"] else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, KeyError):
        return "application/zip"
    if re.fullmatch(rb"application/(vnd\.oasis\.opendocument\.[a-z]+|epub\+zip)", mime):
        return mime.decode()
    if "[Content_Types].xml" in names:
        for folder, kind in _IN_ZIP.items():
            if any(name.startswith(folder) for name in names):
                return kind
    return "application/zip"


def _is_text(head: bytes) -> bool:
    """UTF-8, UTF-16 with its mark, or GB18030, without control characters."""
    if not head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return bool(head)
    if _NO_TEXT.search(head):
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            # The head may end within a character.
            head.decode(encoding)
        except UnicodeDecodeError as err:
            if err.start >= len(head) - 4 and len(head) == _HEAD_BYTES:
                return True
        else:
            return True
    return False
