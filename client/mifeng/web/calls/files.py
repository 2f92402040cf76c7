"""The files of a unit; a way to show or save one; what is on its way up."""

from __future__ import annotations

import msgspec

from mifeng import File, Unit
from mifeng.errors import NotFoundError
from mifeng.web.calls.table import Desk, Done, OfProfile, OfUnit, call
from mifeng.web.facts import MessageFacts, PersonFacts, message_facts, person_facts
from mifeng.web.uploads import UploadFacts

__all__ = ["FilesReply", "ShowReply"]


class FilesReply(msgspec.Struct, frozen=True):
    """Messages that show a file that is still there, the newest first."""

    entries: list[MessageFacts]


class OfFile(OfUnit, frozen=True, kw_only=True):
    """A file of the message `sequence`."""

    sequence: int
    file: str


class ShowRequest(OfFile, frozen=True, kw_only=True):
    """`save` to store it instead of showing it."""

    save: bool


class ShowReply(msgspec.Struct, frozen=True):
    """Where to fetch it from, for an hour at most; and what it is, by its bytes."""

    url: str
    content_type: str


class ReadersReply(msgspec.Struct, frozen=True):
    """Who has fetched a file, as the server has it."""

    people: list[PersonFacts]


class UploadsReply(msgspec.Struct, frozen=True):
    """What is on its way up."""

    uploads: list[UploadFacts]


class OfUpload(OfProfile, frozen=True, kw_only=True):
    """One of them, by its id."""

    upload: str


@call
async def files(desk: Desk, request: OfUnit) -> FilesReply:
    """Return the live files of a unit."""
    me, unit = desk.me(request), desk.unit(request)
    shown = [entry for entry in await unit.history() if entry.files]
    return FilesReply([await message_facts(entry, unit, me) for entry in reversed(shown)])


@call
async def show_file(desk: Desk, request: ShowRequest) -> ShowReply:
    """Open a way to a file that no other page can guess."""
    unit = desk.unit(request)
    file = await _find(unit, request.sequence, request.file)
    way = await desk.media.offer(
        request.profile, await unit.reader(file), file.name, save=request.save
    )
    return ShowReply(way.url, way.content_type)


@call
async def readers(desk: Desk, request: OfFile) -> ReadersReply:
    """Ask the server who has fetched a file."""
    me, unit = desk.me(request), desk.unit(request)
    found = await unit.readers(await _find(unit, request.sequence, request.file))
    return ReadersReply([person_facts(one, me) for one in found])


@call
async def keep_file(desk: Desk, request: OfFile) -> Done:
    """Post a live file again: its clock starts anew."""
    unit = desk.unit(request)
    await unit.keep(await _find(unit, request.sequence, request.file))
    return Done()


async def _find(unit: Unit, sequence: int, file_id: str) -> File:
    for file in (await unit.message(sequence)).files:
        if file.id.hex() == file_id:
            return file
    raise NotFoundError("this file is not there any longer: its time is over")


@call
async def uploads(desk: Desk, request: OfProfile) -> UploadsReply:
    """Return what is on its way up."""
    return UploadsReply(desk.uploads.of(request.profile))


@call
async def pause_upload(desk: Desk, request: OfUpload) -> Done:
    """Send no more of a file, until `resume_upload`."""
    desk.uploads.find(request.profile, request.upload).pause()
    return Done()


@call
async def resume_upload(desk: Desk, request: OfUpload) -> Done:
    """Go on with a file."""
    desk.uploads.find(request.profile, request.upload).resume()
    return Done()


@call
async def cancel_upload(desk: Desk, request: OfUpload) -> Done:
    """Give a file up: nobody has seen anything of it."""
    desk.uploads.find(request.profile, request.upload).cancel()
    return Done()
