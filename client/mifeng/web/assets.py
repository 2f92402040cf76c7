"""The page's files, as they are in the installed package: read once, changed by nobody.

`digest` is what the page of this version is; a test holds it against the list in the package.
"""

from __future__ import annotations

import hashlib
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
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    content_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files of the page, by the path under which they are served."""
    found = {}
    for file in sorted(PAGE.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            body = file.read_bytes()
            digest = hashlib.sha256(body).hexdigest()
            path = "/" + file.relative_to(PAGE).as_posix()
            found[path] = Asset(body, TYPES[file.suffix], digest)
    found["/"] = found.pop("/index.html")
    return found
