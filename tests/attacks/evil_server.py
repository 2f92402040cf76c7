"""The real server, which lies to whom it likes: about anything that it answers, pushes or accepts.

    async with evil_server(tmp_path) as evil:
        evil.lie(ben, log=lambda reply: ...)    # what Ben's device is told from now on
        evil.push = lambda push: ...            # what every socket is sent
        evil.blob = evil.tree = lambda data: ...   # the bytes of files, and trees
        evil.look_away("check_commit")          # what it accepts without asking its gate
        evil.asked[ben.device_id, "log"]        # how often somebody has asked

A lie takes the honest answer and returns another one. The clock is `running_server`'s.
"""

# ruff: noqa: ANN401 - a lie may be about anything

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import hdrs, web

import mifeng
from demo.scan import forms_of
from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.api.messages import Push
from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.domain import welcomes
from mifeng_server.domain.login import authenticate
from mifeng_server.domain.refusal import Refusal
from mifeng_server.fanout import channel
from mifeng_server.routes.endpoint import CLOCK, HOUSE, MESSAGE_PACK
from mifeng_server.routes.problem import answer_problems
from tests.support.server import RunningServer, running_server

__all__ = ["EvilServer", "evil_server"]

Lie = Callable[[Any], Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NAMES = {(endpoint.method, endpoint.path): name for name, endpoint in ENDPOINTS.items()}


class EvilServer:
    """What it does besides its work."""

    server: RunningServer

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._lies: dict[tuple[bytes, str], Lie] = {}
        self.push: Lie = lambda push: push
        self.tree: Lie = lambda tree: tree
        self.blob: Lie = lambda data: data
        self._refusals: dict[tuple[bytes, str], ProblemCode] = {}
        self.asked: Counter[tuple[bytes, str]] = Counter()
        self.answered: list[bytes] = []
        patch.setattr("mifeng_server.app.answer_problems", self._middleware())
        self._bend_pushes()
        self._bend_trees()
        self._bend_blobs()

    def lie(self, victim: mifeng.Workspace | None, **lies: Lie) -> None:
        """Tell one device (or whoever has not logged in) something else, by endpoint."""
        device = victim.device_id if victim is not None else b""
        for name, told in lies.items():
            self._lies[device, name] = told

    def refuse(self, victim: mifeng.Workspace, name: str, code: ProblemCode) -> None:
        """Decline whatever one device asks of an endpoint."""
        self._refusals[victim.device_id, name] = code

    def be_honest(self) -> None:
        """Lie no more."""
        self._lies.clear()
        self._refusals.clear()
        self.push = self.tree = self.blob = lambda honest: honest

    def look_away(self, *checks: str) -> None:
        """Accept what these checks of the write path would refuse."""
        for check in checks:
            self._patch.setattr(f"mifeng_server.domain.unit_write.{check}", lambda *_, **__: None)

    def holds_none_of(self, *secrets: str | bytes) -> None:
        """O1: nothing on its disks, and nothing that it has answered, holds them in any form."""
        files = [path for path in self.server.folder.rglob("*") if path.is_file()]
        seen = [*(path.read_bytes() for path in files), *self.answered]
        assert sum(map(len, seen)) > 0
        for secret in secrets:
            for form, name in forms_of(secret).items():
                assert not any(form in data for data in seen), f"O1: {secret!r} as {name}"

    # -------------------------------------------------------------- inside

    def _middleware(self) -> Any:
        @web.middleware
        async def evil(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            name = NAMES.get((request.method, resource.canonical if resource else ""), "")
            device = await _who(request)
            self.asked[device, name] += 1
            refusal = self._refusals.get((device, name))
            response = await answer_problems(
                request, handler if refusal is None else _declining(refusal)
            )
            if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
                return response
            told = self._lies.get((device, name))
            if told is not None and response.status < 400:
                reply = ENDPOINTS[name].reply
                assert reply is not None, f"{name} has no body to lie in"
                honest = msgspec.msgpack.decode(response.body, type=reply)
                body = msgspec.msgpack.encode(told(honest))
                response = web.Response(body=body, content_type=MESSAGE_PACK)
            self.answered.append(bytes(response.body or b""))  # type: ignore[arg-type]
            return response

        return evil

    def _bend_pushes(self) -> None:
        honest = channel.encode_push

        def encode_push(push: Push, *, binary: bool) -> bytes | str:
            return honest(self.push(push), binary=binary)

        self._patch.setattr("mifeng_server.fanout.channel.encode_push", encode_push)
        self._patch.setattr("mifeng_server.fanout.feed.encode_push", encode_push)

    def _bend_trees(self) -> None:
        honest = welcomes.read_tree

        async def read_tree(*args: Any) -> bytes:
            changed: bytes = self.tree(await honest(*args))
            return changed

        self._patch.setattr("mifeng_server.domain.welcomes.read_tree", read_tree)

    def _bend_blobs(self) -> None:
        honest = FolderBlobs.read

        async def read(
            blobs: FolderBlobs, key: bytes, start: int, end: int
        ) -> AsyncIterator[bytes]:
            async for piece in honest(blobs, key, start, end):
                yield self.blob(piece)

        self._patch.setattr(FolderBlobs, "read", read)


def _declining(code: ProblemCode) -> Handler:
    async def decline(_: web.Request) -> web.StreamResponse:
        raise Refusal(code)

    return decline


async def _who(request: web.Request) -> bytes:
    """The device that asks; nothing for an invite or for nobody."""
    token = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
    try:
        caller = await authenticate(request.app[HOUSE], token.strip(), now=request.app[CLOCK].now())
    except Refusal:
        return b""
    return caller.device_id or b""


@asynccontextmanager
async def evil_server(tmp_path: Path, **how: Any) -> AsyncIterator[EvilServer]:
    """Run it while this is entered; `how` is `running_server`'s."""
    with pytest.MonkeyPatch.context() as patch:
        # Few keys: a profile for a test is made ten times quicker.
        patch.setattr("mifeng.core.key_packages.STOCK", {0xF002: 6})
        evil = EvilServer(patch)
        async with running_server(tmp_path, **how) as server:
            evil.server = server
            yield evil
