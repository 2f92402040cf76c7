"""A cluster's database never holds a share, nor a key under which one is sealed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mifeng_server.blobs.shares import ObjectShares
from mifeng_server.domain.rows import FileRow
from tests.expiry.forensics import hits_in
from tests.support.nodes import initialised
from tests.support.peer import pair
from tests.support.postgres import cluster
from tests.support.seaweed import KEYS, seaweed
from tests.support.server import ManualClock


async def test_the_data_folder_of_postgres_holds_no_share_before_or_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "s3").mkdir()
    clock = ManualClock()
    with cluster(fsync=True) as postgres, seaweed(tmp_path / "s3") as s3:
        nodes = await initialised(
            tmp_path,
            postgres.new_database(),
            blobs=s3.new_address(),
            endpoint=s3.endpoint,
            clock=clock,
        )
        async with nodes.node() as node, pair(node) as (ann, _, unit_id):
            vault = node.house.shares
            assert isinstance(vault, ObjectShares)
            file_ids = [await ann.upload(unit_id, b"sealed") for _ in range(3)]
            await ann.send(unit_id, files=file_ids)
            shares = {f"share {n}": await vault.get(one) for n, one in enumerate(file_ids)}
            needles = {name: share for name, share in shares.items() if share is not None}
            assert len(needles) == 3
            postgres.sql("CHECKPOINT")
            assert hits_in(postgres.folder, {"id": file_ids[0]}), "the search finds nothing"
            assert hits_in(postgres.folder, needles) == {}
            clock.advance(80 * 3600)
            await node.purge()
            assert await vault.names() == frozenset()
            assert await node.house.store.count(FileRow) == 0
            postgres.sql("CHECKPOINT")
            assert hits_in(postgres.folder, needles) == {}
