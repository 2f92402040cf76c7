"""The web application: the domain behind its routes; beside it purge and stewards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator

import structlog
from aiohttp import web

from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.errors import MifengError, StorageError
from mifeng_crypto.rand import Rng
from mifeng_server.domain.events import Event, LogGrew
from mifeng_server.domain.house import Doors, House
from mifeng_server.domain.limits import Limiter, Limits
from mifeng_server.domain.protocols import Clock, Notary, Notify
from mifeng_server.domain.purge import purge, sweep
from mifeng_server.domain.quota import Quotas
from mifeng_server.fanout.hub import Hub
from mifeng_server.fanout.relay import Relay
from mifeng_server.fanout.stewards import Stewards
from mifeng_server.locks import TaskLocks
from mifeng_server.metrics import Metrics
from mifeng_server.opening import Ground
from mifeng_server.routes import files, openapi, tus, units, workspace
from mifeng_server.routes.door import CLOCK, HOUSE, PROXIES, guard, say_little
from mifeng_server.routes.endpoint import make_handler
from mifeng_server.routes.problem import LOG_REQUESTS, METRICS, answer_problems
from mifeng_server.routes.stream import HUB, STEWARDS, add_stream_route

__all__ = ["PURGE_EVERY_S", "make_app"]

RELAY = web.AppKey("relay", Relay)

PURGE_EVERY_S = 60
"""What is due is gone 15 minutes after its deadline at the latest; this is often enough."""

log = structlog.get_logger("app")

FUNCTIONS = workspace.FUNCTIONS | units.FUNCTIONS | files.FUNCTIONS


def make_app(
    doors: Doors,
    ground: Ground,
    *,
    notary: Notary,
    clock: Clock,
    rng: Rng,
    quotas: Quotas | None = None,
    limits: Limits | None = None,
    proxies: Iterable[str] = (),
    log_requests: bool = True,
) -> web.Application:
    """Put the server together. Who made the store closes it, after the application has ended."""
    hub = Hub()
    app = web.Application(middlewares=[answer_problems, guard])
    app[METRICS], app[PROXIES], app[LOG_REQUESTS] = Metrics(), frozenset(proxies), log_requests
    app[CLOCK], app[HUB], app[STEWARDS] = clock, hub, Stewards(hub, clock)
    if ground.bus is not None:
        app[RELAY] = Relay(ground.bus, hub, clock, app[STEWARDS])
    app[HOUSE] = House(
        store=ground.store,
        blobs=ground.blobs,
        shares=ground.shares,
        locks=TaskLocks(),
        node=ground.node,
        notify=_counting(app),
        notary=notary,
        rng=rng,
        doors=doors,
        quotas=quotas or Quotas(),
        limiter=Limiter(limits or Limits()),
    )
    # Routes that begin alike are tried one after the other: what is asked most often comes first.
    for name, endpoint in sorted(ENDPOINTS.items(), key=lambda item: item[0] != "message"):
        if name in FUNCTIONS:
            handler = make_handler(endpoint, FUNCTIONS[name])
            app.router.add_route(endpoint.method, endpoint.path, handler)
    files.add_file_routes(app)
    tus.add_tus_routes(app)
    add_stream_route(app)
    openapi.add_openapi_route(app)
    app.on_response_prepare.append(say_little)
    app.on_shutdown.append(_close_streams)
    app.cleanup_ctx.append(_run)
    return app


def _counting(app: web.Application) -> Notify:
    """Count what becomes durable, and pass it on."""
    relay = app.get(RELAY)
    onward: Notify = app[STEWARDS] if relay is None else relay
    metrics = app[METRICS]

    def notify(event: Event, /) -> None:
        if isinstance(event, LogGrew):
            metrics.accepted(event.kind.name)
        onward(event)

    return notify


async def _close_streams(app: web.Application) -> None:
    app[HUB].close()


async def _run(app: web.Application) -> AsyncIterator[None]:
    """Read what every request needs, clear what a crash left, and purge until the end.

    What is due after a long pause is served no more, and takes its time to go: that begins at once,
    and the port does not wait for it.
    """
    house = app[HOUSE]
    await house.roster()
    if not house.store.shared:
        await sweep(house, app[CLOCK])
    tasks = [
        asyncio.create_task(_purge_for_ever(app), name="purge"),
        asyncio.create_task(app[STEWARDS].run(house), name="stewards"),
        asyncio.create_task(_expire_for_ever(app), name="tokens"),
        *_with_others(app),
    ]
    yield
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _with_others(app: web.Application) -> Iterator[asyncio.Task[None]]:
    """What a node does because there are others."""
    relay, house = app.get(RELAY), app[HOUSE]
    if relay is not None:
        yield asyncio.create_task(relay.run(house), name="relay")
        yield asyncio.create_task(_sweep_later(house, app[CLOCK]), name="sweep")


async def _sweep_later(house: House, clock: Clock) -> None:
    try:
        await sweep(house, clock)
    except StorageError as err:
        log.error("left-over files stay until the next start", reason=str(err))  # noqa: TRY400


async def _expire_for_ever(app: web.Application) -> None:
    """Close the sockets whose token ends: one task for all, because each has a size."""
    while True:
        await app[CLOCK].sleep(1)
        app[HUB].expire(app[CLOCK].now())


async def _purge_for_ever(app: web.Application) -> None:
    while True:
        try:
            purged = await purge(app[HOUSE], clock=app[CLOCK].now)
        except MifengError as err:  # of two nodes that purge at once, one may lose a race
            log.error("purge failed, it will be tried again", reason=str(err))  # noqa: TRY400
        else:
            metrics = app[METRICS]
            metrics.purge_at.set(app[CLOCK].now() // 1000)
            metrics.purged.labels("files").inc(purged.files)
            metrics.purged.labels("rows").inc(purged.rows)
            if purged.files or purged.rows:
                log.info("purged", files=purged.files, rows=purged.rows)
        await app[CLOCK].sleep(PURGE_EVERY_S)
