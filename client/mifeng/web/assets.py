"""The page's files, as they are in the installed package: read once, changed by nobody.

Comments and indentation, which no browser needs, stay behind; lines stay where they are, so that
an error names the line of the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["PAGE", "Asset", "assets"]

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    content_type: str
    digest: str


_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)$", re.MULTILINE)

_SPACE = re.compile(r" ?([{}]) ?|(?<=[:;,]) ")
_TYPE = re.compile(r"/\*\* @(?:type|param) [^*\n]*\*/ ?")


def bare(text: str) -> str:
    """Return a script or style without the comments that fill whole lines, and without indents."""
    text = _TYPE.sub("", text)
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    return re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE)


@cache
def assets() -> dict[str, Asset]:
    """Return all files of the page, by the path under which they are served."""
    found = {}
    for file in sorted(PAGE.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            text = bare(file.read_text(encoding="utf-8"))
            body = (_SPACE.sub(r"\1", text) if file.suffix == ".css" else text).encode()
            digest = hashlib.sha256(body).hexdigest()
            path = "/" + file.relative_to(PAGE).as_posix()
            found[path] = Asset(body, TYPES[file.suffix], digest)
    found["/"] = found.pop("/index.html")
    return found
