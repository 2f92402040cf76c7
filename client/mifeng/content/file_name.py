"""A name under which a received file may be stored, on every system.

The sender's name is a wish. It must not leave the target folder, hit a device, hide its ending, or
be taken for an option, on Linux, macOS or Windows alike.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MAX_NAME_BYTES", "MAX_SENT_BYTES", "safe_name", "shortened"]

MAX_NAME_BYTES = 200
"""Below the 255 of common file systems, so that a temporary name made of it fits too."""

MAX_SENT_BYTES = 1024
"""File systems have names of 255 bytes; what programs and browsers send may have longer ones."""
_SHOWN, _ENDING = 255, 55

_DEVICES = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE
)
_SPECIAL = re.compile(r'[<>:"|?*]')
_MAX_SUFFIX_BYTES = 20


def safe_name(name: str) -> str:
    """Return the last part of `name`, harmless; `file` where nothing is left."""
    name = re.split(r"[/\\]", name)[-1]
    name = unicodedata.normalize("NFC", name)
    # Cc, Cf, Cs, Co, Cn: control, direction and other invisible ones, and what is no character.
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = "".join(" " if c.isspace() else c for c in _SPECIAL.sub("_", name))
    name = _cut(name.strip(" ").rstrip(". "))
    if not name:
        return "file"
    if name[0] in ".-~" or _DEVICES.match(name):
        name = "_" + name
    return name


def shortened(name: str) -> str:
    """Return a name as it is shown: of one that would fill a screen the beginning and the end."""
    if len(name) <= _SHOWN:
        return name
    return f"{name[: _SHOWN - _ENDING - 1]}\u2026{name[-_ENDING:]}"


def _cut(name: str) -> str:
    """Shorten the stem, so that the ending stays what it is."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > _MAX_SUFFIX_BYTES:
        stem, dot, suffix = name, "", ""
    room = MAX_NAME_BYTES - 1 - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + suffix
