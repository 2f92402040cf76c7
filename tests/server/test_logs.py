"""What the server logs when it fails: where, and never with what."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

PROGRAM = """
    import asyncio, os
    from aiohttp import ClientSession, web
    from mifeng_server.logs import AIOHTTP, configure_logs
    from mifeng_server.metrics import Metrics
    from mifeng_server.routes.problem import LOG_REQUESTS, METRICS, answer_problems

    async def failing(request):
        held = "-".join(["a", "secret", "in", "a", "local"])
        raise KeyError("where")

    async def main():
        configure_logs()
        app = web.Application(middlewares=[answer_problems])
        app[METRICS], app[LOG_REQUESTS] = Metrics(), True
        app.router.add_post("/", failing)
        runner = web.AppRunner(app, access_log=None, logger=AIOHTTP)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = "http://127.0.0.1:%d/?a-secret-in-the-url" % runner.addresses[0][1]
        headers = {"Authorization": "Bearer a-secret-in-a-header"}
        async with ClientSession() as http:
            async with http.post(url, data=b"a-secret-in-the-body", headers=headers) as response:
                assert response.status == 500, response.status
        await runner.cleanup()

    asyncio.run(main())
"""


def test_a_request_that_fails_logs_its_place_and_no_value() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], check=True, capture_output=True, text=True
    )
    failure, request = [json.loads(line) for line in done.stderr.splitlines()]
    assert "in failing" in failure["exception"]
    assert "KeyError" in failure["exception"]
    assert request["status"] == 500
    assert "a-secret" not in done.stderr


def test_a_full_disk_under_the_log_fails_no_request() -> None:
    program = textwrap.dedent(PROGRAM).replace('raise KeyError("where")', "return web.Response()")
    program = program.replace("response.status == 500", "response.status == 200")
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, "-c", program], check=False, stderr=full)
    assert done.returncode in {0, 120}, "120: Python's own last flush of stderr fails as well"
