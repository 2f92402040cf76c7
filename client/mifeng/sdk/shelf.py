"""The files of a unit: sent, fetched, kept, recalled; which are live, and who has fetched them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import IO

from mifeng import content, transfer
from mifeng.content import Attachment, Refers
from mifeng.errors import NotFoundError, ServerProblem
from mifeng.sdk.talk import Talk
from mifeng.sdk.values import File, Message, Person, SharedFile, person_from
from mifeng.session import notices, uploads
from mifeng.transfer import Progress, Reader, no_progress
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError, ProtocolError, TransportError, UsageError
from mifeng_crypto.ids import FileId, MemberId
from mifeng_crypto.ledger.policy import Keep

__all__ = ["Shelf"]

CLOCKS_APART_MS = 600_000
RECALL_S = 3.0
"""For how long a tombstone may be behind its file."""
AT_ONCE = 8
"""Questions to the server under way at the same time."""


def _begins(file: File, name: str) -> bool:
    """Whether a file's name, as people see it, begins so."""
    return content.printable(file.name).casefold().startswith(name.casefold())


def _within(progress: Progress, before: int, behind: int) -> Progress:
    """Tell of one file as a part of all."""
    return lambda done, total: progress(before + done, before + total + behind)


class Shelf(Talk):
    """The base of `Unit`: all that is about files beside sending and fetching them."""

    async def files(self, *, with_readers: bool = False) -> list[SharedFile]:
        """Return the live files, the one that will be gone first at the top.

        Args:
            with_readers: ask the server who has fetched each.

        Raises:
            MifengError: as `send`, where the server is asked.
        """
        newest: dict[FileId, SharedFile] = {}
        for message in await self.history():
            for file in message.files:
                assert message.until is not None, "a message has an end"
                newest[file.attachment.file_id] = SharedFile(file, message, message.until)
        found = sorted(newest.values(), key=lambda one: (one.until, one.message.sequence))
        if not with_readers:
            return found
        gate = asyncio.Semaphore(AT_ONCE)
        asked = await asyncio.gather(*(self._with_readers(shared, gate) for shared in found))
        return [shared for shared in asked if shared is not None]

    async def readers(self, file: File) -> list[Person]:
        """Return who has fetched a file, as the server has it.

        Raises:
            MifengError: as `send`.
        """
        reply = await self._session.api.call("readers", m.ReadersReply, path={"file_id": file.id})
        return [person_from(MemberId(who), self._session.people) for who in reply.member_ids]

    async def _with_readers(self, shared: SharedFile, gate: asyncio.Semaphore) -> SharedFile | None:
        try:
            async with gate:
                readers = tuple(await self.readers(shared.file))
        except ServerProblem as err:
            if err.code in (ProblemCode.NOT_FOUND, ProblemCode.GONE):
                return None  # recalled, or over by the server's clock
            raise
        return dataclasses.replace(shared, readers=readers)

    # -------------------------------------------------------------- sending

    async def upload(
        self,
        *paths: str | Path,
        caption: str = "",
        reply_to: Message | int | None = None,
        thread: Message | int | None = None,
        progress: Progress = no_progress,
        keep_metadata: bool = False,
    ) -> Message:
        """Seal and upload files, and send one message that shows them.

        What is sealed when this is interrupted is not lost: see `unfinished`.

        Args:
            paths: the files, eight at most.
            caption: a text above them.
            reply_to: the message that it answers.
            thread: as `send`.
            progress: called with bytes done and bytes in all, of all files together.
            keep_metadata: send a picture with what its camera wrote into it: place, time, device.

        Raises:
            NotFoundError: there is no such file. Nothing of the others was sent.
            StorageError: a file cannot be read, or the disk has no room for its ciphertext.
            UsageError: it is no file, it changes, or what a picture tells cannot be taken out.
            ServerProblem: `quota_exceeded`, `storage_full`: before a byte was sent.
            MifengError: as `send`.
        """
        self.check_may_post()
        refers = await self._refers(reply_to, thread)
        content.check_files(len(paths), caption)
        attachments = await self._upload_all(paths, progress, keep_metadata=keep_metadata)
        return await self._show_files(attachments, caption, refers)

    async def upload_from(
        self, file: IO[bytes], *, name: str, size: int, progress: Progress = no_progress
    ) -> Message:
        """The same with bytes that need not lie on a disk: `size` of them, read once, in order.

        Raises:
            UsageError: there are more, or fewer.
            MifengError: as `upload`.
        """
        brought = await self.bring(file, name=name, size=size, progress=progress)
        return await self._show_files([brought])

    async def bring(
        self, file: IO[bytes], *, name: str, size: int, progress: Progress = no_progress
    ) -> Attachment:
        """The same without a message yet: what is to come with a request, say. It lives for a day.

        Raises:
            UsageError: there are more, or fewer.
            MifengError: as `upload`.
        """
        self.check_may_post()
        send = functools.partial(
            transfer.upload_from,
            self._session.api,
            file,
            unit_id=self.id,
            name=name,
            size=size,
            rng=self._session.rng,
            progress=progress,
        )
        return await self._bring(send)

    async def unfinished(self) -> list[File]:
        """Return the files that were sealed, and that no message shows: their way was interrupted.

        The server keeps what it has of them for a day.
        """
        return [File(one) for one in await uploads.waiting(self._session, self.id)]

    async def resume(self, file: File, *, progress: Progress = no_progress) -> Message:
        """Send what is missing of an unfinished file, and the message that shows it.

        Raises:
            ServerProblem: `not_found`, `gone`: its day is over; send it again.
            MifengError: as `send`.
        """
        self.check_access()
        await uploads.resume(self._session, self.id, file.attachment, progress=progress)
        return await self._show_files([file.attachment])

    async def give_up(self, file: File) -> None:
        """Keep nothing of an unfinished file.

        Raises:
            TransportError: the server was not reached; it is kept.
        """
        await uploads.drop(self._session, self.id, file.attachment)

    async def _upload_all(
        self, paths: Sequence[str | Path], progress: Progress, *, keep_metadata: bool = False
    ) -> list[Attachment]:
        lengths = await asyncio.to_thread(transfer.lengths, *map(Path, paths))
        attachments = list[Attachment]()
        try:
            for n, path in enumerate(paths):
                send = functools.partial(
                    transfer.upload,
                    self._session.api,
                    unit_id=self.id,
                    path=Path(path),
                    rng=self._session.rng,
                    progress=_within(progress, sum(lengths[:n]), sum(lengths[n + 1 :])),
                    keep_metadata=keep_metadata,
                )
                attachments.append(await self._bring(send))
        except TransportError:
            raise  # `resume` goes on
        except MifengError:
            for attachment in attachments:  # all of them will be sent again
                with contextlib.suppress(TransportError):
                    await uploads.drop(self._session, self.id, attachment)
            raise
        return attachments

    async def _bring(self, send: Callable[..., Awaitable[Attachment]]) -> Attachment:
        return await uploads.upload(
            self._session,
            self.id,
            lambda spool, on_sealed: send(spool=spool, on_sealed=on_sealed),
        )

    async def _show_files(
        self, attachments: list[Attachment], caption: str = "", refers: Refers | None = None
    ) -> Message:
        said = content.encode_file(
            *attachments,
            caption=caption,
            origin=self._origin,
            rng=self._session.rng,
            refers=refers,
        )
        return await self._post(said, tuple(attachments))

    async def ending(self) -> list[SharedFile]:
        """Return the files of others that end within a day, and that this member has not fetched.

        Raises:
            MifengError: as `send`.
        """
        if not self.is_member:
            return []
        timeline = await self._timeline()
        return [
            SharedFile(
                File(one.attachment),
                self.show(one.line, timeline),
                dt.datetime.fromtimestamp(one.until / 1000, dt.UTC),
            )
            for one in await notices.not_fetched(self._session, self.id)
        ]

    # -------------------------------------------------------------- fetching

    async def reader(self, file: File) -> Reader:
        """Return what reads any part of a file, without fetching the rest, until its time is over.

        Raises:
            ServerProblem: `gone`: its time is over.
            ProtocolError: FILE-n: it is not what its sender sent.
            MifengError: as `send`.
        """
        self.check_access()
        async with self._promised(file):
            reader = await transfer.open_reader(
                self._session.api, unit_id=self.id, attachment=file.attachment
            )
        if file.until is not None:
            self._session.reading.add(self.id, reader, file.until)
        return reader

    async def download(
        self,
        file: File,
        target: str | Path,
        *,
        overwrite: bool = False,
        progress: Progress = no_progress,
    ) -> Path:
        """Fetch and open a file. Nothing is left of one that fails.

        Args:
            file: from a message of this unit.
            target: a folder, or the file to write.
            overwrite: whether a file that is there already may be replaced.
            progress: called with bytes done and bytes in all.

        Returns:
            Where it is.

        Raises:
            UsageError: there is such a file already.
            DiskFullError: there is no room for it; nothing was fetched.
            ServerProblem: `gone`: its time is over.
            ProtocolError: FILE-n: it is not what its sender sent.
            MifengError: as `send`.
        """
        async with self._promised(file):
            return await transfer.download(
                self._session.api,
                unit_id=self.id,
                attachment=file.attachment,
                target=Path(target),
                overwrite=overwrite,
                progress=progress,
            )

    async def stream(
        self, file: File, *, progress: Progress = no_progress
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file's bytes as they come: each authentic, but only at the end known to be all.

        Raises:
            MifengError: as `download`; also at the end, when the bytes are out already.
        """
        async with self._promised(file):
            async for piece in transfer.stream(
                self._session.api, unit_id=self.id, attachment=file.attachment, progress=progress
            ):
                yield piece

    @contextlib.asynccontextmanager
    async def _promised(self, file: File) -> AsyncGenerator[None, None]:
        """FILE-7: a server that no longer has what a live message shows has broken its promise.

        A file that was recalled is none: its tombstone comes right behind.
        """
        try:
            yield
        except ServerProblem as err:
            if err.code not in (ProblemCode.NOT_FOUND, ProblemCode.GONE):
                raise
            for pause_s in (0.0, RECALL_S):
                await asyncio.sleep(pause_s)
                async with self._session.turn(self.id):
                    await self._session.catch_up(self.id)
                live = [one for one in await self.files() if one.file.id == file.id]
                # Nobody's clock is righter than this: in the last minutes the server may be ahead.
                soon = dt.datetime.fromtimestamp(
                    (self._session.now() + CLOCKS_APART_MS) / 1000, dt.UTC
                )
                if not live or live[0].until <= soon:
                    raise
            raise ProtocolError(
                "FILE-7",
                "the server has lost or deleted {file}, which it has promised until {time}; "
                "tell its operator: whoever posted the file has the server's receipt",
                file=file.name,
                time=live[0].until.isoformat(timespec="minutes"),
            ) from err

    # -------------------------------------------------------------- keep and recall

    async def keep(self, file: File, *, caption: str = "") -> Message:
        """Post a live file again: its clock starts anew, and nothing is uploaded.

        Args:
            file: from a message of this unit.
            caption: a text above it.

        Raises:
            UsageError: the unit's policy does not allow it.
            ServerProblem: the file is over, or would exceed this member's quota.
            MifengError: as `send`.
        """
        if self._state.charter.policy.keep is not Keep.ALLOWED:
            raise UsageError("files are not posted again in this unit: its policy says so")
        return await self._show_files([file.attachment], caption)

    async def delete(self, message: Message | int) -> Message:
        """Take back what one has said: from then on nobody is shown it. Its files are recalled.

        A file that somebody else has kept, or that another message of one's own shows, stays.

        Raises:
            UsageError: it is somebody else's.
            MifengError: as `send`.
        """
        line, _ = await self._own(message)
        # First the files: cut off in between, the same call does the rest.
        shown_elsewhere = {
            file.attachment.file_id
            for other in await self.history()
            for file in other.files
            if other.is_mine and other.sequence != line.sequence
        }
        for file_id in line.files - shown_elsewhere:
            await self._recall(file_id)
        return await super().delete(line.sequence)

    async def _recall(self, file_id: FileId) -> None:
        try:
            await transfer.take_back(self._session.api, file_id)
        except ServerProblem as err:
            if err.code is not ProblemCode.FORBIDDEN:
                raise

    async def find_file(self, name: str) -> File:
        """Return the newest live file of a name, id, beginning of these, or message number (`#4`).

        Raises:
            NotFoundError: there is none.
            UsageError: it could be several.
        """
        shown = [(m.sequence, file) for m in await self.history() for file in m.files]
        found = (  # a name is what others choose: it stands in place of no id and no number
            [file for _n, file in shown if name == file.id.hex()]
            or [file for n, file in shown if name == f"#{n}"]
            or [file for n, file in shown if name in (file.name, str(n))]
            or [file for _n, file in shown if name and file.id.hex().startswith(name)]
            or [file for _n, file in shown if name and _begins(file, name)]
        )
        if not found:
            self.check_access()
            raise NotFoundError(
                "there is no file {name} in this unit; see `mifeng files`", name=name
            )
        one_name = len({file.name for file in found}) == 1 and _begins(found[-1], name)
        if len({file.id for file in found}) > 1 and not one_name:
            raise UsageError(
                "{name} could be one of several files: {files}; write the name of one",
                name=name,
                files=", ".join(dict.fromkeys(file.name for file in found)),
            )
        return found[-1]
