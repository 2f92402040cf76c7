"""The web application: the domain behind its routes; beside it purge and stewards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.errors import StorageError
from mifeng_crypto.rand import Rng
from mifeng_server.domain.house import Doors, House
from mifeng_server.domain.protocols import Blobs, Clock, Shares, Store
from mifeng_server.domain.purge import purge, sweep
from mifeng_server.domain.quota import Quotas
from mifeng_server.fanout.hub import Hub
from mifeng_server.fanout.stewards import Stewards
from mifeng_server.locks import TaskLocks
from mifeng_server.routes import files, openapi, tus, units, workspace
from mifeng_server.routes.endpoint import CLOCK, HOUSE, make_handler
from mifeng_server.routes.problem import answer_problems
from mifeng_server.routes.stream import HUB, STEWARDS, add_stream_route

__all__ = ["PURGE_EVERY_S", "make_app"]

PURGE_EVERY_S = 60
"""What is due is gone 15 minutes after its deadline at the latest; this is often enough."""

log = structlog.get_logger("app")

FUNCTIONS = workspace.FUNCTIONS | units.FUNCTIONS | files.FUNCTIONS


def make_app(
    doors: Doors,
    *,
    store: Store,
    blobs: Blobs,
    shares: Shares,
    clock: Clock,
    rng: Rng,
    quotas: Quotas | None = None,
) -> web.Application:
    """Put the server together. Who made the store closes it, after the application has ended."""
    hub = Hub()
    app = web.Application(middlewares=[answer_problems])
    app[CLOCK], app[HUB], app[STEWARDS] = clock, hub, Stewards(hub, clock)
    app[HOUSE] = House(
        store=store,
        blobs=blobs,
        shares=shares,
        locks=TaskLocks(),
        notify=app[STEWARDS],
        rng=rng,
        doors=doors,
        quotas=quotas or Quotas(),
    )
    for name, endpoint in ENDPOINTS.items():
        if name in FUNCTIONS:
            handler = make_handler(endpoint, FUNCTIONS[name])
            app.router.add_route(endpoint.method, endpoint.path, handler)
    files.add_file_routes(app)
    tus.add_tus_routes(app)
    add_stream_route(app)
    openapi.add_openapi_route(app)
    app.on_response_prepare.append(_say_little)
    app.on_shutdown.append(_close_streams)
    app.cleanup_ctx.append(_run)
    return app


async def _say_little(_: web.Request, response: web.StreamResponse) -> None:
    """Name no versions, and let nothing be kept or guessed on the way."""
    response.headers["Server"] = "mifeng"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"


async def _close_streams(app: web.Application) -> None:
    app[HUB].close()


async def _run(app: web.Application) -> AsyncIterator[None]:
    """Read what every request needs, clear what a crash left, and purge until the end."""
    house = app[HOUSE]
    await house.roster()
    await sweep(house)
    await purge(house, clock=app[CLOCK].now)
    tasks = [
        asyncio.create_task(_purge_for_ever(app), name="purge"),
        asyncio.create_task(app[STEWARDS].run(house), name="stewards"),
    ]
    yield
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _purge_for_ever(app: web.Application) -> None:
    while True:
        await app[CLOCK].sleep(PURGE_EVERY_S)
        try:
            purged = await purge(app[HOUSE], clock=app[CLOCK].now)
        except StorageError as err:
            log.error("purge failed, it will be tried again", reason=str(err))  # noqa: TRY400
        else:
            if purged.files or purged.rows:
                log.info("purged", files=purged.files, rows=purged.rows)
