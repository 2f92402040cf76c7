"""`make torture`: kills, crashes, power cuts, faults of disks, lines, clocks and bytes, in number.

python -m tests.torture                     all, as many as an evening allows
python -m tests.torture --share 0.02        a fiftieth of it
python -m tests.torture kills server-cuts   only these

build/torture.json gets the counts, part by part. Exits with 1 if anything does not hold. What a
machine does not permit (strace, a small disk, a network of its own) is skipped with a line.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.models.check import VARIANTS, check, missing_tools
from tests.support.postgres import programs
from tests.torture.clocks import jump_clocks
from tests.torture.cluster import torture_cluster
from tests.torture.faults import (
    CALLS,
    Faulted,
    can_mount,
    fail_call,
    fail_client,
    fill_client,
    fill_disk,
)
from tests.torture.kills import kill_server
from tests.torture.lines import break_lines, can_make_namespaces, cut_link
from tests.torture.power import cut_client, cut_server, has_strace
from tests.torture.rot import rot_client, rot_server
from tests.torture.steps import crash_everywhere

REPORT = Path("build") / "torture.json"
KILLS, CUTS, SEEDS, ROUNDS = 200, 5000, 1, 10
LINK_CUTS, FAULTS, JUMPS = 100, 200, 200
CLIENT_FLIPS, SERVER_FLIPS = 2000, 300

Facts = dict[str, object]
Part = Callable[[Path, float], Facts]
"""Plays a share of what is to be played, in an empty folder; returns what was seen."""
NO_STRACE = "strace is not installed"
NO_MOUNT = "file systems cannot be mounted here: that takes root"
NO_NETWORK = "networks cannot be made here: that takes root, and ip (iproute2)"
NO_SPIN = "spin is not installed"
NO_POSTGRES = "PostgreSQL is not installed"


def _kills(folder: Path, share: float) -> Facts:
    seen = asyncio.run(kill_server(folder, kills=max(2, round(KILLS * share))))
    facts = dataclasses.asdict(seen)
    restarts = sorted(facts.pop("restarts_s"))
    return facts | {"median_restart_s": restarts[len(restarts) // 2]}


def _cluster(folder: Path, share: float) -> Facts:
    if programs() is None:
        return {"skipped": NO_POSTGRES}
    rounds = max(1, round(ROUNDS * share))
    return dataclasses.asdict(asyncio.run(torture_cluster(folder, rounds=rounds)))


def _steps(_: Path, share: float) -> Facts:
    runs = 0
    for seed in range(1, max(1, round(SEEDS * share)) + 1):
        found = crash_everywhere(seed=seed, every=1 if share > 0.1 else 8)
        runs += found.runs
    return {"runs": runs, "steps": found.steps}


def _server_cuts(folder: Path, share: float) -> Facts:
    if not has_strace():
        return {"skipped": NO_STRACE}
    return dataclasses.asdict(asyncio.run(cut_server(folder, states=round(CUTS * share) or 1)))


def _client_cuts(folder: Path, share: float) -> Facts:
    if not has_strace():
        return {"skipped": NO_STRACE}
    return dataclasses.asdict(asyncio.run(cut_client(folder, states=round(CUTS * share) or 1)))


def _calls(fail: Callable[..., Coroutine[object, object, Faulted]]) -> Part:
    """Each call once and for ever, of one of the two sides."""

    def part(folder: Path, share: float) -> Facts:
        if not has_strace():
            return {"skipped": NO_STRACE}
        facts: Facts = {}
        for call in list(CALLS)[: max(2, round(len(CALLS) * share))]:
            for for_ever in (False, True):
                where = folder / f"{call}-{for_ever}"
                where.mkdir()
                seen = asyncio.run(fail(where, call, for_ever=for_ever))
                facts[f"{call} {'for ever' if for_ever else 'once'}"] = dataclasses.asdict(seen)
        return facts

    return part


def _full_disk(fill: Callable[[Path], Coroutine[object, object, Faulted]]) -> Part:
    def part(folder: Path, _: float) -> Facts:
        if not can_mount():
            return {"skipped": NO_MOUNT}
        return dataclasses.asdict(asyncio.run(fill(folder)))

    return part


def _link(folder: Path, share: float) -> Facts:
    if not can_make_namespaces():
        return {"skipped": NO_NETWORK}
    return dataclasses.asdict(asyncio.run(cut_link(folder, cuts=_some(LINK_CUTS, share))))


def _lines(folder: Path, share: float) -> Facts:
    return dataclasses.asdict(asyncio.run(break_lines(folder, faults=_some(FAULTS, share))))


def _clocks(folder: Path, share: float) -> Facts:
    return dataclasses.asdict(asyncio.run(jump_clocks(folder, jumps=_some(JUMPS, share))))


def _client_rot(folder: Path, share: float) -> Facts:
    return dataclasses.asdict(asyncio.run(rot_client(folder, states=_some(CLIENT_FLIPS, share))))


def _server_rot(folder: Path, share: float) -> Facts:
    return dataclasses.asdict(asyncio.run(rot_server(folder, states=_some(SERVER_FLIPS, share))))


def _some(number: int, share: float) -> int:
    return max(4, round(number * share))


def _models(_: Path, __: float) -> Facts:
    if missing_tools():
        return {"skipped": NO_SPIN}
    held = check("ordering.pml")
    broken = {name: check("ordering.pml", name).errors > 0 for name in VARIANTS}
    assert held.errors == 0, held.said
    assert all(broken.values()), broken
    return {"states": held.states, "variants_that_fail": len(broken)}


PARTS: dict[str, Part] = {
    "kills": _kills,
    "cluster": _cluster,
    "client-steps": _steps,
    "server-cuts": _server_cuts,
    "client-cuts": _client_cuts,
    "server-calls": _calls(fail_call),
    "client-calls": _calls(fail_client),
    "server-disk": _full_disk(fill_disk),
    "client-disk": _full_disk(fill_client),
    "link": _link,
    "lines": _lines,
    "clocks": _clocks,
    "client-rot": _client_rot,
    "server-rot": _server_rot,
    "models": _models,
}


def main() -> int:
    """Read the command line, play, and say what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these")
    parser.add_argument("--share", type=float, default=1.0, help="which part of the whole")
    asked = parser.parse_args()
    console, report, failed = Console(), dict[str, Facts](), False
    for name in asked.parts or PARTS:
        start = time.perf_counter()
        with console.status(name), tempfile.TemporaryDirectory() as folder:
            try:
                facts = PARTS[name](Path(folder), asked.share)
            except Exception as err:  # noqa: BLE001 - it is the finding
                facts = {"FAILED": f"{type(err).__name__}: {err}"}
                console.print(traceback.format_exc(), markup=False)
                failed = True
        report[name] = facts | {"seconds": round(time.perf_counter() - start, 1)}
        _write(report)
        console.print(f"{name}: {report[name]['seconds']} s", markup=False)
    table = Table(title="Torture", title_justify="left")
    table.add_column("part")
    table.add_column("what was seen", overflow="fold")
    for name, facts in report.items():
        table.add_row(name, json.dumps(facts))
    console.print(table)
    return 1 if failed else 0


def _write(report: dict[str, Facts]) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    REPORT.write_text(json.dumps({"machine": machine, "parts": report}, indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
