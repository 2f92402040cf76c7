"""The state of a poll (protocol.md, "Polls"): each voter's last vote before it closed counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from mifeng.content.documents import ClosePoll, Document, Poll, Vote
from mifeng.content.documents.poll import Choose
from mifeng.core.entry import Entry
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId, UnixMillis

__all__ = ["Polled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A poll and its votes.

    Attributes:
        poll: as it was asked.
        author: who asked.
        votes: each voter's choices; who took a vote back is not in it.
        closed_at: when its author closed it; None if he has not.
    """

    poll: Poll
    author: MemberId
    votes: Mapping[MemberId, tuple[int, ...]] = field(default_factory=dict)
    closed_at: UnixMillis | None = None

    def counts(self) -> tuple[int, ...]:
        """How many have voted for each choice."""
        found = [0] * len(self.poll.choices)
        for choices in self.votes.values():
            for choice in choices:
                found[choice] += 1
        return tuple(found)

    def is_open(self, at: UnixMillis) -> bool:
        """Whether a vote that is accepted at that time counts."""
        closes_at = self.poll.closes_at
        return self.closed_at is None and (closes_at is None or at < closes_at)

    def take(self, document: Document, entry: Entry) -> Polled:
        """Return it with what answers it.

        Raises:
            ProtocolError: POLL-n; TIMELINE-3: it is no answer to a poll.
        """
        if isinstance(document, ClosePoll):
            if entry.author != self.author:
                raise ProtocolError("POLL-4", "only its author closes a poll")
            closed_at = self.closed_at or entry.accepted_at
            return dataclasses.replace(self, closed_at=closed_at)
        if isinstance(document, Vote):
            return self._vote(document, entry)
        raise ProtocolError("TIMELINE-3", "this answers something else than what it names")

    def _vote(self, vote: Vote, entry: Entry) -> Polled:
        if not self.is_open(entry.accepted_at):
            raise ProtocolError("POLL-1", "the poll was closed when this vote came")
        if entry.author not in self.poll.voters:
            raise ProtocolError("POLL-2", "nobody votes in a poll that he could not read")
        too_many = self.poll.choose is Choose.ONE and len(vote.choices) > 1
        if too_many or any(choice >= len(self.poll.choices) for choice in vote.choices):
            raise ProtocolError("POLL-3", "this vote is for none of the choices, or for too many")
        votes = {who: chosen for who, chosen in self.votes.items() if who != entry.author}
        if vote.choices:
            votes[entry.author] = vote.choices
        return dataclasses.replace(self, votes=votes)
