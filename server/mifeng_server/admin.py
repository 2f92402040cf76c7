"""Health and metrics on a port of their own, which clients never reach.

/healthz   200 while the process answers at all
/readyz    200 while it takes requests and its database answers; else 503 and why
/metrics   for Prometheus
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from aiohttp import web

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.rows import FoundingRow
from mifeng_server.metrics import CONTENT_TYPE
from mifeng_server.routes.door import HOUSE
from mifeng_server.routes.problem import METRICS
from mifeng_server.routes.stream import HUB

__all__ = ["make_admin_app"]

ANSWER_WITHIN_S = 2


def make_admin_app(app: web.Application, folder: Path) -> web.Application:
    """Make the application that looks after another one."""
    house, metrics = app[HOUSE], app[METRICS]

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if house.draining:
            return web.Response(status=503, text="stopping\n")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await house.store.count(FoundingRow)
        except (StorageError, TimeoutError):
            return web.Response(status=503, text="the database does not answer\n")
        return web.Response(text="ready\n")

    async def scrape(_: web.Request) -> web.Response:
        metrics.in_flight.set(house.limiter.in_flight)
        metrics.streams.set(app[HUB].count())
        metrics.units.set(house.units_in_memory())
        metrics.disk_free.set(shutil.disk_usage(folder).free)
        metrics.draining.set(house.draining)
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    made = web.Application()
    made.router.add_get("/healthz", healthz)
    made.router.add_get("/readyz", readyz)
    made.router.add_get("/metrics", scrape)
    return made
