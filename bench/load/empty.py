"""A route that reads a body and answers, on the server's own listener: what HTTP and TLS cost."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from mifeng_server.listener import make_runner, open_port
from mifeng_server.tls_key import ssl_context

ANSWER = bytes(450)
"""As long as an acceptance with its receipt."""


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/msgpack")


async def _serve(cert: Path, key: Path) -> None:
    app = web.Application()
    app.router.add_post("/v1/units/{unit_id}/messages", _answer)
    runner = make_runner(app)
    await runner.setup()
    context = ssl_context(cert, key) if cert.exists() else None
    server = await open_port(runner, "127.0.0.1", 0, context=context, most=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))
