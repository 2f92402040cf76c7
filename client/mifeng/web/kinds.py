"""What a file is: by its name for an icon, by its first bytes for what a player is given.

Only what stands here is ever shown or played in the page. SVG, HTML, XML, PDF and whatever else
can hold a script is downloaded, under a type that no browser opens.
"""

from __future__ import annotations

__all__ = ["DOWNLOAD", "kind_of", "type_of"]

DOWNLOAD = "application/octet-stream"

_ENDINGS = {
    "image": "png jpg jpeg gif webp bmp tif tiff heic avif",
    "video": "mp4 m4v mov webm mkv avi",
    "audio": "mp3 m4a aac ogg oga opus wav flac",
    "sheet": "xls xlsx ods csv numbers",
    "slides": "ppt pptx odp key",
    "text": "pdf doc docx odt txt md rtf pages",
    "archive": "zip tar gz 7z rar xz zst",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}

# (offset, bytes) of a file's beginning, and the one type that it is given.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
)


def kind_of(name: str) -> str:
    """Return which icon a name gets: `image`, `video`, `audio`, `text`, ... or `file`."""
    return _KINDS.get(name.rpartition(".")[2].lower(), "file")


def type_of(beginning: bytes) -> str:
    """Return the type under which the page may show what begins so; else that of a download."""
    for offset, magic, content_type in _MAGIC:
        if beginning[offset : offset + len(magic)] == magic and (
            offset != 8 or beginning[:4] == b"RIFF"
        ):
            return content_type
    return DOWNLOAD
