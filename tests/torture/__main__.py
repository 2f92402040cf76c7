"""`make torture`: kills, crashes, power cuts and faults in number; prints and writes what was seen.

python -m tests.torture                     all, as many as an evening allows
python -m tests.torture --share 0.02        a fiftieth of it
python -m tests.torture kills server-cuts   only these

build/torture.json gets the counts. Exits with 1 if anything does not hold.
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
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.models.check import VARIANTS, check, missing_tools
from tests.support.postgres import programs
from tests.torture.cluster import torture_cluster
from tests.torture.faults import CALLS, can_mount, fail_call, fill_disk
from tests.torture.kills import kill_server
from tests.torture.power import cut_client, cut_server, has_strace
from tests.torture.steps import crash_everywhere

REPORT = Path("build") / "torture.json"
KILLS, CUTS, SEEDS, ROUNDS = 200, 5000, 3, 10

Facts = dict[str, object]
NOT_HERE = "not on this machine"


def _kills(folder: Path, share: float) -> Facts:
    seen = asyncio.run(kill_server(folder, kills=max(2, round(KILLS * share))))
    facts = dataclasses.asdict(seen)
    restarts = sorted(facts.pop("restarts_s"))
    return facts | {"median_restart_s": restarts[len(restarts) // 2]}


def _cluster(folder: Path, share: float) -> Facts:
    if programs() is None:
        return {"skipped": NOT_HERE}
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
        return {"skipped": NOT_HERE}
    return dataclasses.asdict(asyncio.run(cut_server(folder, states=round(CUTS * share) or 1)))


def _client_cuts(folder: Path, share: float) -> Facts:
    if not has_strace():
        return {"skipped": NOT_HERE}
    return dataclasses.asdict(asyncio.run(cut_client(folder, states=round(CUTS * share) or 1)))


def _calls(folder: Path, share: float) -> Facts:
    if not has_strace():
        return {"skipped": NOT_HERE}
    facts: Facts = {}
    for call in list(CALLS)[: max(2, round(len(CALLS) * share))]:
        for for_ever in (False, True):
            where = folder / f"{call}-{for_ever}"
            where.mkdir()
            seen = asyncio.run(fail_call(where, call, for_ever=for_ever))
            facts[f"{call} {'for ever' if for_ever else 'once'}"] = dataclasses.asdict(seen)
    return facts


def _disk(folder: Path, _: float) -> Facts:
    if not can_mount():
        return {"skipped": NOT_HERE}
    return dataclasses.asdict(asyncio.run(fill_disk(folder)))


def _models(_: Path, __: float) -> Facts:
    if missing_tools():
        return {"skipped": NOT_HERE}
    held = check("ordering.pml")
    broken = {name: check("ordering.pml", name).errors > 0 for name in VARIANTS}
    assert held.errors == 0, held.said
    assert all(broken.values()), broken
    return {"states": held.states, "variants_that_fail": len(broken)}


PARTS: dict[str, Callable[[Path, float], Facts]] = {
    "kills": _kills,
    "cluster": _cluster,
    "client-steps": _steps,
    "server-cuts": _server_cuts,
    "client-cuts": _client_cuts,
    "calls": _calls,
    "full-disk": _disk,
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
    table = Table(title="Torture", title_justify="left")
    table.add_column("part")
    table.add_column("what was seen", overflow="fold")
    for name, facts in report.items():
        table.add_row(name, json.dumps(facts))
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    REPORT.write_text(json.dumps({"machine": machine, "parts": report}, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
