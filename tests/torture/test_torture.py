"""A little of `make torture` in every run of the tests: the same code, smaller numbers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.clocks import jump_clocks
from tests.torture.cluster import torture_cluster
from tests.torture.faults import fail_call, fail_client
from tests.torture.kills import kill_server
from tests.torture.lines import break_lines, can_make_namespaces, cut_link
from tests.torture.power import cut_client, cut_server, has_strace
from tests.torture.rot import rot_client, rot_server
from tests.torture.steps import ADA, BO, crash_at, crash_everywhere
from tests.torture.trace import Disk, Event

traced = pytest.mark.skipif(not has_strace(), reason="strace is not installed")


async def test_a_server_that_is_killed_under_load_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    seen = await kill_server(tmp_path, kills=2)
    assert seen.kills == 2
    assert seen.acknowledged >= 4


async def test_a_cluster_whose_nodes_and_database_are_killed_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    seen = await torture_cluster(tmp_path, rounds=1, events=("node killed", "database crashed"))
    assert seen.events == {"node killed": 1, "database crashed": 1}
    assert seen.acknowledged >= 8


def test_a_client_that_crashes_at_its_durable_steps_ends_as_if_it_had_not() -> None:
    found = crash_everywhere(every=13)
    assert found.steps["Ada"] > 40
    assert found.steps["Bo"] > 25


@pytest.mark.parametrize("victim", [ADA, BO])
def test_the_story_without_a_crash_is_whole(victim: int) -> None:
    story, writes = crash_at(victim, 0, written=False)
    assert story.violation is None
    assert writes > 25


@traced
async def test_no_power_cut_leaves_a_server_without_what_it_acknowledged(tmp_path: Path) -> None:
    cut = await cut_server(tmp_path, states=40)
    assert cut.states == 40
    assert cut.unsynced > 20


@traced
async def test_no_power_cut_leaves_a_client_without_what_it_sent(tmp_path: Path) -> None:
    cut = await cut_client(tmp_path, states=12)
    assert cut.states == 12
    assert cut.unsynced > 5


@traced
async def test_a_write_that_fails_once_is_answered_as_such_and_the_next_one_holds(
    tmp_path: Path,
) -> None:
    seen = await fail_call(tmp_path, "pwrite64", for_ever=False)
    assert 1 <= seen.injected <= 6, "once in each thread that writes"
    assert seen.acknowledged >= 20


@traced
async def test_a_client_whose_disk_does_not_sync_says_so_and_sends_what_it_kept(
    tmp_path: Path,
) -> None:
    seen = await fail_client(tmp_path, "fdatasync", for_ever=False)
    assert seen.injected >= 1
    assert seen.acknowledged >= 20


@pytest.mark.skipif(not can_make_namespaces(), reason="networks cannot be made here")
async def test_a_link_that_goes_down_and_up_costs_time_and_nothing_else(tmp_path: Path) -> None:
    heard = await cut_link(tmp_path, cuts=2)
    assert sum(heard.faults.values()) == 2
    assert heard.read >= heard.acknowledged


async def test_a_server_that_answers_500_or_hangs_or_closes_in_a_frame_costs_no_message(
    tmp_path: Path,
) -> None:
    heard = await break_lines(tmp_path, faults=8)
    assert sum(heard.faults.values()) >= 8
    assert heard.read == heard.acknowledged + heard.kept


async def test_clocks_that_jump_lose_nothing_and_go_on_when_they_are_right(tmp_path: Path) -> None:
    seen = await jump_clocks(tmp_path, jumps=8)
    assert seen.jumps == 8
    assert seen.acknowledged > 4


async def test_a_flipped_bit_of_a_profile_shows_nothing_that_was_not_said(tmp_path: Path) -> None:
    seen = await rot_client(tmp_path, states=80)
    assert sum(seen.flipped.values()) == 80
    assert seen.named
    assert seen.less == 0


async def test_a_flipped_bit_of_a_server_shows_nothing_that_was_not_said(tmp_path: Path) -> None:
    seen = await rot_server(tmp_path, states=9)
    assert sum(seen.flipped.values()) == 9


def test_what_was_not_synced_may_be_gone_in_any_pieces_and_what_was_stays(tmp_path: Path) -> None:
    folder, path = tmp_path / "disk", str(tmp_path / "disk" / "file")
    disk = Disk(folder)
    disk.take(Event("write", path, 0, b"a" * 2048))
    disk.take(Event("sync", path, 0, b""))
    disk.take(Event("write", path, 0, b"b" * 2048))
    seen = set()
    chance = random.Random(1)
    for n in range(60):
        disk.cut(tmp_path / str(n), chance)
        content = (tmp_path / str(n) / "file").read_bytes()
        assert len(content) == 2048
        seen.add(bytes(content[at] for at in range(0, 2048, 512)))
    assert {b"aaaa", b"bbbb"} < seen
    assert len(seen) > 6
