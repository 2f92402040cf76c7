"""An S3 store that fails in every way that lines and stores do: nothing that was acknowledged is
lost, no wrong byte is served, and whoever asked is told to come again.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import structlog

from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import UsageError
from mifeng_server.blobs import s3 as buckets
from mifeng_server.blobs.layout import OBJECT_BYTES
from mifeng_server.blobs.s3 import check_bucket, open_bucket
from mifeng_server.config import Folder, read_config
from mifeng_server.domain.purge import purge
from mifeng_server.operations.doctor import Finding, examine
from mifeng_server.routes import files, problem
from tests.support.faulty import Fault, Faulty, Plan, faulty
from tests.support.nodes import initialised
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, RefusedError, pair
from tests.support.seaweed import KEYS, Seaweed, seaweed
from tests.support.server import RunningServer

TUS = {"Tus-Resumable": "1.0.0"}
DATA = hashlib.shake_256(b"data").digest(OBJECT_BYTES + 700_000)
CUTS = (300_000, OBJECT_BYTES + 100)
"""Where the three pieces of an upload meet."""
TIMEOUT_S = 1


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with pytest.MonkeyPatch.context() as patch, seaweed(tmp_path_factory.mktemp("s3")) as running:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture
async def proxy(s3: Seaweed) -> AsyncIterator[Faulty]:
    async with faulty(s3.endpoint) as running:
        yield running


@dataclass(slots=True)
class Company:
    """A node on SQLite whose files are in a bucket behind a faulty line, and two people."""

    node: RunningServer
    ann: Peer
    bob: Peer
    unit_id: bytes
    proxy: Faulty


@pytest.fixture
async def c(
    tmp_path: Path, s3: Seaweed, proxy: Faulty, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Company]:
    quick = functools.partial(open_bucket, timeout_s=TIMEOUT_S)
    monkeypatch.setattr(buckets, "open_bucket", quick)
    nodes = await initialised(tmp_path, "", blobs=s3.new_address(), endpoint=proxy.endpoint)
    async with nodes.node() as node, pair(node) as (ann, bob, unit_id):
        yield Company(node, ann, bob, unit_id, proxy)


async def _until_done(peer: Peer, method: str, path: str, **headers: str) -> dict[str, str]:
    """Ask until it is done; whatever is answered meanwhile says that it may be asked again."""
    while True:
        status, raw, got = await peer.raw(method, path, headers={**TUS, **headers})
        if status < 300:
            return dict(got)
        assert status == 503, raw
        assert int(got["Retry-After"]) > 0
        assert method == "HEAD" or b"unavailable" in raw


async def _upload(peer: Peer, unit_id: bytes, data: bytes) -> bytes:
    """Upload in three pieces, each from wherever the server is."""
    opened = await _until_done(
        peer, "POST", f"/v1/units/{unit_id.hex()}/files", **{"Upload-Length": str(len(data))}
    )
    file_id = bytes.fromhex(opened["Location"].rpartition("/")[2])
    at = 0
    while at < len(data):
        end = next((cut for cut in CUTS if at < cut < len(data)), len(data))
        status, raw, got = await peer.patch(file_id, at, data[at:end])
        assert status in (204, 409, 503), raw
        if status == 204:
            assert int(got["Upload-Offset"]) == end
            at = end
            continue
        if status == 503:
            assert int(got["Retry-After"]) > 0
        seen = await _until_done(peer, "HEAD", f"/v1/files/{file_id.hex()}")
        assert int(seen["Upload-Offset"]) >= at, "what was acknowledged is there"
        at = int(seen["Upload-Offset"])
    return file_id


async def _download(peer: Peer, file_id: bytes) -> bytes:
    """Read from wherever it broke off, until all is there."""
    got = bytearray()
    while len(got) < len(DATA):
        try:
            async with peer.session.get(
                f"{peer.url}/v1/files/{file_id.hex()}",
                headers={
                    "Mifeng-Protocol": "1",
                    "Authorization": f"Bearer {peer.token}",
                    "Range": f"bytes={len(got)}-",
                },
            ) as response:
                if response.status == 503:
                    assert int(response.headers["Retry-After"]) > 0
                    continue
                assert response.status == 206
                async for piece in response.content.iter_any():
                    got += piece
        except aiohttp.ClientError:
            continue
    return bytes(got)


def _often(fault: Fault, method: str = "", *, share: float = 0.5) -> Plan:
    chance = random.Random(fault.name)

    def plan(asked: str, _: str) -> Fault | None:
        return fault if asked.startswith(method) and chance.random() < share else None

    return plan


def _says_to_come_again(err: RefusedError) -> None:
    if err.code != "unavailable" or int(err.headers["Retry-After"]) < 1:
        raise err


async def _post(c: Company, file_id: bytes) -> None:
    """Show a file in a message, with the same bytes and key until it is accepted."""
    request = c.ann.make_message(c.unit_id, b"here it is", files=[file_id])
    while True:
        try:
            await c.ann.call(
                "message", m.AcceptedReply, request, path={"unit_id": c.unit_id}, key="posted"
            )
        except RefusedError as err:
            _says_to_come_again(err)
        else:
            return


@pytest.mark.parametrize(
    "fault",
    [Fault.ERROR, Fault.LOST, Fault.CUT, Fault.CUT_UP, Fault.SLOW, Fault.HANG],
    ids=lambda fault: fault.name,
)
async def test_what_was_acknowledged_is_there_whatever_the_line_did(
    c: Company, fault: Fault
) -> None:
    c.proxy.plan = _often(fault, share=0.2 if fault is Fault.HANG else 0.5)
    async with asyncio.timeout(PATIENCE_S):
        file_id = await _upload(c.ann, c.unit_id, DATA)
        await _post(c, file_id)
        assert await _download(c.bob, file_id) == DATA
    assert c.proxy.done[fault] > 2
    c.proxy.plan = lambda *_: None
    assert await _download(c.bob, file_id) == DATA


async def test_a_part_that_could_not_be_put_leaves_an_upload_that_goes_on_and_no_name_in_the_log(
    c: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = structlog.testing.CapturingLogger()
    heard = structlog.make_filtering_bound_logger("info")  # whatever was configured before
    log = structlog.wrap_logger(written, [structlog.processors.JSONRenderer()], heard)
    for module in (files, problem):
        monkeypatch.setattr(module, "log", log)
    file_id = bytes.fromhex(
        (await _until_done(
            c.ann, "POST", f"/v1/units/{c.unit_id.hex()}/files",
            **{"Upload-Length": str(len(DATA))},
        ))["Location"].rpartition("/")[2]
    )  # fmt: skip
    failures = iter([Fault.ERROR] * 3)  # it is tried three times
    c.proxy.plan = lambda method, _: next(failures, None) if method == "PUT" else None
    assert (await c.ann.patch(file_id, 0, DATA[: OBJECT_BYTES + 100]))[0] == 503
    assert (await c.ann.patch(file_id, 0, DATA))[0] == 204
    await _post(c, file_id)
    assert await _download(c.bob, file_id) == DATA
    logged = str(written.calls)
    assert "the blob store failed: GenericError, HTTP 500" in logged
    assert file_id.hex() not in logged


async def test_bytes_that_were_bent_on_the_way_up_are_not_acknowledged(c: Company) -> None:
    c.proxy.plan = _often(Fault.BENT_UP, "PUT")
    async with asyncio.timeout(PATIENCE_S):
        file_id = await _upload(c.ann, c.unit_id, DATA)
        await _post(c, file_id)
    assert c.proxy.done[Fault.BENT_UP] > 2
    c.proxy.plan = lambda *_: None
    assert await _download(c.bob, file_id) == DATA


async def test_bytes_that_were_bent_on_the_way_down_are_never_served(c: Company) -> None:
    file_id = await _upload(c.ann, c.unit_id, DATA)
    await _post(c, file_id)
    often = _often(Fault.BENT, "GET")
    # Objects: a listing that is bent is another listing, and only TLS helps against that.
    c.proxy.plan = lambda method, path: None if "list-type" in path else often(method, path)
    async with asyncio.timeout(PATIENCE_S):
        assert await _download(c.bob, file_id) == DATA
        assert (await _share(c.bob, file_id)) == await _share(c.ann, file_id)
    assert c.proxy.done[Fault.BENT] > 2


async def _share(peer: Peer, file_id: bytes) -> bytes:
    while True:
        try:
            got = await peer.call("share", m.ShareReply, path={"file_id": file_id})
        except RefusedError as err:
            _says_to_come_again(err)
        else:
            return got.share


async def test_a_share_that_is_sealed_behind_a_bent_line_can_be_opened_afterwards(
    c: Company,
) -> None:
    c.proxy.plan = lambda method, path: Fault.BENT if "/keys/" in path and chance() else None
    random_ = random.Random(5)

    def chance() -> bool:
        return random_.random() < 0.5

    async with asyncio.timeout(PATIENCE_S):
        file_id = await _upload(c.ann, c.unit_id, DATA[:1000])
        await _post(c, file_id)
    c.proxy.plan = lambda *_: None
    assert len(await _share(c.bob, file_id)) == 32


async def test_a_store_that_is_killed_and_comes_back_has_what_was_acknowledged(
    c: Company, s3: Seaweed
) -> None:
    file_id = await _upload(c.ann, c.unit_id, DATA)
    await _post(c, file_id)
    again = asyncio.create_task(_upload(c.ann, c.unit_id, DATA))
    await asyncio.sleep(0)
    s3.kill()
    assert (await c.bob.raw("GET", f"/v1/files/{file_id.hex()}"))[0] == 503
    await asyncio.to_thread(s3.start)
    async with asyncio.timeout(PATIENCE_S):
        second = await again
        assert await _download(c.bob, file_id) == DATA
        assert await _download(c.ann, second) == DATA


async def test_a_file_is_recalled_and_nothing_of_it_is_left_whatever_the_line_did(
    c: Company,
) -> None:
    file_id = await _upload(c.ann, c.unit_id, DATA)
    await _post(c, file_id)
    c.proxy.plan = _often(Fault.LOST)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, raw, _ = await c.ann.raw("DELETE", f"/v1/files/{file_id.hex()}", headers=TUS)
            if status in (204, 404, 410):
                break
            assert status == 503, raw
    c.proxy.plan = lambda *_: None
    await purge(c.node.house, clock=lambda: c.node.clock.now() + 61_000)
    assert await c.node.house.blobs.keys() == frozenset()
    assert file_id not in await c.node.house.shares.names()


async def test_the_doctor_looks_into_the_bucket_as_well(c: Company) -> None:
    file_id = await _upload(c.ann, c.unit_id, DATA)
    await _post(c, file_id)
    folder = Folder(c.node.folder)

    async def blobs() -> Finding:
        found = await examine(folder, read_config(folder), c.node.clock)
        return next(one for one in found if one.check == "blobs")

    assert (await blobs()).state == "ok"
    c.proxy.plan = lambda *_: Fault.ERROR
    sick = await blobs()
    assert (sick.state, "reached" in sick.remedy) == ("bad", True)
    c.proxy.plan = lambda *_: None
    await c.node.house.blobs.delete(file_id)
    assert (await blobs()).found == "1 files are not whole"


async def test_no_upload_in_parts_is_ever_begun_so_no_part_is_left_over(c: Company) -> None:
    file_id = await _upload(c.ann, c.unit_id, DATA)
    await _post(c, file_id)
    assert await _download(c.bob, file_id) == DATA
    assert any(asked.startswith("PUT") for asked in c.proxy.asked)
    assert not [asked for asked in c.proxy.asked if "uploads" in asked or "uploadId" in asked]


@pytest.mark.parametrize(
    ("fault", "said"), [(Fault.VERSIONED, "old versions"), (Fault.BARE, "If-None-Match")]
)
async def test_a_bucket_that_cannot_destroy_or_keeps_to_no_condition_is_refused_at_the_start(
    s3: Seaweed, proxy: Faulty, fault: Fault, said: str
) -> None:
    address = s3.new_address()
    bucket = open_bucket(address, "vault", endpoint=proxy.endpoint, region="us-east-1")
    await check_bucket(bucket, "probe-1")
    proxy.plan = lambda *_: fault
    with pytest.raises(UsageError, match=said):
        await check_bucket(bucket, "probe-2")
