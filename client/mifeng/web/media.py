"""Pictures, sound and video for the page, any range of them, opened as they are asked for.

A file is reached by a capability of 32 random bytes in the path: a player sends no headers, and
what cannot be guessed needs none. What a file is, its own first bytes say, against a list; all else
is a download. Nothing is kept: plaintext exists for as long as it takes to send it.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from mifeng.content.file_name import safe_name
from mifeng.transfer import Reader
from mifeng.web.kinds import DOWNLOAD, type_of

__all__ = ["MEDIA_HEADERS", "Media", "Way"]

LIFE_S = 3600.0
MAX_WAYS = 512
MEDIA_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to one file, until `until_s`."""

    profile: str
    reader: Reader
    name: str
    content_type: str
    save: bool
    until_s: float
    capability: str

    def is_open(self, now_s: float) -> bool:
        """Whether its hour is not over, nor the file's time."""
        return self.until_s > now_s and self.reader.is_open

    @property
    def url(self) -> str:
        return f"/media/{self.capability}"


class Media:
    """The ways that are open."""

    def __init__(self) -> None:
        self._ways: dict[str, Way] = {}

    async def offer(self, profile: str, reader: Reader, name: str, *, save: bool) -> Way:
        """Open a way to a file, to show it or to save it."""
        beginning = await reader.read(0, min(16, reader.size)) if reader.size else b""
        way = Way(
            profile=profile,
            reader=reader,
            name=name,
            content_type=DOWNLOAD if save else type_of(beginning),
            save=save,
            until_s=time.monotonic() + LIFE_S,
            capability=secrets.token_urlsafe(32),
        )
        now = time.monotonic()
        live = [one for one in self._ways.values() if one.is_open(now)][-MAX_WAYS + 1 :]
        self._ways = {one.capability: one for one in (*live, way)}
        return way

    def close(self, profile: str) -> None:
        """Close all ways into a profile: it is locked."""
        self._ways = {c: way for c, way in self._ways.items() if way.profile != profile}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /media/<capability>`, with or without a Range."""
        way = self._ways.get(request.match_info["capability"])
        if way is None or not way.is_open(time.monotonic()):
            raise web.HTTPNotFound
        size = way.reader.size
        asked = _range_of(request.headers.get("Range", ""), size)
        if asked is None:
            raise web.HTTPRequestRangeNotSatisfiable
        start, stop = asked
        headers = {**MEDIA_HEADERS, "Content-Type": way.content_type}
        if "Range" in request.headers:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        if way.save or way.content_type == DOWNLOAD:
            name = quote(safe_name(way.name))
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        response = web.StreamResponse(
            status=206 if "Range" in request.headers else 200, headers=headers
        )
        response.content_length = stop - start
        await response.prepare(request)
        if request.method == "GET":
            await _send(way.reader, response, start, stop)
        await response.write_eof()
        return response


async def _send(reader: Reader, response: web.StreamResponse, start: int, stop: int) -> None:
    async for piece in reader.pieces(start, stop):
        await response.write(piece)


def _range_of(header: str, size: int) -> tuple[int, int] | None:
    """Read a Range (RFC 9110 section 14.2) of one part; all of the file without one."""
    if not header:
        return 0, size
    found = re.fullmatch(r"bytes=(\d{0,19})-(\d{0,19})", header)
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        start, stop = max(size - int(found[2]), 0), size
    else:
        start, stop = int(found[1]), min(int(found[2] or size) + 1, size)
    return (start, stop) if start < stop else None
