"""Several nodes of one server on one PostgreSQL (and one S3 store), in this process.

    nodes = await initialised(tmp_path, cluster.new_database())
    async with nodes.node() as one, nodes.node() as two: ...

Each has a copy of the folder with keys and configuration. The first listens on the port that is in
the links; the others on any: logins are made at the first, their tokens work everywhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder, Storage
from mifeng_server.domain.protocols import Clock
from mifeng_server.routes.door import HOUSE
from mifeng_server.serving import initialise, serving
from tests.support.ports import free_port
from tests.support.server import RunningServer

__all__ = ["Nodes", "initialised"]


@dataclass(slots=True)
class Nodes:
    """What they have in common."""

    first: Path
    link: str
    clock: Clock
    started: int = 0

    @asynccontextmanager
    async def node(self) -> AsyncIterator[RunningServer]:
        """Run one more node while this is entered."""
        self.started += 1
        folder = self.first
        if self.started > 1:
            folder = shutil.copytree(self.first, self.first.parent / f"node{self.started}")
            (folder / "lock").unlink(missing_ok=True)
        port = None if self.started == 1 else 0
        async with serving(Folder(folder), clock=self.clock, rng=os.urandom, port=port) as served:
            yield RunningServer(
                served.url,
                served.tls_pin,
                self.link,
                folder,
                served.app[HOUSE],
                self.clock,
                served.app,
            )


async def initialised(
    tmp_path: Path,
    database: str,
    *,
    blobs: str = "",
    endpoint: str = "",
    clock: Clock | None = None,
) -> Nodes:
    """Make the keys and the configuration that all nodes have."""
    first, clock = tmp_path / "first", clock or SystemClock()
    link = await initialise(
        Folder(first),
        f"http://127.0.0.1:{free_port()}",
        clock=clock,
        rng=os.urandom,
        storage=Storage(database=database, blobs=blobs, s3_endpoint=endpoint),
    )
    return Nodes(first, link, clock)
