"""Take HTTP POSTs on this machine and post their text: webhook_bridge.py PROFILE UNIT.

    curl -H "Authorization: Bearer $TOKEN" --json '{"text": "disk is full"}' http://127.0.0.1:8090/

It listens on the loopback address only, and asks for the token in the environment variable
MIFENG_WEBHOOK_TOKEN: whoever has it speaks as this bot.
"""

import argparse
import asyncio
import hmac
import os
import sys

from aiohttp import web

import mifeng

LONGEST = 64 * 1024
PORT = 8090


def make_app(unit: mifeng.Unit, token: str) -> web.Application:
    """Return the endpoint."""

    async def take(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return web.Response(status=401)
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="send JSON\n")
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text.strip():
            return web.Response(status=400, text='send {"text": "..."}\n')
        try:
            message = await unit.send(text)
        except mifeng.TransportError:  # it is kept, and goes out when the server is back
            return web.Response(status=202)
        return web.json_response({"sequence": message.sequence}, status=201)

    app = web.Application(client_max_size=LONGEST)
    app.router.add_post("/", take)
    return app


async def run(told: argparse.Namespace, token: str, passphrase: str | None) -> None:
    """Serve until this is cancelled."""
    async with mifeng.open(told.profile, passphrase=passphrase) as me:
        runner = web.AppRunner(make_app(me.unit(told.unit), token))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", told.port).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("unit")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--passphrase-fd", type=int)
    told = parser.parse_args()
    passphrase = mifeng.read_passphrase(told.passphrase_fd)
    token = os.environ.get("MIFENG_WEBHOOK_TOKEN", "")
    if len(token) < 16:
        sys.exit("set MIFENG_WEBHOOK_TOKEN to 16 random characters or more")
    asyncio.run(run(told, token, passphrase))


if __name__ == "__main__":
    main()
