"""A small file server that works, and that can be told to fail: tus 1.0.0 and Range."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from mifeng.net import Api, Signer
from mifeng_crypto.api.messages import LoginReply, NonceReply, ShareReply
from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, ProblemCode
from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster_entry import DeviceAuthor
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

SHARE = bytes(range(32))
FILE_ID = bytes(range(16))


class FileServer:
    """Holds one file in memory."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.length = 0
        self.requests: list[str] = []
        self.headers: list[str] = []
        """All that a client has said in headers."""
        self.patches: list[int] = []
        """How much each PATCH announced."""
        self.digests: list[bytes] = []
        """What a PATCH said of the whole."""
        self.share = SHARE
        self.cut_patches_at: list[int] = []
        """Break the connection when this much of the file is here."""
        self.cut_gets_after: list[int] = []
        """Break the connection of the next GET after so many bytes of it."""
        self.lost_answers = 0
        """So many creations are done and then not answered."""
        self.forgets = False
        """Whether all that it has is gone when it is asked how far it is."""
        self.problem: ProblemCode | None = None
        """The answer to every GET and PATCH."""
        self.created: dict[str, bytes] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.on_response_prepare.append(self._remember)
        app.router.add_post("/v1/login/nonce", self._nonce)
        app.router.add_post("/v1/login", self._login)
        app.router.add_post("/v1/units/{unit}/files", self._create)
        app.router.add_route("HEAD", f"/v1/files/{FILE_ID.hex()}", self._head)
        app.router.add_patch(f"/v1/files/{FILE_ID.hex()}", self._patch)
        app.router.add_delete(f"/v1/files/{FILE_ID.hex()}", self._delete)
        app.router.add_get(f"/v1/files/{FILE_ID.hex()}", self._get, allow_head=False)
        app.router.add_get(f"/v1/files/{FILE_ID.hex()}/share", self._share)
        return app

    async def _remember(self, request: web.Request, _: web.StreamResponse) -> None:
        self.headers += [request.path_qs, *(f"{k}: {v}" for k, v in request.headers.items())]

    async def _nonce(self, _: web.Request) -> web.Response:
        return _msgpack(NonceReply(nonce=bytes(32)))

    async def _login(self, _: web.Request) -> web.Response:
        return _msgpack(LoginReply(token="t", expires_at=0))

    async def _share(self, _: web.Request) -> web.Response:
        return _msgpack(ShareReply(share=self.share))

    async def _create(self, request: web.Request) -> web.Response:
        self.requests.append("POST")
        assert request.headers["Tus-Resumable"] == "1.0.0"
        key = request.headers["Idempotency-Key"]
        if key not in self.created:
            self.created[key] = FILE_ID
            self.length = int(request.headers["Upload-Length"])
        if self.lost_answers:
            self.lost_answers -= 1
            _cut(request)
        return web.Response(status=201, headers={"Location": f"/v1/files/{FILE_ID.hex()}"})

    async def _head(self, _: web.Request) -> web.Response:
        self.requests.append("HEAD")
        if self.forgets:
            self.data.clear()
        headers = {"Upload-Offset": str(len(self.data)), "Upload-Length": str(self.length)}
        return web.Response(headers=headers)

    async def _patch(self, request: web.Request) -> web.Response:
        self.requests.append("PATCH")
        if self.problem:
            return _problem(self.problem)
        assert request.content_type == "application/offset+octet-stream"
        assert request.content_length is not None
        self.patches.append(request.content_length)
        if int(request.headers["Upload-Offset"]) != len(self.data):
            return _problem(ProblemCode.OFFSET_MISMATCH)
        if whole := request.headers.get("Repr-Digest"):
            assert int(request.headers["Upload-Offset"]) + request.content_length == self.length
            self.digests.append(base64.b64decode(whole.removeprefix("sha-256=:")[:-1]))
        cut_at = self.cut_patches_at[0] if self.cut_patches_at else None
        async for piece in request.content.iter_any():
            if cut_at is not None and len(self.data) + len(piece) > cut_at:
                self.data += piece[: cut_at - len(self.data)]
                del self.cut_patches_at[0]
                _cut(request)
                await asyncio.sleep(1)
            self.data += piece
        return web.Response(status=204, headers={"Upload-Offset": str(len(self.data))})

    async def _delete(self, _: web.Request) -> web.Response:
        self.requests.append("DELETE")
        return web.Response(status=204)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.requests.append("GET")
        if self.problem:
            return _problem(self.problem)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers["Range"])
        assert found
        begin, total = int(found[1]), len(self.data)
        end = int(found[2]) + 1 if found[2] else total
        where = f"bytes {begin}-{end - 1}/{total}"
        response = web.StreamResponse(status=206, headers={"Content-Range": where})
        response.content_length = end - begin
        await response.prepare(request)
        if self.cut_gets_after:
            end = min(end, begin + self.cut_gets_after.pop(0))
            await response.write(bytes(self.data[begin:end]))
            _cut(request)
        else:
            await response.write(bytes(self.data[begin:end]))
        return response


def _cut(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.close()


def _msgpack(body: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.msgpack.encode(body), content_type="application/msgpack")


def _problem(code: ProblemCode) -> web.Response:
    body = {"type": "", "title": code.code, "status": code.status, "code": code.code}
    return web.Response(
        status=code.status, body=msgspec.json.encode(body), content_type=PROBLEM_CONTENT_TYPE
    )


@asynccontextmanager
async def client_of(server: FileServer, rng: Rng) -> AsyncIterator[Api]:
    """Run it while this is entered, and be somebody's device that may ask it."""
    author = DeviceAuthor(MemberId(bytes(16)), DeviceId(bytes(16)))
    signer = Signer(WorkspaceId(bytes(16)), author, Secret(bytes(32)))
    async with TestServer(server.app()) as running:
        address = f"http://127.0.0.1:{running.port}"
        async with Api([address], None, signer=signer, now=lambda: UnixMillis(0), rng=rng) as api:
            yield api
