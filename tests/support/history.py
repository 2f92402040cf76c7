"""A unit in which something was said before somebody came in, and what its members kept of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mifeng_crypto import gate, history
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.expiry.slot import slot_of
from mifeng_crypto.gate import Past
from mifeng_crypto.history import Handed, HistoryPart
from mifeng_crypto.ids import DeviceId, FileId, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.mls import group as mls
from tests.support.company import Company, Person
from tests.support.unit import Unit

__all__ = ["Before"]


class Before:
    """Ada and Bo are in; `say` something, then `let_in`, then ask what is believed of it."""

    def __init__(self, company: Company | None = None, unit: Unit | None = None) -> None:
        self.company = company or Company()
        self.unit = unit or Unit(self.company)
        self.ada = self.unit.creator
        self.bo = self.company.hire("Bo")
        self.unit.add(self.bo)
        self.said: list[Handed] = []

    def say(
        self,
        by: Person,
        data: bytes,
        *,
        said: bytes | None = None,
        as_device: DeviceId | None = None,
        force: bool = False,
    ) -> Handed:
        """Have a message accepted, and keep what a member keeps of it.

        `as_device`: the log names another device than that which signs; with `force` nobody but
        the server looks at it, and that one does not either.
        """
        member = self.unit.of(by)
        assert member.epoch is not None, "who left says nothing"
        epoch, content, original = mls.encrypt(
            member.epoch,
            data,
            signature_key=by.key,
            authenticated_data=self.unit.said(by) if said is None else said,
            rng=self.company.rng,
        )
        member.epoch = epoch
        device_id = as_device or by.device_id
        if force:
            self.unit.append(EntryKind.MESSAGE, content, device_id)
        else:
            self.unit.accept_message(content, device_id)
            self.unit.sync()
        handed = Handed(self.unit.entries[-1].header.sequence, original, data)
        self.said.append(handed)
        return handed

    def joined(self) -> Head:
        """Let the log end here with an entry that stands for the commit of a joining."""
        header = self.unit.entries[-1].header
        return Head(header.sequence, gate.header_hash(header))

    def bare(self, *, since: int = 1) -> list[LogEntry]:
        """The log as a server shows it to whoever wants to see where it leads."""
        return [
            entry if entry.header.kind is EntryKind.HEADS else LogEntry(entry.header, b"")
            for entry in self.unit.entries[since - 1 :]
        ]

    def past(self, *, since: int = 1) -> Past:
        """The log as a newcomer believes it."""
        return gate.check_past(self.bare(since=since), group=self.unit.group, joined=self.joined())

    def part(self, messages: Sequence[Handed] | None = None) -> HistoryPart:
        """How an honest giver names these messages."""
        messages = self.said if messages is None else messages
        first = self.unit.entries[messages[0].sequence - 1].header
        policy = self.unit.charter.policy
        return HistoryPart(
            file_id=FileId(b"f" * 16),
            share_hash=bytes(32),
            digest=bytes(32),
            size=len(history.pack(self.unit.group, messages)),
            slot=slot_of(first.accepted_at),
            deadline=retain_until(first.accepted_at, policy.retention_s),
            strict=policy.strict,
            first=messages[0].sequence,
            last=messages[-1].sequence,
            messages=len(messages),
        )

    def judge(
        self, handed: Handed, *, part: HistoryPart | None = None, past: Past | None = None
    ) -> gate.Judged:
        """As a newcomer does."""
        return gate.check_handed(
            past or self.past(),
            handed,
            part or self.part([handed]),
            roster=self.company.roster,
            charter=self.unit.charter,
        )

    def later(self, part: HistoryPart, ms: int) -> HistoryPart:
        """A part that is to live longer."""
        return dataclasses.replace(part, deadline=UnixMillis(part.deadline + ms))
