"""Files on their way up: out of the browser, through the seal, to the server.

The bytes never lie on the disk here: they come by a line of their own, a piece each time that one
is asked for, and go through a pipe into `mifeng.transfer`. A file that is paused is simply not
asked for; the browser waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import WSMessageTypeError, web

from mifeng import Unit
from mifeng.content import Attachment, printable
from mifeng.errors import NotFoundError
from mifeng.text import explain
from mifeng.web.door import Door
from mifeng.web.facts import ErrorFacts, encode_json, error_facts
from mifeng.web.house import House
from mifeng.web.line import FIRST_FRAME_S, let_in
from mifeng_crypto.errors import MifengError, UsageError

__all__ = ["Upload", "UploadFacts", "UploadReply", "UploadRequest", "Uploads"]

KEPT = 20
"""Files that are done, or have failed, and are still shown."""


class UploadFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A file on its way: `running`, `paused`, `done`, `failed` or `cancelled`."""

    id: str
    unit: str
    name: str
    size: int
    sent: int
    state: str
    problem: str


class UploadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page says first of a file: where it is to be shown, its name, its size.

    With `hold` it is only brought, for a request that will show it.
    """

    profile: str
    unit: str
    name: str
    size: int
    hold: bool = False


class UploadReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """`more`: the next piece, please. Else what has become of the file; or why it was not taken."""

    more: bool = False
    upload: UploadFacts | None = None
    problem: ErrorFacts | None = None


class Upload:
    """One file on its way."""

    def __init__(
        self,
        unit: Unit,
        name: str,
        size: int,
        tell: Callable[[Upload], None],
        *,
        hold: bool = False,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.unit, self.name, self.size, self._hold = unit, name, size, hold
        self._brought: Attachment | None = None
        self.sent, self.state, self.problem = 0, "running", ""
        self._tell = tell
        self._going = asyncio.Event()
        self._going.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def facts(self) -> UploadFacts:
        """What is shown of it."""
        return UploadFacts(
            id=self.id,
            unit=self.unit.id.hex(),
            name=printable(self.name),
            size=self.size,
            sent=self.sent,
            state=self.state,
            problem=self.problem,
        )

    @property
    def brought(self) -> Attachment:
        """The file of a request that is to come.

        Raises:
            UsageError: it is not there, or not yet.
        """
        if self._brought is None:
            raise UsageError("{name} is not there yet; wait until it is", name=self.name)
        return self._brought

    def pause(self) -> None:
        """Read no more of it."""
        if self.state == "running":
            self._going.clear()
            self._become("paused")

    def resume(self) -> None:
        """Read on."""
        if self.state == "paused":
            self._become("running")
            self._going.set()

    def cancel(self) -> None:
        """Give it up."""
        if self._task is not None and self.state in ("running", "paused"):
            self._become("cancelled")
            self._task.cancel()

    async def run(self, body: AsyncIterator[bytes]) -> None:
        """Seal and send what comes, and post the message that shows the file."""
        self._task = asyncio.create_task(self._run(body))
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            if self.state != "cancelled":
                raise

    async def _run(self, body: AsyncIterator[bytes]) -> None:
        reading, writing = os.pipe()
        feeder = asyncio.create_task(self._feed(body, writing))
        self._become("running")
        try:
            with os.fdopen(reading, "rb", buffering=0) as file:
                bring = self.unit.bring if self._hold else self.unit.upload_from
                made = await bring(file, name=self.name, size=self.size, progress=self._progress)
            self._brought = made if isinstance(made, Attachment) else None
            self._become("done")
        except MifengError as err:
            self.problem = explain(err)
            self._become("failed")
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    async def _feed(self, body: AsyncIterator[bytes], writing: int) -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            async for piece in body:
                await self._going.wait()
                rest = memoryview(piece)
                while rest:
                    with contextlib.suppress(BlockingIOError):
                        rest = rest[await asyncio.to_thread(pipe.write, rest) :]

    def _progress(self, sent: int, total: int) -> None:
        self.sent = sent * self.size // max(total, 1)
        self._tell(self)

    def _become(self, state: str) -> None:
        self.state = state
        self._tell(self)


class Uploads:
    """All files on their way, by profile."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._by_profile: dict[str, list[Upload]] = {}

    def of(self, profile: str) -> list[UploadFacts]:
        """Return those of a profile, in order."""
        return [upload.facts for upload in self._by_profile.get(profile, ())]

    def find(self, profile: str, upload_id: str) -> Upload:
        """Return one of them.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = (one for one in self._by_profile.get(profile, ()) if one.id == upload_id)
        upload = next(found, None)
        if upload is None:
            raise NotFoundError("this file is not on its way any longer")
        return upload

    def close(self, profile: str) -> None:
        """Give up all of a profile's: it is locked."""
        for upload in self._by_profile.pop(profile, ()):
            upload.cancel()

    async def take(self, request: web.Request, door: Door) -> web.WebSocketResponse:
        """Answer `GET /api/upload`: a line for one file."""
        socket = await let_in(request, door)
        if not socket.closed:
            with contextlib.suppress(WSMessageTypeError, msgspec.DecodeError, ConnectionError):
                said = await socket.receive_str(timeout=FIRST_FRAME_S)
                reply = await self._take(socket, msgspec.json.decode(said, type=UploadRequest))
                await socket.send_str(encode_json(reply).decode())
            await socket.close()
        return socket

    async def _take(self, socket: web.WebSocketResponse, asked: UploadRequest) -> UploadReply:
        try:
            unit = self._house.keeper(asked.profile).workspace.unit(asked.unit)
        except MifengError as err:
            return UploadReply(problem=error_facts(err))
        upload = Upload(
            unit,
            asked.name,
            asked.size,
            lambda one: self._tell(asked.profile, one),
            hold=asked.hold,
        )
        kept = self._by_profile.setdefault(asked.profile, [])
        del kept[: max(len(kept) - KEPT, 0)]
        kept.append(upload)
        await upload.run(_pieces(socket, asked.size))
        return UploadReply(upload=upload.facts)

    def _tell(self, profile: str, upload: Upload) -> None:
        self._house.tell(profile, "upload", {"upload": upload.facts})


async def _pieces(socket: web.WebSocketResponse, size: int) -> AsyncIterator[bytes]:
    """Ask for one piece after the other, as long as the page is there."""
    while size > 0:
        await socket.send_str(encode_json(UploadReply(more=True)).decode())
        piece = await socket.receive_bytes()
        size -= len(piece)
        yield piece
