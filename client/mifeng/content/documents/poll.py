"""Polls (protocol.md, "Polls"). Votes are known to all members, and so is who has not voted."""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng.content.documents.words import check_count, check_line, check_sorted, malformed
from mifeng_crypto.ids import MemberId, UnixMillis
from mifeng_crypto.tls import Text, UInt16, Vec, Width, struct

__all__ = ["MAX_CHOICES", "Choose", "ClosePoll", "Poll", "Vote"]

MAX_CHOICES = 50
MAX_PEOPLE = 1000


class Choose(enum.IntEnum):
    """How many choices a vote may have."""

    ONE = 1
    SEVERAL = 2


@struct
class Poll:
    """A question. `voters` are the people in the tree of its epoch, sorted.

    `closes_at`: a vote that is accepted then or later does not count; None for no such time.
    """

    question: Text
    choices: Vec[Text]
    choose: Annotated[Choose, Width(1)]
    closes_at: UnixMillis | None
    voters: Vec[MemberId]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it exceeds a limit, or a choice is there twice.
        """
        check_line(self.question)
        check_count(self.choices, 2, MAX_CHOICES)
        for choice in self.choices:
            check_line(choice)
        if len(set(self.choices)) != len(self.choices):
            raise malformed("a choice is there twice")
        check_count(self.voters, 1, MAX_PEOPLE)
        check_sorted(self.voters)


@struct
class Vote:
    """A member's vote, by the places of the choices, ascending; none takes it back."""

    choices: Vec[UInt16]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: a choice is there twice, or they are not in order.
        """
        check_count(self.choices, 0, MAX_CHOICES)
        if list(self.choices) != sorted(set(self.choices)):
            raise malformed("the choices of a vote are in order, each once")


@struct
class ClosePoll:
    """Its author ends a poll."""

    def check(self) -> None:
        """There is nothing in it."""
