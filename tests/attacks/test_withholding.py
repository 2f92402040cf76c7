"""A server that keeps things back: messages from one, commits of one, and its own word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import mifeng
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.domain.house import COMMITS_AT_ONCE
from tests.attacks.adversary import Adversary, attack
from tests.attacks.auditor import passes_audit
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.peer import RefusedError, pair
from tests.support.server import ManualClock, running_server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """One clock for the server and for everybody's devices."""
    clock = ManualClock()
    monkeypatch.setattr("mifeng.sdk.opening._now", lambda: UnixMillis(clock.now()))
    return clock


@pytest.fixture
async def evil(tmp_path: Path, clock: ManualClock) -> AsyncIterator[EvilServer]:
    async with evil_server(tmp_path / "evil", clock=clock) as server:
        yield server


@pytest.fixture
async def c(tmp_path: Path, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        yield both


async def alarmed(adversary: Adversary, who: mifeng.Workspace, rule: str) -> None:
    """O4: the user is told, with what it rests on; if nobody misbehaves, nobody is."""
    found = await who.alarms()
    if not adversary.on:
        assert found == []
        return
    if rule not in [alarm.rule for alarm in found]:
        adversary.succeeds()
    assert all(alarm.message for alarm in found)
    adversary.refused_by.append(rule)


async def goes_on(evil: EvilServer, c: Cast) -> None:
    """O1, O5."""
    evil.be_honest()
    await c.ada.sync()
    await c.ben.sync()
    await c.adas.send("all is well")
    await c.ben.sync()
    assert (await c.bens.history())[-1].text == "all is well"
    for who in (c.ada, c.ben):
        await passes_audit(who)  # O6
    evil.holds_none_of("all is well")


async def keep_the_tail_back(evil: EvilServer, c: Cast) -> None:
    """From now on Ben is told that nothing happens, and the server signs that, too."""
    said: list[m.CheckpointsReply] = []

    def remember(reply: m.CheckpointsReply) -> m.CheckpointsReply:
        said.append(reply)
        return reply

    evil.lie(c.ben, checkpoints=remember)
    await c.ben.sync()
    last = c.bens._state.log.sequence
    evil.lie(
        c.ben,
        log=lambda _: m.LogReply(entries=[], head_sequence=last),
        checkpoints=lambda _: said[-1],
    )


@attack("what was accepted is given", "what senders had been given")
async def test_b14_the_end_of_the_log_is_kept_from_one_alarm_2(
    adversary: Adversary, evil: EvilServer, c: Cast, clock: ManualClock
) -> None:
    if adversary.on:
        await keep_the_tail_back(evil, c)
    for text in ("the meeting", "is at", "nine"):
        await c.adas.send(text)
    clock.advance(11 * 60)
    await c.ben.sync()
    assert len(await c.bens.history()) == (0 if adversary.on else 3)
    with adversary.refused("CLIENT-3"):  # the first word of his own betrays it to him
        await c.bens.send("anybody there?")
    await c.ada.sync()
    assert (await c.adas.history())[-1].text == "anybody there?"
    await alarmed(adversary, c.ada, "ALARM-2")  # and to all who read it
    await goes_on(evil, c)


@attack("the next entry")
async def test_b29_somebodys_messages_are_kept_from_one(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    await c.ben.sync()
    before = c.bens._state

    def without_ada(reply: m.LogReply) -> m.LogReply:
        kept = [
            entry
            for entry in reply.entries
            if decode(LogEntry, entry).header.device_id != c.ada.device_id
        ]
        return msgspec.structs.replace(reply, entries=kept)

    await c.adas.send("for everybody but Ben")
    await c.ada.invite()
    await c.adas.grant(c.ada.invites()[-1].person)  # the log goes on with a `heads`
    if adversary.on:
        evil.lie(c.ben, log=without_ada)
    await c.ben.sync()
    if adversary.on:
        adversary.named(c.ben._session.troubles.get(c.bens.id), "LOG-2")
        assert c.bens._state is before, "O3"
    await alarmed(adversary, c.ben, "LOG-2")
    await goes_on(evil, c)


@attack("losses of commits")
async def test_b16_the_commits_of_one_are_never_accepted_alarm_1(
    adversary: Adversary, evil: EvilServer, c: Cast, clock: ManualClock
) -> None:
    await c.adas.send("hello")
    clock.advance(25 * 3600)
    if adversary.on:
        evil.refuse(c.ada, "commit", ProblemCode.WRONG_EPOCH)
        with pytest.raises(TransportError):
            await c.adas.send("under old keys")
    else:
        await c.adas.send("under new keys")
    await alarmed(adversary, c.ada, "ALARM-1")
    await goes_on(evil, c)


@attack("the pinned checkpoint")
async def test_b31_the_server_signs_less_than_it_has_signed(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    said: list[m.CheckpointsReply] = []

    def remember(reply: m.CheckpointsReply) -> m.CheckpointsReply:
        said.append(reply)
        return reply

    evil.lie(c.ben, checkpoints=remember)
    await c.ben.sync()
    await c.ada.invite()  # the roster grows
    await c.ben.sync()
    if adversary.on:
        evil.lie(c.ben, checkpoints=lambda _: said[0])
    before = c.ben._session.known_roster.head
    with adversary.refused("CHECKPOINT-2"):
        await c.ben.sync()
    assert c.ben._session.known_roster.head == before, "O3"
    await alarmed(adversary, c.ben, "CHECKPOINT-2")
    await goes_on(evil, c)


@attack("catching up comes first")
async def test_b33_who_is_asked_to_commit_while_catching_up_catches_up_first(
    adversary: Adversary, evil: EvilServer, c: Cast, clock: ManualClock
) -> None:
    clock.advance(1)
    for n in range(40):
        await c.adas.send(f"message {n}")
    clock.advance(25 * 3600)
    order: list[tuple[str, int]] = []

    def note(reply: m.LogReply) -> m.LogReply:
        order.append(("log", len(reply.entries)))
        return reply

    def commits(reply: m.AcceptedReply) -> m.AcceptedReply:
        order.append(("commit", c.bens._state.log.sequence))
        return reply

    evil.lie(c.ben, log=note, commit=commits)

    def ask_at_once(push: m.Push) -> m.Push:
        return m.Push(kind="steward", unit_id=c.bens.id)

    if adversary.on:
        evil.push = ask_at_once
    live = c.ben._session.live
    await live.wait()
    async with asyncio.timeout(PATIENCE_S):
        while not any(kind == "commit" for kind, _ in order):
            clock.advance(1)
            await asyncio.sleep(0.02)
    first = next(n for n, (kind, _) in enumerate(order) if kind == "commit")
    assert sum(n for kind, n in order[:first]) >= 40, "it commits before it has caught up"
    texts = [message.text for message in await c.bens.history()]
    assert texts[-1] == "message 39"
    if adversary.on:
        adversary.refused_by.append("caught up first")


@attack("how often a device commits")
async def test_b27_a_member_who_commits_without_pause_is_slowed_down(
    adversary: Adversary, tmp_path: Path, clock: ManualClock
) -> None:
    async with (
        running_server(tmp_path, tls=False, clock=clock) as server,
        pair(server) as (ada, bo, unit_id),
    ):
        for n in range(COMMITS_AT_ONCE + 5 if adversary.on else 3):
            if n < COMMITS_AT_ONCE:
                await bo.commit(unit_id)
                continue
            with contextlib.suppress(RefusedError):
                await bo.commit(unit_id)
                continue
            adversary.refused_by.append(ProblemCode.TOO_MANY_REQUESTS.code)
        if adversary.on and not adversary.refused_by:
            adversary.succeeds()
        await ada.catch_up(unit_id)
        await ada.commit(unit_id)  # at the first attempt
        await ada.send(unit_id, b"hello")
        await bo.catch_up(unit_id)
