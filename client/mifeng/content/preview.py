"""What a message says of a file beside name, type and size: its sender's words, as all of it."""

from __future__ import annotations

import msgspec

__all__ = ["MAX_THUMBNAIL_BYTES", "NO_PREVIEW", "Preview"]

MAX_THUMBNAIL_BYTES = 24 << 10


class Preview(msgspec.Struct, frozen=True, omit_defaults=True):
    """Zero and empty where it is not known.

    Attributes:
        width: of a picture or film, in pixels, as it is shown.
        height: likewise.
        duration_ms: of a film or sound.
        pages: of a document.
        thumbnail: a small picture, at most 24 KiB.
        thumbnail_type: its media type.
        reason: why its sender has made none, where one could be expected; not part of a message.
    """

    width: int = 0
    height: int = 0
    duration_ms: int = 0
    pages: int = 0
    thumbnail: bytes = b""
    thumbnail_type: str = ""
    reason: str = ""


NO_PREVIEW = Preview()
