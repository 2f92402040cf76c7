"""One unit, as an application sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import IO

from mifeng import content, transfer
from mifeng.content import Origin
from mifeng.core import expiry
from mifeng.core.events import NewEntry, UnitLeft
from mifeng.core.rows import Condition, TimelineRecord, UnitStatus, number
from mifeng.core.unit import Unit as UnitState
from mifeng.errors import AccessEndedError
from mifeng.sdk.governed import Governed
from mifeng.sdk.grants import admissions
from mifeng.sdk.values import File, Membership, Message, Person, message_from, person_from
from mifeng.session import delivery, ledgers
from mifeng.transfer import Progress, Reader
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import MifengError, UsageError
from mifeng_crypto.gate import identity_of
from mifeng_crypto.gate.message import MAY_POST
from mifeng_crypto.ids import MemberId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import CharterBody, UnitKind, UnitRole
from mifeng_crypto.ledger.charter_rules import MAY_MANAGE, Standing
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.mls import group as mls
from mifeng_crypto.tls import decode

__all__ = ["Unit"]


def _no_progress(_done: int, _total: int) -> None:
    """Nobody looks."""


class Unit(Governed):
    """A unit that this device is in, or was. Get it from `Workspace.unit`."""

    @property
    def _state(self) -> UnitState:
        return self._session.units[self.id]

    @property
    def title(self) -> str:
        """What it is called; a direct unit by the other person."""
        peer = self.peer
        return self._state.title if peer is None else peer.name

    @property
    def peer(self) -> Person | None:
        """In a direct unit, the other person."""
        charter, me = self._charter, self._session.profile.member_id
        if charter.kind is not UnitKind.DIRECT:
            return None
        other = next(member_id for member_id in charter.members() if member_id != me)
        return person_from(other, self._session.people)

    @property
    def topic(self) -> str:
        return self._state.topic

    @property
    def epoch(self) -> int:
        """The MLS epoch; -1 once this device has left."""
        return self._state.epoch.public.epoch if self._state.epoch else -1

    @property
    def rotated_at(self) -> UnixMillis:
        """When its keys were made."""
        return self._state.rotated_at

    @property
    def role(self) -> UnitRole | None:
        """What oneself may do here."""
        return self._state.charter.role_of(self._session.profile.member_id)

    @property
    def sequence(self) -> int:
        """The last entry of the log that this device has applied."""
        return self._state.log.sequence

    @property
    def is_member(self) -> bool:
        """Whether this device is in, as far as it knows."""
        return self._state.status is UnitStatus.ACTIVE and not isinstance(
            self._session.troubles.get(self.id), AccessEndedError
        )

    @property
    def waiting(self) -> int:
        """How many messages have not reached the server yet."""
        return len(self._state.outbox)

    @property
    def may_post(self) -> bool:
        """Whether one's role lets one write here, by the unit's policy."""
        return self.is_member and self.role in MAY_POST[self.policy.posting]

    @property
    def may_govern(self) -> bool:
        """Whether one may let people in and take them out here."""
        roster, me = self._session.known_roster, self._session.profile.member_id
        member = roster.member(me)
        standings = {Standing[member.role.name]} if member else set[Standing]()
        if self.role is UnitRole.MANAGER:
            standings.add(Standing.UNIT_MANAGER)
        return self.is_member and not standings.isdisjoint(MAY_MANAGE[self.kind])

    @property
    def size(self) -> int:
        """How many people are granted."""
        return len(self._state.charter.members())

    async def admissions(self) -> dict[MemberId, tuple[Person, UnixMillis]]:
        """Return who let each of the members in, and when, as their signatures say."""
        found = await admissions(self._session, self.id)
        people = self._session.people
        return {who: (person_from(one.by, people), one.at) for who, one in found.items()}

    def members(self) -> list[Membership]:
        """Who is granted, in order of their first grant."""
        present: set[MemberId] = set()
        if self._state.epoch is not None:
            for _, leaf in self._state.epoch.public.leaves():
                present.add(identity_of(leaf).member_id)
        return [
            dataclasses.replace(membership, is_in=membership.person.id in present)
            for membership in super().members()
        ]

    # -------------------------------------------------------------- reading

    def check_access(self) -> None:
        """Raise what keeps this unit from going on.

        Raises:
            AccessEndedError: this device is not in it any longer.
            ProtocolError: the server's log of it breaks a rule.
        """
        trouble = self._session.troubles.get(self.id)
        if trouble is not None:
            raise trouble
        if self._state.status is UnitStatus.LEFT:
            raise self.why_not_in()

    def why_not_in(self) -> MifengError:
        """What to tell whoever wants something of a unit that this device is not in."""
        return self._session.troubles.get(self.id) or AccessEndedError(
            "you are no longer in {unit}; ask one of its managers", unit=self.title
        )

    async def timeline(
        self, *, last: int | None = None, after: int = 0, first: int | None = None
    ) -> list[Message]:
        """Return what this device has of the log: messages, and changes of members and keys.

        Args:
            last: only so many, from the end.
            after: only what stands behind this sequence.
            first: only so many, from there on.
        """
        rows = await self._session.home.database.scan(
            "messages", self.id, after=self.id + number(after), last=last, first=first
        )
        return [
            self._message(int.from_bytes(key[16:], "big"), decode(TimelineRecord, row))
            for key, row in rows
        ]

    async def history(self, *, last: int | None = None) -> list[Message]:
        """Return the messages that this device has, oldest first.

        Args:
            last: only so many, from the end.
        """
        found = [entry for entry in await self.timeline() if entry.kind == "message"]
        return found if last is None else found[max(len(found) - last, 0) :]

    async def messages(self, *, after: int = 0) -> AsyncGenerator[Message, None]:
        """Yield every message behind sequence `after`, then each new one as it arrives.

        Raises:
            AccessEndedError: this device is not in the unit any longer.
            MifengError: as `Workspace.events`.
        """
        async for entry in self.follow(after=after):
            if entry.kind == "message":
                yield entry

    async def follow(self, *, after: int = 0) -> AsyncGenerator[Message, None]:
        """Like `messages`, with the changes of members and keys."""
        self.check_access()
        with self._session.live.listen() as events:  # first, so that nothing falls in between
            for message in await self.timeline():
                if message.sequence > after:
                    after = message.sequence
                    yield message
            async for event in events:
                if isinstance(event, UnitLeft) and event.unit_id == self.id:
                    self.check_access()
                if not isinstance(event, NewEntry) or event.unit_id != self.id:
                    continue
                if event.sequence > after:
                    after = event.sequence
                    yield self._message(event.sequence, event.entry)

    def _message(self, sequence: int, record: TimelineRecord) -> Message:
        return message_from(
            self.id,
            sequence,
            expiry.shown(record, now=self._session.now()),
            workspace_id=self._session.profile.workspace_id,
            people=self._session.people,
        )

    def outgoing(self) -> list[Message]:
        """Return the messages that have not reached the server yet, in order; sequence 0."""
        session = self._session
        return [
            message_from(
                self.id,
                0,
                TimelineRecord(
                    entry_hash=bytes(32),
                    kind=EntryKind.MESSAGE,
                    condition=Condition.READ,
                    epoch=max(self.epoch, 0),
                    accepted_at=item.record.created_at,
                    deadline=item.record.created_at,  # it has none before it is accepted
                    member_id=session.profile.member_id,
                    device_id=session.profile.device_id,
                    size=len(item.record.content),
                    content=item.record.content,
                    files=item.record.files,
                    reason="",
                    added=(),
                    removed=(),
                ),
                workspace_id=session.profile.workspace_id,
                people=session.people,
            )
            for item in self._state.outbox
        ]

    # -------------------------------------------------------------- writing

    async def send(self, text: str) -> Message:
        """Send a text, in Markdown. When this returns, the server has it on its disk.

        Raises:
            AccessEndedError: this device is not in the unit any longer.
            TransportError: the server was not reached; the text is kept and goes out later.
            ServerProblem: the server refuses it; it is not kept.
            ProtocolError: CONTENT-1, it is too long.
        """
        said = content.encode_text(text, origin=self._origin, rng=self._session.rng)
        return await self._post(said, ())

    async def upload(
        self,
        path: str | Path,
        *,
        progress: Progress = _no_progress,
        keep_metadata: bool = False,
    ) -> Message:
        """Seal and upload a file, and send the message that shows it.

        Args:
            path: the file.
            progress: called with bytes done and bytes in all.
            keep_metadata: send a picture with what its camera wrote into it: place, time, device.

        Raises:
            StorageError: the file cannot be read.
            UsageError: it is no file, it changes, or what a picture tells cannot be taken out.
            MifengError: as `send`.
        """
        self.check_access()
        attachment = await transfer.upload(
            self._session.api,
            unit_id=self.id,
            path=Path(path),
            rng=self._session.rng,
            progress=progress,
            keep_metadata=keep_metadata,
        )
        said = content.encode_file(attachment, origin=self._origin, rng=self._session.rng)
        return await self._post(said, (attachment,))

    async def upload_from(
        self, file: IO[bytes], *, name: str, size: int, progress: Progress = _no_progress
    ) -> Message:
        """The same with bytes that need not lie on a disk: `size` of them, read once, in order.

        Raises:
            UsageError: there are more, or fewer.
            MifengError: as `send`.
        """
        self.check_access()
        attachment = await transfer.upload_from(
            self._session.api,
            file,
            unit_id=self.id,
            name=name,
            size=size,
            rng=self._session.rng,
            progress=progress,
        )
        said = content.encode_file(attachment, origin=self._origin, rng=self._session.rng)
        return await self._post(said, (attachment,))

    async def reader(self, file: File) -> Reader:
        """Return what reads any part of a file, without fetching the rest.

        Raises:
            ServerProblem: `gone`: its time is over.
            ProtocolError: FILE-n: it is not what its sender sent.
            MifengError: as `send`.
        """
        self.check_access()
        return await transfer.open_reader(
            self._session.api, unit_id=self.id, attachment=file.attachment
        )

    async def download(
        self,
        file: File,
        target: str | Path,
        *,
        overwrite: bool = False,
        progress: Progress = _no_progress,
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
            ServerProblem: `gone`: its time is over.
            ProtocolError: FILE-n: it is not what its sender sent.
            MifengError: as `send`.
        """
        return await transfer.download(
            self._session.api,
            unit_id=self.id,
            attachment=file.attachment,
            target=Path(target),
            overwrite=overwrite,
            progress=progress,
        )

    def stream(
        self, file: File, *, progress: Progress = _no_progress
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file's bytes as they come: each authentic, but only at the end known to be all.

        Raises:
            MifengError: as `download`; also at the end, when the bytes are out already.
        """
        return transfer.stream(
            self._session.api, unit_id=self.id, attachment=file.attachment, progress=progress
        )

    async def _post(self, said: bytes, files: tuple[content.Attachment, ...]) -> Message:
        self.check_access()
        ids = tuple(attachment.file_id for attachment in files)
        sequence = await delivery.post(self._session, self.id, said, files=ids)
        row = await self._session.home.database.get("messages", self.id + number(sequence))
        assert row is not None, "what was delivered is in the timeline"
        return self._message(sequence, decode(TimelineRecord, row))

    @property
    def _origin(self) -> Origin:
        profile = self._session.profile
        return Origin(
            workspace_id=profile.workspace_id, unit_id=self.id, member_id=profile.member_id
        )

    # -------------------------------------------------------------- signing

    async def _sign(self, make: Callable[[Charter], CharterBody | None]) -> None:
        self.check_access()
        session = self._session
        async with session.turn(self.id):
            await ledgers.append_to_charter(session, self.id, make)
            session.forget_who_had_no_keys(self.id)
            await session.catch_up(self.id)
            await delivery.bring_about(session, self.id)

    # -------------------------------------------------------------- for audits

    async def raw_entry(self, sequence: int) -> bytes:
        """Fetch an entry of the log as the server has it: an encoded LogEntry.

        Raises:
            MifengError: as `send`.
        """
        reply = await self._session.api.call(
            "log",
            m.LogReply,
            path={"unit_id": self.id},
            query={"generation": self._state.generation, "after": sequence - 1, "limit": 1},
        )
        return reply.entries[0]

    def attempt(self, raw_entry: bytes) -> bytes:
        """Try to decrypt an entry that somebody handed over, with all keys that this device has.

        Nothing is saved, and nothing of it is shown by the other functions.

        Returns:
            The content, if the keys are there.

        Raises:
            UsageError: this device has no keys of this unit any longer.
            ProtocolError, CryptoError: it cannot be decrypted here.
        """
        entry = decode(LogEntry, raw_entry)
        if entry.header.kind is not EntryKind.MESSAGE:
            raise UsageError("this entry is no message; take another one")
        return mls.decrypt(self._state.active_epoch, entry.content).received.data
