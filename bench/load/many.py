"""A thousand clients at once: they come back after a restart, and they renew their leaves."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.load.crowd import Crowd, now_ms
from bench.load.parts import Figure, Server, hang_up, serve, spread
from bench.load.stage import Stage, make_stage
from bench.load.wire import Http, Socket, connect_http, connect_socket
from mifeng.net.login import Signer
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.tls_key import read_pin
from tests.support.company import Person

__all__ = ["come_back", "herd", "holiday", "post_all", "renew", "renewals"]

T = TypeVar("T")

MISSED = 20
"""Messages that came while the clients were away."""
WRITERS = 10
PAUSE_S = 1.0
"""Between two messages of a writer."""
PATIENCE_S = 900
RESTS_S = 70
"""So long after the beginning all have fallen due, and the server has looked."""
DAY_S = 86_400


# ------------------------------------------------------------------ everybody comes back


@dataclass
class Back:
    """What was seen of clients that come back: answers by status, seconds until live."""

    statuses: dict[int, int] = field(default_factory=dict)
    live: list[float] = field(default_factory=list)
    logins: list[float] = field(default_factory=list)
    without_retry_after: int = 0


class Client:
    """What a client says when its line is up again, request by request, and what it does with it:
    the answers are decoded, the log's chain is followed. Keys it has none.
    """

    def __init__(self, stage: Stage, who: Person, server: Server, seen: Back) -> None:
        self.stage, self.who, self.server, self.seen = stage, who, server, seen
        self.socket: Socket | None = None

    async def come_back(self, origin: str, pin: bytes | None) -> None:
        """Log in, begin a start, open the stream, catch up; as `Live` and `Session.sync` do."""
        began = time.perf_counter()
        line = await self._connect()
        signer = Signer(self.stage.unit.company.workspace_id, self.who.author, self.who.key)
        nonce = await self._ask(line, "POST", "/v1/login/nonce", m.NonceReply)
        tbs, signature = signer.sign_login(
            origin=origin, tls_pin=pin, nonce=nonce.nonce, now=now_ms()
        )
        login = m.LoginRequest(tbs=tbs, signature=signature)
        token = (await self._ask(line, "POST", "/v1/login", m.LoginReply, login)).token
        start = m.StartRequest(number=0, token=bytes(32), next=os.urandom(32))
        await self._ask(line, "POST", "/v1/start", m.StartReply, start, token=token)
        self.seen.logins.append(time.perf_counter() - began)
        unit_id, log = self.stage.unit.unit_id.hex(), self.stage.head
        self.socket = await self._open(token, {unit_id: log.sequence})
        units = await self._ask(line, "GET", "/v1/units", m.UnitsReply, token=token)
        roster = self.stage.unit.company.roster.head.sequence
        await self._ask(line, "GET", f"/v1/roster?after={roster}", m.EntriesReply, token=token)
        await self._ask(line, "GET", "/v1/directory?after=0", msgspec.Raw, token=token)
        await self._ask(line, "GET", "/v1/welcomes", m.WelcomesReply, token=token)
        path = f"/v1/units/{unit_id}/log?generation=0&after={log.sequence}&limit=500"
        found = await self._ask(line, "GET", path, m.LogReply, token=token)
        entries = [decode(LogEntry, raw) for raw in found.entries]
        assert entries[-1].header.sequence == units.units[0].log_sequence, "it is at the head"
        assert entries[0].header.previous == log.hash, "another log"
        await self._ask(line, "GET", "/v1/checkpoints", m.CheckpointsReply, token=token)
        await self._ask(line, "GET", "/v1/key-packages", m.KeyPackageCount, token=token)
        self.seen.live.append(time.perf_counter() - began)
        await hang_up([line])

    async def _connect(self) -> Http:
        while True:
            try:
                return await connect_http(self.server.port, self.server.context)
            except OSError:
                await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _open(self, token: str, after: dict[str, int]) -> Socket:
        while True:
            try:
                return await connect_socket(
                    self.server.port, self.server.context, token, after, lambda *_: None
                )
            except (ConnectionError, OSError):
                await asyncio.sleep(random.uniform(0.1, 0.5))

    async def _ask(
        self,
        line: Http,
        method: str,
        path: str,
        reply: type[T],
        body: msgspec.Struct | None = None,
        *,
        token: str = "",
    ) -> T:
        """Ask until there is an answer; who is told to wait waits."""
        key, raw = os.urandom(8).hex(), msgspec.msgpack.encode(body) if body is not None else b""
        while True:
            status = await line.ask(method, path, token, raw, key=key)
            self.seen.statuses[status] = self.seen.statuses.get(status, 0) + 1
            if status in (429, 503):
                self.seen.without_retry_after += line.retry_after_s is None
                await asyncio.sleep((line.retry_after_s or 0) + random.random())
                continue
            assert status == 200, f"{path}: {status} {line.answer[:200]!r}"
            return msgspec.msgpack.decode(line.answer, type=reply)


async def come_back(stage: Stage, server: Server, within_s: float) -> Figure:
    """Let everybody dial within so many seconds; measure until the last one is live."""
    seen = Back()
    clients = [Client(stage, who, server, seen) for who in stage.people]
    origin = f"https://127.0.0.1:{server.port}"
    pin = read_pin(stage.folder)

    async def one(client: Client) -> None:
        await asyncio.sleep(random.uniform(0, within_s))
        await client.come_back(origin, pin)

    began, cpu = time.perf_counter(), server.cpu_s
    await asyncio.gather(*(one(client) for client in clients))
    took, cpu = time.perf_counter() - began, server.cpu_s - cpu
    figure = {
        "clients": len(clients),
        "dialled_within_s": within_s,
        "missed_messages": MISSED,
        "all_live_in_s": round(took, 2),
        "statuses": {str(k): v for k, v in sorted(seen.statuses.items())},
        "busy_without_retry_after": seen.without_retry_after,
        "server_cpu_s": round(cpu, 2),
        "server_rss_mib": round(server.rss_mib, 1),
        **{f"login_{k}": v for k, v in spread(seen.logins).items()},
        **{f"live_{k}": v for k, v in spread(seen.live).items()},
    }
    await hang_up([client.socket for client in clients if client.socket is not None])
    return figure


async def post_all(stage: Stage, server: Server, n: int) -> None:
    """Post so many messages, one after the other."""
    line = await connect_http(server.port, server.context)
    path = f"/v1/units/{stage.unit.unit_id.hex()}/messages"
    for body in stage.messages(n):
        assert await line.post(path, stage.tokens[0], body) == 200
    await hang_up([line])


def herd(size: int = 1000) -> Iterator[Figure]:
    """Everybody comes back within a second, from nothing: log in, catch up, be live."""
    stage = _stage(size, back_s=3 * 3600)
    try:
        with serve(stage, tls=True) as server:
            asyncio.run(post_all(stage, server, MISSED))
        with serve(stage, tls=True) as server:  # it was restarted: nobody has a token or a line
            got = asyncio.run(come_back(stage, server, 1.0))
            yield {"what": "everybody comes back", "members": size, "tls": True} | got
    finally:
        shutil.rmtree(stage.folder.path.parent)


# ------------------------------------------------------------------ everybody renews


async def renew(stage: Stage, server: Server, *, rests_s: float = RESTS_S) -> Figure:
    """All connected; the server asks one after the other; ten people write meanwhile."""
    crowd, asked = Crowd(stage), asyncio.Queue[DeviceId]()
    unit_id = stage.unit.unit_id.hex()

    def hears(device_id: DeviceId, _: float, frame: bytes) -> None:
        if b"steward" in frame[:80]:
            asked.put_nowait(device_id)

    began, sockets = time.perf_counter(), list[Socket]()
    for at in range(0, len(stage.people), 100):
        sockets += await asyncio.gather(
            *(
                connect_socket(
                    server.port,
                    server.context,
                    crowd.tokens[who.device_id],
                    {unit_id: crowd.view.log.sequence},
                    partial(hears, who.device_id),
                )
                for who in stage.people[at : at + 100]
            )
        )
    opened = time.perf_counter() - began
    lines = [await connect_http(server.port, server.context) for _ in range(WRITERS + 1)]
    taken, over = list[float](), asyncio.Event()

    async def write(n: int) -> None:
        await asyncio.sleep(n * PAUSE_S / WRITERS)
        while not over.is_set():
            taken.append(await crowd.write(lines[n], stage.people[n]))
            await asyncio.sleep(PAUSE_S)

    cpu, began = server.cpu_s, time.perf_counter()
    first = len(crowd.due())
    writers = [asyncio.create_task(write(n)) for n in range(WRITERS)]
    fresh_at = 0.0
    while time.perf_counter() - began < PATIENCE_S:
        try:
            device_id = await asyncio.wait_for(asked.get(), 5)
        except TimeoutError:
            if not crowd.due() and time.perf_counter() - began > rests_s:
                break
            continue
        await crowd.renew(lines[-1], crowd.people[device_id])
        if not crowd.due():
            fresh_at = time.perf_counter() - began
    over.set()
    await asyncio.gather(*writers)
    took = time.perf_counter() - began
    steady = crowd.sizes[len(crowd.sizes) // 2 :] or [0]
    each = sum(steady) / len(steady)
    days = DEFAULT_POLICY.leaf_lifetime_s * RENEWED_AT / DAY_S
    figure = {
        "sockets": len(sockets),
        "sockets_opened_in_s": round(opened, 2),
        "leaves_due_at_first": first,
        "leaves_due_in_the_end": len(crowd.due()),
        "all_fresh_after_s": round(fresh_at, 1),
        "commits": len(crowd.sizes),
        "attempts_a_commit": round(crowd.attempts / max(len(crowd.sizes), 1), 3),
        "commit_bytes_first": crowd.sizes[0] if crowd.sizes else 0,
        "commit_bytes_steady": round(each),
        "commit_mb_a_device_and_day": round(each * (len(stage.people) / days + 1) / 1e6, 2),
        "messages": len(taken),
        "server_cpu_s": round(server.cpu_s - cpu, 1),
        "server_rss_mib": round(server.rss_mib, 1),
        "seconds": round(took, 1),
        **{f"message_{k}": v for k, v in spread(taken or [0.0]).items()},
    }
    await hang_up([*lines, *sockets])
    return figure


RENEWED_AT = 0.5
"""At which part of their life leaves are renewed (gate/age.py)."""


def renewals(size: int = 1000) -> Iterator[Figure]:
    """All leaves fall due within 60 seconds, while ten people write."""
    back_s = int(DEFAULT_POLICY.leaf_lifetime_s * RENEWED_AT)
    yield from _renewing("all leaves due within 60 s", size, back_s - 60, spread_s=60, rests=False)


def holiday(size: int = 1000) -> Iterator[Figure]:
    """Nobody did anything for nine days; then everybody is there again, and ten people write."""
    yield from _renewing("after nine days", size, 9 * DAY_S, spread_s=0, rests=True)


def _renewing(what: str, size: int, back_s: int, *, spread_s: int, rests: bool) -> Iterator[Figure]:
    stage = _stage(size, back_s=back_s, spread_s=spread_s, rests=rests)
    try:
        with serve(stage, tls=True) as server:
            yield {"what": what, "members": size, "tls": True} | asyncio.run(renew(stage, server))
    finally:
        shutil.rmtree(stage.folder.path.parent)


def _stage(size: int, *, back_s: int, spread_s: int = 0, rests: bool = True) -> Stage:
    path = Path(tempfile.mkdtemp(prefix="mifeng-load-")) / "data"
    return make_stage(path, size, tls=True, back_s=back_s, spread_s=spread_s, rests=rests)
