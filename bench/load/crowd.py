"""A thousand devices in one process: what they send is made as clients make it, and kept once.

The secrets of an epoch are the same for all its members, and a commit is made of the public tree,
the committer's own signature key and fresh secrets. So one device's state, checked and moved by the
whole gate as a client's is, serves to commit and to write in the name of each: the bytes are those
of a thousand clients, and the server cannot tell. What is left out is that each of them would also
process what the others commit, on a machine of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time

import msgspec

from bench.load.stage import Stage
from bench.load.wire import Http
from mifeng_crypto.api.messages import AcceptedReply, CommitRequest, MessageRequest
from mifeng_crypto.gate import UnitView, renewal_due
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader
from mifeng_crypto.mls import group as mls
from mifeng_crypto.tls import decode
from tests.support.company import Person
from tests.support.unit import Member, leaf_extensions

__all__ = ["Crowd", "now_ms"]


def now_ms() -> UnixMillis:
    """What time it is."""
    return UnixMillis(time.time_ns() // 1_000_000)


class Crowd:
    """All members of a stage's unit, from the founder's state."""

    def __init__(self, stage: Stage) -> None:
        self.unit = stage.unit
        self.path = f"/v1/units/{stage.unit.unit_id.hex()}"
        self.people = {who.device_id: who for who in stage.people}
        self.tokens = {
            who.device_id: token for who, token in zip(stage.people, stage.tokens, strict=True)
        }
        self.sizes: list[int] = []
        """Of commits, in bytes, in their order."""
        self.attempts = 0
        self._early: dict[int, LogEntry] = {}
        self._moved = asyncio.Event()

    @property
    def member(self) -> Member:
        return self.unit.of(self.unit.creator)

    @property
    def view(self) -> UnitView:
        return self.member.view

    def due(self) -> list[DeviceId]:
        """The devices whose leaves are to be renewed."""
        view, time = self.view, now_ms()
        return [d for d, leaf in view.standing.leaves.items() if renewal_due(view, leaf, time)]

    # -------------------------------------------------------------- what they send

    async def write(self, line: Http, who: Person) -> float:
        """Write something, through lost races; return the seconds until it was on the disk."""
        began = time.perf_counter()
        while True:
            epoch = self._as(who)
            sealed = mls.encrypt(
                epoch,
                os.urandom(1024),
                signature_key=who.key,
                authenticated_data=self.unit.said(self.unit.creator, time=now_ms()),
                rng=os.urandom,
            )
            content = sealed.message
            self.member.epoch = dataclasses.replace(sealed.epoch, own_leaf=self._as(None).own_leaf)
            number = epoch.public.epoch
            body = MessageRequest(generation=0, message=content)
            if await self._post(line, "messages", who, body, content):
                return time.perf_counter() - began
            if b"key_expired" in line.answer:  # whoever sends renews them first
                await self.renew(line, who)
            else:
                await self._past(number)

    async def renew(self, line: Http, who: Person) -> None:
        """Renew somebody's leaf, through lost races."""
        while who.device_id in self.due():
            epoch, now = self._as(who), now_ms()
            self.unit.company.now = now
            pending = mls.commit(
                epoch,
                signature_key=who.key,
                path=True,
                leaf_extensions=leaf_extensions(now),
                authenticated_data=self.unit.said_by_commit(self.unit.creator, time=now),
                now_s=now // 1000,
                rng=os.urandom,
            )
            if who is self.unit.creator:
                self.unit.pending = {pending.message: pending}
                self.unit.sender = who.device_id
            self.attempts += 1
            body = CommitRequest(generation=0, commit=pending.message)
            if await self._post(line, "commits", who, body, pending.message):
                self.sizes.append(len(pending.message))
                return
            await self._past(epoch.public.epoch)

    def _as(self, who: Person | None) -> mls.Epoch:
        epoch = self.member.epoch
        assert epoch is not None, "the founder is not taken out"
        who = who or self.unit.creator
        return dataclasses.replace(epoch, own_leaf=self.view.standing.leaves[who.device_id])

    async def _post(
        self, line: Http, what: str, who: Person, body: msgspec.Struct, content: bytes
    ) -> bool:
        """Post; return whether it was taken, or a commit came first."""
        token = self.tokens[who.device_id]
        status = await line.post(f"{self.path}/{what}", token, msgspec.msgpack.encode(body))
        if status == 409:
            assert b"wrong_epoch" in line.answer or b"key_expired" in line.answer, line.answer
            return False
        assert status == 200, f"{what}: {status} {line.answer[:200]!r}"
        header = decode(LogHeader, msgspec.msgpack.decode(line.answer, type=AcceptedReply).header)
        self._early[header.sequence] = LogEntry(header, content)
        self._apply()
        while self.view.log.sequence < header.sequence:
            await self._wait()
        return True

    # -------------------------------------------------------------- what they apply

    def _apply(self) -> None:
        while (entry := self._early.pop(self.view.log.sequence + 1, None)) is not None:
            if entry.header.kind is EntryKind.MESSAGE:  # whose keys are used up already
                member = self.member
                member.view = dataclasses.replace(
                    member.view,
                    log=member.view.log.grown(entry.header),
                    last_accepted_at=entry.header.accepted_at,
                )
            else:
                self.unit.apply(self.member, entry)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _wait(self) -> None:
        await asyncio.wait_for(self._moved.wait(), 60)

    async def _past(self, epoch: int) -> None:
        """Wait until that epoch is over: a commit came first, and its answer is on the way."""
        while self._as(None).public.epoch <= epoch:
            await self._wait()
