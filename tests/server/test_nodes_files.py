"""Files at several nodes: no lock holds between nodes, and none is needed. Whoever comes late, from
whatever pause, overwrites nothing and takes nobody's room.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from obstore.store import ObjectStore

from mifeng_server.blobs.layout import OBJECT_BYTES
from mifeng_server.blobs.objects import ObjectBlobs
from mifeng_server.domain.protocols import Checksum, Hashing
from mifeng_server.domain.quota import Quotas
from tests.support.nodes import initialised
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, RefusedError, pair
from tests.support.postgres import Cluster, cluster
from tests.support.seaweed import KEYS, Seaweed, seaweed
from tests.support.server import RunningServer

TUS = {"Tus-Resumable": "1.0.0"}
DATA = hashlib.shake_256(b"data").digest(OBJECT_BYTES + 700_000)
OTHER = hashlib.shake_256(b"other").digest(len(DATA))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster(fsync=True) as running:
        yield running


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with pytest.MonkeyPatch.context() as patch, seaweed(tmp_path_factory.mktemp("s3")) as running:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield running


@dataclass(slots=True)
class Company:
    """Two nodes, and one person who is at both."""

    one: RunningServer
    two: RunningServer
    at_one: Peer
    at_two: Peer
    unit_id: bytes
    postgres: Cluster

    def cut_off(self) -> None:
        """End every connection to the database: whatever a node held by one is lost."""
        self.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'mifeng-server'"
        )


@pytest.fixture
async def c(tmp_path: Path, postgres: Cluster, s3: Seaweed) -> AsyncIterator[Company]:
    nodes = await initialised(
        tmp_path, postgres.new_database(), blobs=s3.new_address(), endpoint=s3.endpoint
    )
    async with (
        nodes.node() as one,
        nodes.node() as two,
        pair(one) as (ann, _, unit_id),
        aiohttp.ClientSession() as session,
    ):
        beside = Peer(session=session, url=two.url, clock=ann.clock, token=ann.token)
        yield Company(one, two, ann, beside, unit_id, postgres)


class Pausing(ObjectBlobs):
    """Blobs whose writer stops once, after its first bytes, until it is let go on."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.stopped, self.go_on = asyncio.Event(), asyncio.Event()

    async def append(
        self,
        key: bytes,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        hashing: Hashing | None = None,
    ) -> int:
        slowly = self._slowly(chunks)
        return await super().append(key, offset, slowly, checksum=checksum, hashing=hashing)

    async def _slowly(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
            self.stopped.set()
            await self.go_on.wait()


def _bucket(node: RunningServer) -> ObjectStore:
    blobs = node.house.blobs
    assert isinstance(blobs, ObjectBlobs)
    return blobs._store


async def _patiently(peer: Peer, file_id: bytes, offset: int, data: bytes) -> int:
    """Append, as often as the node is without its database; return the status."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, _, _ = await peer.patch(file_id, offset, data)
            if status != 503:
                return status
            await asyncio.sleep(0.05)


async def _content(peer: Peer, file_id: bytes) -> bytes:
    status, raw, _ = await peer.raw("GET", f"/v1/files/{file_id.hex()}")
    assert status == 200
    return raw


@pytest.mark.parametrize("at", [0, 100_000, OBJECT_BYTES, OBJECT_BYTES + 1])
async def test_a_writer_whose_connections_were_cut_overwrites_nothing(c: Company, at: int) -> None:
    file_id = await c.at_one.open_upload(c.unit_id, len(DATA))
    if at:
        assert (await c.at_one.patch(file_id, 0, DATA[:at]))[0] == 204
    late = Pausing(_bucket(c.one))
    c.one.house.blobs = late
    writing = asyncio.create_task(c.at_one.patch(file_id, at, OTHER[at:]))
    await late.stopped.wait()
    c.cut_off()
    assert await _patiently(c.at_two, file_id, at, DATA[at:]) == 204
    c.at_one.url = c.two.url
    await c.at_one.send(c.unit_id, b"here it is", files=[file_id])
    late.go_on.set()
    status, raw, _ = await writing
    assert status == 409, raw
    assert await _content(c.at_two, file_id) == DATA


class Looking(ObjectBlobs):
    """Blobs that stop once, when room for an upload is looked for, until they are let go on."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.stopped, self.go_on = asyncio.Event(), asyncio.Event()

    async def room(self) -> int | None:
        self.stopped.set()
        await self.go_on.wait()
        return await super().room()


async def _opened(peer: Peer, unit_id: bytes, length: int) -> bytes:
    """Open an upload, as often as the node is without its database."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await peer.open_upload(unit_id, length)
            except RefusedError as err:
                if err.code != "unavailable":
                    raise
                await asyncio.sleep(0.05)


async def test_a_node_whose_connections_were_cut_gives_no_room_away_twice(c: Company) -> None:
    for node in (c.one, c.two):
        node.house.quotas = Quotas(member_bytes=1_000, unit_bytes=1_000)
    await c.at_one.open_upload(c.unit_id, 100)
    late = Looking(_bucket(c.one))
    c.one.house.blobs = late
    opening = asyncio.create_task(_opened(c.at_one, c.unit_id, 700))
    await late.stopped.wait()
    c.cut_off()
    await _opened(c.at_two, c.unit_id, 700)
    late.go_on.set()
    with pytest.raises(RefusedError) as caught:
        await opening
    assert caught.value.code == "quota_exceeded"


async def test_uploads_that_are_opened_at_both_nodes_at_once_stay_within_the_quota(
    c: Company,
) -> None:
    for node in (c.one, c.two):
        node.house.quotas = Quotas(member_bytes=1_000, unit_bytes=1_000)
    opened = await asyncio.gather(
        *(_opened(peer, c.unit_id, 300) for peer in (c.at_one, c.at_two) * 4),
        return_exceptions=True,
    )
    assert sum(isinstance(one, bytes) for one in opened) == 3
    assert {one.code for one in opened if isinstance(one, RefusedError)} == {"quota_exceeded"}


async def test_an_upload_that_was_given_up_meanwhile_leaves_nothing(c: Company) -> None:
    file_id = await c.at_one.open_upload(c.unit_id, len(DATA))
    late = Pausing(_bucket(c.one))
    c.one.house.blobs = late
    writing = asyncio.create_task(c.at_one.patch(file_id, 0, DATA))
    await late.stopped.wait()
    c.cut_off()
    async with asyncio.timeout(PATIENCE_S):
        while (await c.at_two.raw("DELETE", f"/v1/files/{file_id.hex()}", headers=TUS))[0] == 503:
            await asyncio.sleep(0.05)
    late.go_on.set()
    status, raw, _ = await writing
    assert status in (404, 410), raw
    assert await c.two.house.blobs.keys() == frozenset()
