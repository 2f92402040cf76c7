"""The load generator against real processes, in small: nothing is lost, doubled or refused."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from bench.catch_up import catch_up
from bench.load.__main__ import PARTS
from bench.load.alone import download, floor, start
from bench.load.many import come_back, post_all, renew
from bench.load.parts import accepted, fanout, idle, serve
from bench.load.stage import make_stage


def test_the_help_names_every_part() -> None:
    help_ = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    named = re.search(r'^load:.*\(PARTS="([^"]*)"\)$', help_, re.MULTILINE)
    assert named is not None
    assert sorted(named[1].split()) == sorted(PARTS)


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


def test_a_server_that_was_killed_at_work_starts_again_and_is_ready() -> None:
    figures = list(start((0, 20), runs=1))
    assert [figure["messages"] for figure in figures] == [0, 20]
    assert all(figure["server_cpu_s"] > 0 for figure in figures)


def test_a_file_comes_whole_to_a_client_that_only_reads() -> None:
    assert [figure["tls"] for figure in download(8)] == [True, False]


def test_an_empty_request_is_measured_as_a_message_is() -> None:
    *_, last = floor(20)
    assert (last["accepted"], last["waiting"]) == (20, 64)


def test_everybody_who_comes_back_at_once_is_live_with_what_was_missed(tmp_path: Path) -> None:
    stage = make_stage(tmp_path / "data", 6, tls=True)
    with serve(stage, tls=True) as server:
        asyncio.run(post_all(stage, server, 3))
        got = asyncio.run(come_back(stage, server, 0.2))
    assert got["clients"] == 6
    assert set(got["statuses"]) == {"200"}


def test_after_a_holiday_all_leaves_are_renewed_while_people_write(tmp_path: Path) -> None:
    stage = make_stage(tmp_path / "data", 12, tls=True, back_s=9 * 86_400)
    with serve(stage, tls=True) as server:
        got = asyncio.run(renew(stage, server, rests_s=0))
    assert (got["leaves_due_at_first"], got["leaves_due_in_the_end"]) == (12, 0)
    assert got["commits"] == 12
    assert got["messages"] >= 10


def test_a_client_that_was_away_catches_up_with_commits_and_messages() -> None:
    took, _ = catch_up(20, 25, 60)
    assert took > 0
