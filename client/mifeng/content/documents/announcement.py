"""Announcements that ask to be confirmed (protocol.md, "Announcements")."""

from __future__ import annotations

from mifeng.content.documents.words import check_count, check_line, check_sorted, check_text
from mifeng_crypto.ids import MemberId
from mifeng_crypto.tls import Bytes32, Text, Vec, struct

__all__ = ["Announcement", "Confirmation"]

MAX_PEOPLE = 1000
MAX_FILES = 8


@struct(tag=1, tag_bytes=2)
class Announcement:
    """What everybody is to read and confirm.

    `readers` are the people in the tree of the epoch in which it was sent, sorted: exactly those
    who can read it. `files` are the hashes of the ciphertexts of the files that come with it.
    """

    title: Text
    text: Text
    readers: Vec[MemberId]
    files: Vec[Bytes32]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it exceeds a limit.
        """
        check_line(self.title)
        check_text(self.text)
        check_count(self.readers, 1, MAX_PEOPLE)
        check_sorted(self.readers)
        check_count(self.files, 0, MAX_FILES)


@struct(tag=2, tag_bytes=2)
class Confirmation:
    """A device of a reader says that it was read. Its statement's `subject` is the announcement."""

    def check(self) -> None:
        """There is nothing in it."""
