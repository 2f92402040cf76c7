"""Files that will be gone within a day: what somebody who has not fetched them should know."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.content import Attachment
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.ids import FileId, MemberId, UnixMillis

__all__ = ["DAY_MS", "Ending", "ending"]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Ending:
    """A file of somebody else's, and the message that shows it last: its clock is the file's."""

    line: Line
    attachment: Attachment

    @property
    def until(self) -> UnixMillis:
        """When it will be gone."""
        return self.line.record.deadline


def ending(timeline: Timeline, *, me: MemberId, now: UnixMillis) -> list[Ending]:
    """Return the live files of others that end within a day, the first to end at the top.

    A file that was posted again ends with its newest message; one that this member has posted is
    no news to him.
    """
    newest: dict[FileId, Ending] = {}
    for line in timeline.lines():
        for attachment in line.said.attachments if line.files and line.said else ():
            if attachment.file_id in line.files:
                newest[attachment.file_id] = Ending(line, attachment)
    soon = (
        found
        for found in newest.values()
        if now < found.until <= now + DAY_MS and found.line.author != me
    )
    return sorted(soon, key=lambda found: found.until)
