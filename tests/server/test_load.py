"""The load generator against real processes, in small: nothing is lost, doubled or refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.load.parts import accepted, fanout, idle, serve
from bench.load.stage import make_stage


def test_every_posted_message_is_accepted_and_reaches_everybody(tmp_path: Path) -> None:
    stage = make_stage(tmp_path / "data", 5, tls=True)
    with serve(stage, tls=True) as server:
        heard = asyncio.run(fanout(stage, server, rate=20, seconds=1))
        assert heard["deliveries"] == heard["expected"] == 20 * 5
        got = asyncio.run(accepted(stage, [server], waiting=8, n=40))
        assert got["statuses"] == {"200": 40}
        assert server.rss_mib > 0


def test_idle_sockets_stay_open(tmp_path: Path) -> None:
    stage = make_stage(tmp_path / "data", 2, tls=False)
    with serve(stage, tls=False) as server:
        assert asyncio.run(idle(stage, server, n=8))["sockets"] == 8
