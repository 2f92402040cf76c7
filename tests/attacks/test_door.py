"""The server's door: strangers, members and thieves who ask for what they should not have."""

# ruff: noqa: ANN401 - a request that is bent can be of any type

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.charter import sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_crypto.tls import encode
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.serving import serving
from tests.attacks.adversary import Adversary, OracleError, attack
from tests.support.connection import Connection
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, RefusedError, pair, peer_of
from tests.support.server import ManualClock, RunningServer, running_server

CANARY = b"the merger is on Friday"
MESSAGE_PACK = "application/msgpack"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path, clock=ManualClock(), tls=False) as running:
        yield running


@pytest.fixture
async def two(server: RunningServer) -> AsyncIterator[tuple[Peer, Peer, bytes]]:
    async with pair(server) as both:
        yield both


def judge(adversary: Adversary, expected: str, got: str) -> None:
    """O2: whoever misbehaves gets this answer; whoever does not gets none."""
    if not adversary.on:
        assert got == "", f"an honest request is refused: {got}"
        return
    if got != expected:
        raise OracleError(f"answered {got or 'yes'}, not {expected}")
    adversary.refused_by.append(expected)


def server_address(server: RunningServer) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.rpartition(":")[2])


async def code_of(peer: Connection, *request: Any, **more: Any) -> str:
    status, raw, _ = await peer.raw(*request, **more)
    return msgspec.json.decode(raw)["code"] if status >= 400 else ""


async def answer_of(call: Any) -> str:
    try:
        await call
    except RefusedError as err:
        return err.code
    return ""


@attack()
async def test_g1_few_bytes_claim_to_be_many(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, bob, unit_id = two
    request = ann.make_message(unit_id, CANARY)
    if adversary.on:
        # A PrivateMessage whose group id claims a gigabyte.
        bomb = b"\x00\x01\x00\x02" + (0xC000_0000_0000_0000 | 1 << 30).to_bytes(8, "big") + b"x"
        request = m.MessageRequest(generation=0, message=bomb)
    path = {"unit_id": unit_id}
    got = await answer_of(ann.call("message", m.AcceptedReply, request, path=path))
    judge(adversary, "malformed", got)
    await bob.call("units", m.UnitsReply)  # O5


@attack("bodies as they are")
async def test_g2_a_body_unpacks_itself(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, _, unit_id = two
    body = msgspec.msgpack.encode(ann.make_message(unit_id, CANARY))
    headers: dict[str, str | None] = {"Content-Type": MESSAGE_PACK}
    if adversary.on:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    path = f"/v1/units/{unit_id.hex()}/messages"
    judge(
        adversary,
        "unsupported_media_type",
        await code_of(ann, "POST", path, data=body, headers=headers),
    )


@attack("who is slow is not under way")
async def test_g3_slow_requests_use_the_server_up(adversary: Adversary, tmp_path: Path) -> None:
    """Somebody without a login sends heads, and no bodies: he keeps nobody else out."""
    settings = "[limits]\nin_flight = 20"
    async with (
        running_server(tmp_path, tls=False, settings=settings) as server,
        peer_of(server) as p,
    ):
        held = []
        for _ in range(30 if adversary.on else 3):
            reader, writer = await asyncio.open_connection(*server_address(server))
            writer.write(
                b"POST /v1/login HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n"
                b"Content-Type: application/msgpack\r\nContent-Length: 1000\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            held.append((reader, writer))
        async with asyncio.timeout(PATIENCE_S):
            for reader, _ in held:  # the server waits for each body now
                assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        got = await code_of(p, "GET", "/v1/server")
        for _, writer in held:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        if got:
            raise OracleError(f"others are refused: {got}")
        adversary.refused_by.append("others are served")


@attack("what a device has under way")
async def test_g3_one_device_makes_all_others_wait(adversary: Adversary, tmp_path: Path) -> None:
    """A member fills one upload slowly, and lets many requests wait for it."""
    settings = "[limits]\nin_flight = 150"
    async with (
        running_server(tmp_path, tls=False, settings=settings) as server,
        pair(server) as (ann, bob, unit_id),
    ):
        path = f"/v1/units/{unit_id.hex()}/files"
        tus: dict[str, str | None] = {"Tus-Resumable": "1.0.0", "Upload-Length": "100"}
        _, _, headers = await ann.raw("POST", path, headers=tus)
        held = []
        for _ in range(200 if adversary.on else 3):
            reader, writer = await asyncio.open_connection(*server_address(server))
            writer.write(
                f"PATCH {headers['Location']} HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n"
                f"Authorization: Bearer {ann.token}\r\nTus-Resumable: 1.0.0\r\n"
                "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
                "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            held.append((reader, writer))
        async with asyncio.timeout(PATIENCE_S):
            for reader, _ in held:
                assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        got = await answer_of(bob.call("units", m.UnitsReply))
        for _, writer in held:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        if got:
            raise OracleError(f"others are refused: {got}")
        adversary.refused_by.append("others are served")


@attack()
async def test_g4_two_parsers_read_one_request_differently(
    adversary: Adversary, server: RunningServer
) -> None:
    head = b"POST /v1/login/nonce HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n"
    smuggled = b"GET /v1/server HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n\r\n"
    tricks = [
        b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
    ]
    for trick in tricks if adversary.on else [b"Content-Length: 0\r\n\r\n"]:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + trick + smuggled)
        answers = b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while piece := await reader.read(65_536):
                    answers += piece
                    if b"HTTP/1.1 400" in answers or answers.count(b"HTTP/1.1") >= 2:
                        break
        except (TimeoutError, ConnectionError):
            pass
        writer.transport.abort()
        two_answers = answers.count(b"HTTP/1.1 200") >= 2
        if not adversary.on:
            assert two_answers, "pipelining is allowed"
        elif two_answers:
            raise OracleError(f"a second request was smuggled in by {trick!r}")
    if adversary.on:
        adversary.refused_by.append("400")


@attack("who reads a unit")
async def test_g5_another_units_objects_are_asked_for(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, bob, unit_id = two
    await ann.send(unit_id, CANARY)
    if adversary.on:
        await ann.revoke(unit_id, bob.member_id)
    path = {"unit_id": unit_id}
    judge(adversary, "not_found", await answer_of(bob.call("log", m.LogReply, path=path)))


@attack()
async def test_g6_text_is_taken_for_a_query(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, bob, unit_id = two
    words = [
        "'; DROP TABLE log; --",
        '" OR ""="',
        "%s%n",
        "\\x00",
        "$1",
        "{0}",
        "=cmd|'/c calc'!A1",
    ]
    for n, word in enumerate(words if adversary.on else ["a key"]):
        request = ann.make_message(unit_id, b"%d" % n)
        reply = await ann.call(
            "message", m.AcceptedReply, request, path={"unit_id": unit_id}, key=word
        )
        again = await ann.call(
            "message", m.AcceptedReply, request, path={"unit_id": unit_id}, key=word
        )
        assert again.header == reply.header, "it is a key like any other"
        await bob.catch_up(unit_id)
    if adversary.on:
        adversary.refused_by.append("taken as text")


@attack("who reads a unit")
async def test_g7_answers_tell_what_there_is(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    """What is absent and what one may not see are answered in the same bytes."""
    ann, bob, unit_id = two
    await ann.revoke(unit_id, bob.member_id)
    paths = ["/log", "/charter"] if adversary.on else []
    for rest in paths:
        there = await bob.raw("GET", f"/v1/units/{unit_id.hex()}{rest}")
        absent = await bob.raw("GET", f"/v1/units/{os.urandom(16).hex()}{rest}")
        if there[:2] != absent[:2]:
            raise OracleError(f"{rest} tells that the unit exists")
        adversary.refused_by.append("the same words")


@attack("rate limits")
async def test_g8_one_device_asks_without_end(adversary: Adversary, tmp_path: Path) -> None:
    settings = "[limits]\nper_device = 5\nburst_s = 4"
    async with (
        running_server(tmp_path, clock=ManualClock(), tls=False, settings=settings) as server,
        pair(server) as (ann, bob, _),
    ):
        server.clock.advance(60)  # type: ignore[attr-defined]  # the clock is the test's
        codes = [await code_of(ann, "GET", "/v1/units") for _ in range(30 if adversary.on else 5)]
        judge(adversary, "too_many_requests", codes[-1])
        assert await code_of(bob, "GET", "/v1/units") == "", "O5: others are not held up"


@attack()
async def test_g9_the_whole_database_is_stolen(
    adversary: Adversary, server: RunningServer, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, bob, unit_id = two
    await ann.send(unit_id, CANARY)
    assert await bob.catch_up(unit_id) == [CANARY]
    stolen = b"".join(p.read_bytes() for p in server.folder.rglob("*") if p.is_file())
    for secret in (CANARY, ann.token.encode(), bytes(ann.key), bytes(bob.key)):
        if secret in stolen:
            raise OracleError("a secret is on the server's disk")
    if adversary.on:
        adversary.refused_by.append("nothing readable")


@attack()
async def test_g10_somebody_reads_the_connection(
    adversary: Adversary, server: RunningServer, two: tuple[Peer, Peer, bytes]
) -> None:
    """Even without TLS what passes is ciphertext and pseudonyms."""
    ann, bob, unit_id = two
    seen, port = bytearray(), int(server.url.rpartition(":")[2])

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, outer, seen), _pump(inner, writer, seen))

    relay = await asyncio.start_server(between, "127.0.0.1", 0)
    where = relay.sockets[0].getsockname()[1]
    for peer in (ann, bob) if adversary.on else ():
        peer.url = f"http://127.0.0.1:{where}"
    await ann.send(unit_id, CANARY)
    assert await bob.catch_up(unit_id) == [CANARY]
    relay.close()
    if adversary.on:
        assert len(seen) > 1000
        if CANARY in seen or bytes(ann.key) in seen:
            raise OracleError("a secret passes on the line")
        adversary.refused_by.append("nothing readable")


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray
) -> None:
    while piece := await reader.read(65_536):
        seen += piece
        writer.write(piece)
    writer.close()


@attack("the cap")
async def test_g11_a_race_adds_the_person_after_the_last(
    adversary: Adversary, server: RunningServer, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, _, _ = two
    policy = dataclasses.replace(DEFAULT_POLICY, cap=2)
    unit_id = await ann.create_unit(policy=policy)
    invited = [(await ann.invite())[0] for _ in range(4 if adversary.on else 1)]

    async def let_in(member_id: MemberId) -> str:
        while True:  # each knows the newest charter, and all are on their way at the same time
            charter = ann.units[unit_id].charter
            entry = sign_charter_entry(
                charter, Grant(member_id, UnitRole.MEMBER), ann.author, ann.key,
                roster=ann.known, now=ann.now,
            )  # fmt: skip
            request = m.LedgerAppendRequest(entry=encode(entry))
            got = await answer_of(
                ann.call("charter_append", m.HeadReply, request, path={"unit_id": unit_id})
            )
            if got != "stale_head":
                return got
            async with looking:
                await ann.catch_up(unit_id)

    looking = asyncio.Lock()
    outcomes = sorted(await asyncio.gather(*map(let_in, invited)))
    assert outcomes[0] == "", "the last place is somebody's"
    judge(adversary, "cap_exceeded", outcomes[-1])
    assert outcomes.count("") == 1
    unit = await server.house.unit(unit_id)
    assert unit is not None
    assert len(unit.charter.members()) == 2


@attack("the protocol version")
async def test_g12_an_old_version_is_brought_back(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    ann, _, _ = two
    version = "0" if adversary.on else "1"
    got = await code_of(ann, "GET", "/v1/units", headers={"Mifeng-Protocol": version})
    judge(adversary, "upgrade_required", got)


@attack("the signature of an entry")
async def test_e11_a_stolen_token_acts_for_its_owner(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    """What speaks for a person is signed by the device: a token alone signs nothing."""
    ann, bob, _ = two
    thief = Peer(session=ann.session, url=ann.url, clock=ann.clock, token=ann.token)
    thief.member_id, thief.device_id, thief.roster = ann.member_id, ann.device_id, ann.known
    if not adversary.on:
        thief.key = ann.key
    got = await answer_of(thief.append_roster(RemoveMember(bob.member_id)))
    judge(adversary, "refused", got)
    assert (await ann.call("units", m.UnitsReply)).units


@attack()
async def test_c15_response_times_tell_tokens(
    adversary: Adversary, two: tuple[Peer, Peer, bytes]
) -> None:
    """A token is found by its hash: the same steps for one that is nearly right."""
    ann, _, _ = two
    token = ann.token
    guesses = [token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "A" * len(token)]

    async def steps(guess: str) -> int:
        count = 0

        def trace(frame: Any, event: str, _: Any) -> Any:
            nonlocal count
            if "mifeng_server/domain" in frame.f_code.co_filename:
                count += event == "line"
                return trace
            return None

        sys.settrace(trace)
        try:
            await code_of(ann, "GET", "/v1/units", token=guess)
        finally:
            sys.settrace(None)
        return count

    await steps(guesses[0])
    counts = {await steps(guess) for guess in (guesses if adversary.on else guesses[:1])}
    assert len(counts) == 1, "how far a guess is right can be seen"
    if adversary.on:
        adversary.refused_by.append("the same steps")


@attack("who sees a file")
async def test_c15_a_file_of_others_is_answered_like_none(
    adversary: Adversary, server: RunningServer, two: tuple[Peer, Peer, bytes]
) -> None:
    """A member of the company who is not in the unit cannot tell a file's id from a guess."""
    ann, bob, unit_id = two
    file_id = await ann.open_upload(unit_id, 5)
    await ann.patch(file_id, 0, b"hello")
    await ann.send(unit_id, files=[file_id])
    async with peer_of(server) as eve:
        member_id, key = await ann.invite()
        await eve.join_workspace(member_id, key, ann.known)
        asks = eve if adversary.on else bob
        answers = set[tuple[int, bytes]]()
        for named in (file_id, os.urandom(16)) if adversary.on else (file_id,):
            for path in ("", "/share", "/readers"):
                status, raw, _ = await asks.raw("GET", f"/v1/files/{named.hex()}{path}")
                answers.add((status, raw))
    if adversary.on:
        if len(answers) != 1:
            adversary.succeeds()
        judge(adversary, "not_found", msgspec.json.decode(answers.pop()[1])["code"])
    else:
        assert {status for status, _ in answers} == {200}


@attack("a source of randomness")
async def test_i5_the_random_generator_is_broken(adversary: Adversary, tmp_path: Path) -> None:
    async with running_server(tmp_path, tls=False) as made:
        folder = Folder(made.folder)
    rng = bytes if adversary.on else os.urandom
    started = ""
    try:
        async with serving(folder, clock=SystemClock(), rng=rng, port=0):
            pass
    except MifengError as err:
        started = type(err).__name__
    judge(adversary, "StorageError", started)
