"""A lying server against real clients, over TLS: what they show, keep, send and say."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mifeng
from mifeng.core import membership
from mifeng.core.membership import Due
from mifeng.session import delivery
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import identity_of
from mifeng_crypto.log import SET_AT_EXTENSION, EntryKind, LogEntry
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import MLS_XWING, suite_by_id
from mifeng_crypto.tls import decode, encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.auditor import passes_audit
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.company import Company
from tests.support.patience import until
from tests.support.peer import pair
from tests.support.quiet import Quiet
from tests.support.server import running_server

CANARY = "the merger is on Friday"


@pytest.fixture
async def evil(tmp_path: Path) -> AsyncIterator[EvilServer]:
    async with evil_server(tmp_path / "evil") as server:
        yield server


@pytest.fixture
async def c(tmp_path: Path, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        yield both


async def refused(
    adversary: Adversary, evil: EvilServer, c: Cast, *rules: str, asked: int = 3
) -> None:
    """Ben syncs, and his unit stands still with the named error (O2, O3, O4)."""
    before, evil.asked = c.bens._state, type(evil.asked)()
    await c.ben.sync()
    if not adversary.on:
        c.bens.check_access()
        return
    adversary.named(c.ben._session.troubles.get(c.bens.id), *rules)
    assert c.bens._state is before, "O3: the victim has changed"
    assert all(n <= asked for n in evil.asked.values()), f"O3: it asks and asks: {evil.asked}"
    with pytest.raises(ProtocolError):
        c.bens.check_access()  # O4


async def goes_on(evil: EvilServer, c: Cast) -> None:
    """O1, O5: once nobody lies, all is well, and the server knows nothing."""
    evil.be_honest()
    await c.ada.sync()
    await c.ben.sync()
    await c.adas.send(CANARY)
    await c.ben.sync()
    assert (await c.bens.history())[-1].text == CANARY
    await c.bens.send("from Ben")
    await c.ada.sync()
    assert (await c.adas.history())[-1].text == "from Ben"
    await passes_audit(c.ben)  # O6
    evil.holds_none_of(CANARY, "Research", c.ada._session.profile.signature_key)


# ------------------------------------------------------------------ KeyPackages and Welcomes


def key_package_of(raw: bytes) -> KeyPackage:
    found = decode(MLSMessage, raw).message
    assert isinstance(found, KeyPackage)
    return found


def ghost_package(member_id: bytes, device_id: bytes, like: bytes) -> bytes:
    """A KeyPackage of the server's own making, under a true name."""
    source = key_package_of(like).leaf_node.source
    assert isinstance(source, FromKeyPackage)
    bundle = mls.create_key_package(
        suite=suite_by_id(MLS_XWING),
        signature_key=Secret(os.urandom(32)),
        credential=BasicCredential(member_id + device_id),
        capabilities=mls.default_capabilities(extensions=(SET_AT_EXTENSION,)),
        lifetime=source.lifetime,
        leaf_extensions=(),
        rng=os.urandom,
    )
    return encode_message(bundle.key_package)


@attack("claimed KeyPackages + each KeyPackage by itself")
async def test_a4_the_server_hands_out_a_device_of_its_own(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    ben, ghosts = c.ada.person("Ben"), list[bytes]()

    def swap(reply: m.ClaimReply) -> m.ClaimReply:
        changed = [
            m.ClaimedKeyPackage(
                device_id=item.device_id,
                key_package=ghost_package(ben.id, item.device_id, item.key_package),
            )
            for item in reply.key_packages
        ]
        ghosts.extend(item.key_package for item in changed)
        return m.ClaimReply(key_packages=changed)

    if adversary.on:
        evil.lie(c.ada, claim_key_packages=swap)
    second = await c.ada.create_unit("Second")
    is_in = await second.grant(ben)
    assert bool(ghosts) is adversary.on
    assert is_in is not adversary.on, "nobody is let in by the server's key"
    inside = {identity_of(leaf).member_id for _, leaf in second._state.active_epoch.public.leaves()}
    assert (ben.id in inside) is not adversary.on
    if adversary.on:
        adversary.refused_by.append("left out")
        c.ada._session.forget_who_had_no_keys(second.id)
    await goes_on(evil, c)


@attack("never back by a Welcome + used keys are deleted")
async def test_b7_a_welcome_is_replayed_and_handed_to_somebody_else(
    adversary: Adversary, evil: EvilServer, c: Cast, tmp_path: Path
) -> None:
    waiting: list[m.WelcomeItem] = []

    def remember(reply: m.WelcomesReply) -> m.WelcomesReply:
        waiting.extend(reply.welcomes)
        return reply

    second = await c.ada.create_unit("Second")
    evil.lie(c.ben, welcomes=remember)
    await second.grant(c.ada.person("Ben"))
    await c.ben.sync()
    (item,) = waiting
    bens = c.ben.unit("Second")
    await bens.send("here")
    before = bens._state

    def replay(reply: m.WelcomesReply) -> m.WelcomesReply:
        return m.WelcomesReply(
            welcomes=[msgspec.structs.replace(item, sequence=item.sequence + n) for n in (0, 100)]
        )

    link = (await c.ada.invite()).link
    async with mifeng.join(
        link, profile=tmp_path / "cai", name="Cai", passphrase=PASSPHRASE
    ) as cai:
        if adversary.on:
            evil.lie(c.ben, welcomes=replay)
            evil.lie(cai, welcomes=replay)
            await c.ben.sync()
            assert bens._state == before, "O3"
            await cai.sync()
            adversary.named(cai._session.troubles.get(second.id), "CLIENT-7")
            assert cai.units() == []
    await goes_on(evil, c)


@attack("used keys are deleted")
async def test_b10_a_key_package_is_handed_out_twice(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    first: list[m.ClaimReply] = []

    def same(reply: m.ClaimReply) -> m.ClaimReply:
        first.append(reply)
        return first[0]

    evil.lie(c.ada, **({"claim_key_packages": same} if adversary.on else {}))
    if adversary.on:
        evil._patch.setattr("mifeng_server.domain.unit_write.check_adds", nothing_used)
    second = await c.ada.create_unit("Second")
    await second.grant(c.ada.person("Ben"))
    await c.ben.sync()
    third = await c.ada.create_unit("Third")
    await third.grant(c.ada.person("Ben"))
    await c.ben.sync()
    titles = {unit.title for unit in c.ben.units()}
    if adversary.on:
        adversary.named(c.ben._session.troubles.get(third.id), "CLIENT-7")
        assert titles == {"Research", "Second"}
    else:
        assert titles == {"Research", "Second", "Third"}
    await goes_on(evil, c)


async def nothing_used(*_: object) -> tuple[()]:
    return ()


# ------------------------------------------------------------------ the log


def last_entry_with(change: Any) -> Any:  # noqa: ANN401 - a lie
    """Change the last commit of a reply, and forge the header so that the chain fits."""

    def told(reply: m.LogReply) -> m.LogReply:
        if not reply.entries:
            return reply
        entry = decode(LogEntry, reply.entries[-1])
        if entry.header.kind is not EntryKind.COMMIT:
            return reply
        content = change(entry.content)
        header = dataclasses.replace(entry.header, content_hash=hashlib.sha256(content).digest())
        return msgspec.structs.replace(
            reply, entries=[*reply.entries[:-1], encode(LogEntry(header, content))]
        )

    return told


@attack("tags")
async def test_b4_a_commit_that_cannot_be_processed_makes_nobody_join_again(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    tag = suite_by_id(c.adas.cipher_suite).hash_bytes + 1

    def bad_tag(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[-1 - tag] ^= 1  # before the membership tag
        return bytes(changed)

    await rotate(c)
    if adversary.on:
        evil.lie(c.ben, log=last_entry_with(bad_tag))
    before, evil.asked = c.bens._state, type(evil.asked)()
    await c.ben.sync()
    if adversary.on:
        # Ben's device would ask to be let in again, and does not let itself in. What it was shown
        # is not what the others have, so that its word counts nothing; and it has its keys still.
        adversary.named(c.ben._session.troubles.get(c.bens.id), "CLIENT-11")
        assert c.bens._state.log == before.log, "O3: the entry was applied"
        assert c.bens._state.active_epoch is before.active_epoch, "O3: keys are gone"
        assert [alarm.rule for alarm in await c.ben.alarms()] == ["RFC9420-6.2-1"]
        assert all(n <= 3 for n in evil.asked.values()), f"O3: he asks and asks: {evil.asked}"
    assert not evil.asked[c.ben.device_id, "commit"]
    await goes_on(evil, c)


async def rotate(c: Cast) -> None:
    """Ada renews the unit's keys."""
    session = c.ada._session
    async with session.turn(c.adas.id):
        await session.catch_up(c.adas.id)
        prepared = membership.commit(
            session.units[c.adas.id],
            Due(remove=(), add=(), rotate=True),
            [],
            roster=session.known_roster,
            profile=session.profile,
            now=session.now(),
            rng=session.rng,
        )
        assert prepared is not None
        await session.save_unit(prepared)
        await delivery._send_commit(session, c.adas.id, is_new=True)


@attack("a log does not shrink")
async def test_b31_the_server_is_put_back_to_an_older_state(
    adversary: Adversary, tmp_path: Path
) -> None:
    async with evil_server(tmp_path / "evil") as evil, cast(tmp_path, evil.server) as c:
        await c.adas.send("one")
        await c.ben.sync()
    folder, backup = tmp_path / "evil" / "server", tmp_path / "backup"
    shutil.copytree(folder, backup)
    async with (
        running_server(tmp_path / "evil", restart=True),
        mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada,
    ):
        await ada.unit("Research").send("two")
    if adversary.on:
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
    async with (
        running_server(tmp_path / "evil", restart=True),
        mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada,
    ):
        unit = ada.unit("Research")
        with adversary.refused("CLIENT-3"):
            unit.check_access()
        if adversary.on:
            with adversary.refused("CLIENT-3"):
                await unit.send("three")
        assert [x.text for x in await unit.history()] == ["one", "two"], "O3"


@attack("the lock of a profile")
async def test_b32_two_processes_work_on_one_profile(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    if adversary.on:
        with adversary.refused("ProfileBusyError"):
            async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE):
                pass
    await goes_on(evil, c)


@attack("what a push leaves out is fetched")
async def test_b34_a_push_that_is_lost_is_fetched_with_the_next(
    adversary: Adversary, evil: EvilServer, c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Quiet(monkeypatch)
    heard: list[str] = []

    async def listen() -> None:
        async for message in c.bens.messages():
            heard.append(message.text)  # noqa: PERF401 - it never ends

    listening = asyncio.create_task(listen())
    await c.ben._session.live.wait()
    lost: list[m.Push] = []

    def lose(push: m.Push) -> m.Push:
        if push.kind == "log" and not lost:
            lost.append(push)
            return msgspec.structs.replace(push, entries=[], head_sequence=0)
        return push

    if adversary.on:
        evil.push = lose
    await c.adas.send("one")
    await until(lambda: bool(lost) or not adversary.on)
    await c.adas.send("two")
    await quiet()  # all that will be heard has been heard
    listening.cancel()
    assert heard == ["one", "two"]
    if adversary.on:
        adversary.refused_by.append("fetched")
    await goes_on(evil, c)


# ------------------------------------------------------------------ the roster


@attack("the signature of an entry")
async def test_a1_the_server_shows_a_client_a_forged_roster(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    await c.ada.invite()

    def forge(reply: m.EntriesReply) -> m.EntriesReply:
        changed = [bytes([*entry[:-1], entry[-1] ^ 1]) for entry in reply.entries]
        return msgspec.structs.replace(reply, entries=changed)

    if adversary.on:
        evil.lie(c.ben, roster=forge)
    evil.asked.clear()
    head = c.ben._session.known_roster.head
    with adversary.refused("LEDGER-4"):
        await c.ben.sync()
    if adversary.on:
        assert c.ben._session.known_roster.head == head, "O3"
        assert evil.asked[c.ben.device_id, "roster"] <= 3, "O3"
    await goes_on(evil, c)


@attack("the head in the link")
async def test_a6_a_newcomer_is_shown_a_roster_from_before_his_invite(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    link = (await c.ada.invite()).link

    def older(reply: m.EntriesReply) -> m.EntriesReply:
        return m.EntriesReply(entries=reply.entries[:2], head_sequence=2)

    if adversary.on:
        evil.lie(None, roster=older)
    with adversary.refused("CLIENT-2"):
        async with mifeng.join(link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE):
            pass
    assert (c.home("cai") / "profile.db").exists() is not adversary.on, "O3"
    await goes_on(evil, c)


@attack("the genesis in the link")
async def test_e13_a_newcomer_is_shown_another_companys_roster(
    adversary: Adversary, evil: EvilServer, c: Cast
) -> None:
    link = (await c.ada.invite()).link
    other = [encode(entry) for entry in Company("another").entries]

    if adversary.on:
        evil.lie(None, roster=lambda _: m.EntriesReply(entries=other, head_sequence=len(other)))
    with adversary.refused("CLIENT-1"):
        async with mifeng.join(link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE):
            pass
    assert (c.home("cai") / "profile.db").exists() is not adversary.on, "O3"
    await goes_on(evil, c)


# ------------------------------------------------------------------ files


@attack()
async def test_d2_pieces_of_a_file_are_bent_and_exchanged(
    adversary: Adversary, evil: EvilServer, c: Cast, tmp_path: Path
) -> None:
    data = os.urandom(300_000)
    (tmp_path / "plan.pdf").write_bytes(data)
    await c.adas.upload(tmp_path / "plan.pdf")
    await c.ben.sync()
    (message,) = await c.bens.history()
    lies: dict[str, Any] = {
        "bent": lambda piece: bytes([*piece[:-1], piece[-1] ^ 1]),
        "exchanged": lambda piece: piece[len(piece) // 2 :] + piece[: len(piece) // 2],
    }
    for name, told in lies.items() if adversary.on else ():
        evil.blob = told
        with adversary.refused("FILE-3", "FILE-4", "FILE-5"):
            await c.bens.download(message.files[0], tmp_path / name)
        left = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert left == [], "O3: nothing is left of a file that fails"
    evil.be_honest()
    path = await c.bens.download(message.files[0], tmp_path / "true")
    assert path.read_bytes() == data
    evil.holds_none_of("plan.pdf", data[:40])
    await goes_on(evil, c)


# ------------------------------------------------------------------ a member against the server


@attack("whose KeyPackages are handed out")
async def test_b9_a_member_drains_a_colleagues_key_packages(
    adversary: Adversary, tmp_path: Path
) -> None:
    async with running_server(tmp_path, tls=False) as server, pair(server) as (ada, bo, unit_id):
        before = (await bo.call("count_key_packages", m.KeyPackageCount)).unused
        rules = set[str | None]()
        for _ in range(20) if adversary.on else ():
            answer = await ada.refused(
                "claim_key_packages",
                m.ClaimRequest(device_ids=[bo.device_id]),
                path={"unit_id": unit_id},
            )
            rules.add(answer.rule)
        if adversary.on:
            assert rules == {"KEYPACKAGE-4"}
            adversary.refused_by.append("KEYPACKAGE-4")
        assert (await bo.call("count_key_packages", m.KeyPackageCount)).unused == before
        await ada.send(unit_id, b"hello")
        assert await bo.catch_up(unit_id) == [b"hello"]
