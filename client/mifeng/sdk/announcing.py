"""Announcements of a unit: post, confirm, remind, export."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mifeng.content.documents import Announcement as AnnouncementBody
from mifeng.content.documents import Confirmation, Reminder
from mifeng.core.announcement import Announced
from mifeng.core.arrival import people_in
from mifeng.core.proof import prove_confirmations
from mifeng.core.timeline import Line
from mifeng.sdk.shelf import Shelf
from mifeng.sdk.talk import check_own
from mifeng.sdk.values import Message
from mifeng.transfer import Progress, no_progress
from mifeng_crypto.errors import UsageError

__all__ = ["Announcing"]


class Announcing(Shelf):
    """What a unit's object has of announcements."""

    async def announce(
        self, title: str, text: str, *paths: str | Path, progress: Progress = no_progress
    ) -> Message:
        """Post an announcement that everybody who can read it is to confirm.

        Args:
            title: one line.
            text: in Markdown.
            paths: files that come with it, eight at most.
            progress: as `upload`.

        Raises:
            UsageError: a text is too long or not printable.
            MifengError: as `send`.
        """
        self.check_may_post()
        readers = people_in(self._state.view(self._session.known_roster))
        body = AnnouncementBody(title=title, text=text, readers=readers, files=())
        check_own(self._state_as(body))  # before a byte of a file is sent
        attachments = await self._upload_all(paths, progress)
        shown = tuple(attachment.digest for attachment in attachments)
        body = dataclasses.replace(body, files=shown)
        return await self.message(await self._say(self._state_as(body), *attachments))

    async def confirm(self, message: Message | int) -> Message:
        """Confirm that an announcement was read. To confirm it again changes nothing.

        Raises:
            UsageError: it is no announcement, or this member could not read it when it was sent.
            MifengError: as `send`.
        """
        line, state = await self._announced(message)
        me = self._session.profile.member_id
        if me not in state.announcement.readers:
            raise UsageError("this was announced before you came in; there is nothing to confirm")
        if me not in state.confirmed:
            await self._say(self._state_as(Confirmation(), state.named), to=line)
        return await self.message(line.sequence)

    async def remind(self, message: Message | int) -> Message:
        """Remind those who have not confirmed an announcement; the reminder says nothing of it.

        Raises:
            UsageError: it is no announcement of one's own, or everybody has confirmed.
            MifengError: as `send`.
        """
        line, state = await self._announced(message)
        if state.author != self._session.profile.member_id:
            raise UsageError("only its author reminds of an announcement")
        if not state.missing:
            raise UsageError("everybody has confirmed; there is nobody to remind")
        await self._say(Reminder(tuple(sorted(state.missing))), to=line)
        return await self.message(line.sequence)

    async def export_confirmations(self, message: Message | int) -> bytes:
        """Return a file that proves who has confirmed, to whoever knows the workspace's number.

        `mifeng verify-confirmations` checks it without server, profile or secret.

        Raises:
            UsageError: it is no announcement.
        """
        _, state = await self._announced(message)
        roster = [entry for _, entry in await self._session.home.database.scan("roster")]
        people = self._session.people
        names = {who: people.name(who) for who in state.announcement.readers}
        return prove_confirmations(state, roster, names)

    async def _announced(self, message: Message | int) -> tuple[Line, Announced]:
        line, _ = await self._find(message)
        if not isinstance(line.state, Announced):
            raise UsageError("number {n} is no announcement", n=line.sequence)
        return line, line.state
