"""What every endpoint refuses, and that both forms of a body come to the same."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, Problem
from mifeng_server.app import FUNCTIONS
from mifeng_server.routes.openapi import make_document
from tests.support.peer import Peer, founded, peer_of
from tests.support.server import ManualClock, RunningServer, routes_of, running_server

CARD = m.Card(subject=bytes(16), version=1, sealed=b"sealed")
JSON = "application/json"


def _problem(answer: tuple[int, bytes, Mapping[str, str]]) -> Problem:
    status, raw, headers = answer
    assert headers["Content-Type"].startswith(PROBLEM_CONTENT_TYPE)
    problem = msgspec.json.decode(raw, type=Problem)
    assert problem.status == status
    return problem


async def _post(
    peer: Peer, data: object, content_type: str = JSON, **headers: str | None
) -> tuple[int, bytes, Mapping[str, str]]:
    sent: dict[str, str | None] = {"Content-Type": content_type}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await peer.raw("POST", "/v1/directory", data=data, headers=sent)


async def test_json_and_messagepack_are_the_same_api(founder: Peer) -> None:
    card = m.Card(subject=founder.member_id, version=1, sealed=b"\x00\xff")
    await founder.call("put_card", m.CardsReply, card, json=True, key="once")
    again = await founder.call("put_card", m.CardsReply, card, json=False, key="once")
    assert again.cursor == 1
    for json in (True, False):
        got = await founder.call("cards", m.CardsReply, json=json)
        assert got.cards == [card]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"member_id": "AAAAAAAAAAAAAAAAAAAAAA==", "version": 1}',
        b'{"member_id": "AAAAAAAAAAAAAAAAAAAAAA==", "version": 1, "sealed": "", "more": 1}',
        b'{"member_id": "AAAAAAAAAAAAAAAAAAAAAA==", "version": "1", "sealed": ""}',
        b'{"member_id": "AAAAAAAAAAAAAAAAAAAAAA==", "version": 0, "sealed": ""}',
        b'{"member_id": "AAAA", "version": 1, "sealed": ""}',
        b'{"member_id": "not base64!", "version": 1, "sealed": ""}',
        b'{"member_id": "AAAAAAAAAAAAAAAAAAAAAA==", "version": 1, "sealed": "\xff"}',
        b"[" * 60_000,
    ],
)
async def test_a_malformed_body_is_named(founder: Peer, body: bytes) -> None:
    assert _problem(await _post(founder, body)).code == "malformed"


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x83", b"\x81" * 60_000, b"\x90"])
async def test_malformed_messagepack_is_named(founder: Peer, body: bytes) -> None:
    assert _problem(await _post(founder, body, "application/msgpack")).code == "malformed"


async def test_bytes_that_are_no_entry_are_malformed(founder: Peer) -> None:
    request = m.LedgerAppendRequest(entry=b"no entry")
    assert (await founder.refused("roster_append", request)).code == "malformed"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(founder: Peer) -> None:
    limit = ENDPOINTS["put_card"].limit_bytes
    assert _problem(await _post(founder, b"x" * (limit + 1))).code == "too_large"


async def test_a_body_without_length_is_cut_off_at_the_limit(founder: Peer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536

    sent = 0
    try:
        sent = _problem(await _post(founder, endless())).status
    except OSError:
        sent = 413  # the server hung up before everything was sent, which is as good
    assert sent == 413
    await founder.call("server", m.ServerInfo)


@pytest.mark.parametrize("content_type", ["text/plain", "application/cbor", "multipart/form-data"])
async def test_another_content_type_is_refused(founder: Peer, content_type: str) -> None:
    answer = await _post(founder, msgspec.json.encode(CARD), content_type)
    assert _problem(answer).code == "unsupported_media_type"


async def test_a_packed_body_is_refused_unopened(founder: Peer) -> None:
    answer = await _post(founder, gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    assert _problem(answer).code == "unsupported_media_type"


@pytest.mark.parametrize("version", [None, "0", "2", "one"])
async def test_another_protocol_version_is_told_to_upgrade(
    founder: Peer, version: str | None
) -> None:
    headers = {"Mifeng-Protocol": version}
    for path in ("/v1/server", "/v1/roster", f"/v1/files/{'0' * 32}", "/v1/stream"):
        answer = await founder.raw("GET", path, headers=headers)
        assert _problem(answer).code == "upgrade_required"


@pytest.mark.parametrize("key", [None, "", "x" * 65, "tab\there"])
async def test_a_change_without_a_proper_idempotency_key_is_malformed(
    founder: Peer, key: str | None
) -> None:
    answer = await _post(founder, msgspec.json.encode(CARD), Idempotency_Key=key)
    assert _problem(answer).code == "malformed"


@pytest.mark.parametrize(
    "query", ["?after=-1", "?after=x", "?after=9999999999999999999", "?afer=1"]
)
async def test_a_query_that_nobody_declared_is_malformed(founder: Peer, query: str) -> None:
    assert (await founder.refused("roster", query=query)).code == "malformed"


async def test_what_is_not_there_is_a_problem_too(founder: Peer) -> None:
    assert _problem(await founder.raw("GET", "/v1/nothing")).code == "not_found"
    assert _problem(await founder.raw("GET", f"/v1/units/{'A' * 32}/log")).code == "not_found"
    answer = await founder.raw("DELETE", "/v1/server")
    assert _problem(answer).code == "method_not_allowed"
    assert "GET" in answer[2]["Allow"]


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é", "A" * 5_000])
async def test_a_token_that_is_none_is_unauthenticated(founder: Peer, token: str) -> None:
    answer = await founder.raw("GET", "/v1/units", headers={"Authorization": f"Bearer {token}"})
    assert _problem(answer).code == "unauthenticated"
    assert answer[2]["WWW-Authenticate"] == "Bearer"


async def test_every_endpoint_but_the_open_ones_wants_a_token(server: RunningServer) -> None:
    async with peer_of(server) as stranger:
        for endpoint in ENDPOINTS.values():
            path = re.sub(r"{\w+}", "0" * 32, endpoint.path)
            status, _, _ = await stranger.raw(
                endpoint.method, path, headers={"Authorization": None}
            )
            assert (status == 401) == (endpoint.access.value != "anybody"), endpoint.name


async def test_a_token_of_another_server_is_unauthenticated(
    founder: Peer, tmp_path_factory: pytest.TempPathFactory, clock: ManualClock
) -> None:
    other_folder = tmp_path_factory.mktemp("other")
    async with (
        running_server(other_folder, clock=clock, tls=False) as other,
        founded(other) as foreign,
    ):
        answer = await founder.raw("GET", "/v1/units", token=foreign.token)
    assert _problem(answer).code == "unauthenticated"


async def test_the_document_describes_exactly_the_routes(server: RunningServer) -> None:
    async with peer_of(server) as stranger:
        status, raw, _ = await stranger.raw("GET", "/openapi.json")
    assert status == 200
    document = msgspec.json.decode(raw)
    assert document == msgspec.json.decode(msgspec.json.encode(make_document()))
    described = {
        (method.upper(), path) for path, ops in document["paths"].items() for method in ops
    }
    assert described == routes_of(server) - {("GET", "/openapi.json")}
    declared = {(e.method, e.path) for e in ENDPOINTS.values()}
    assert declared <= described
    assert set(FUNCTIONS) == set(ENDPOINTS) - {"tree"}


def test_the_document_refers_only_to_what_it_has() -> None:
    document = make_document()
    text = msgspec.json.encode(document).decode()
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in document["components"]["schemas"]
