"""Play many seeds, or one of them again.

python -m tests.simulation --seeds 300           progress, build/simulate.json, exit 1 on a failure
python -m tests.simulation --seed 17             that one, with all that happened
python -m tests.simulation --plant merge-early   with a bug put in, until it is found
python -m tests.simulation --plants              each bug in its turn; exit 1 if one is not found
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.simulation.job import Played, play_job
from tests.simulation.planted import PLANTS

REPORT = Path("build") / "simulate.json"


def _all(jobs: list[tuple[int, int, str]], processes: int) -> Iterator[Played]:
    if processes == 1:
        yield from map(play_job, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(play_job, jobs)


def _again(played: Played, plant: str) -> str:
    wanted = f" --plant {plant}" if plant else ""
    return f"python -m tests.simulation --seed {played.seed}{wanted}"


def _find_plants(seeds: int, steps: int) -> int:
    """Put in each bug, play seeds until it is found, and say how many that took."""
    missed = 0
    for plant in PLANTS:
        for seed in range(1, seeds + 1):
            played = play_job((seed, steps, plant))
            if played.violation:
                print(f"{plant}: found by seed {seed}: {played.violation[:100]}", flush=True)
                break
        else:
            missed += 1
            print(f"{plant}: NOT FOUND in {seeds} seeds", flush=True)
    return 1 if missed else 0


def main() -> int:
    """Read the command line, play, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=300, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="only this one, with all that happened")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="a bug to put in")
    parser.add_argument("--plants", action="store_true", help="put in each bug in its turn")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--traces", action="store_true", help="print each seed's trace")
    asked = parser.parse_args()
    if asked.seed is not None:
        played = play_job((asked.seed, asked.steps, asked.plant))
        print("\n".join(played.lines))
        print(f"trace {played.trace}")
        return 1 if played.violation else 0
    if asked.plants:
        return _find_plants(asked.seeds, asked.steps)
    start, done, failed, steps = time.perf_counter(), 0, list[Played](), Counter[str]()
    accepted = 0
    seeds = range(asked.first, asked.first + asked.seeds)
    for played in _all([(seed, asked.steps, asked.plant) for seed in seeds], asked.processes):
        done += 1
        accepted += played.accepted
        steps.update(played.steps)
        if asked.traces:
            print(f"seed {played.seed} trace {played.trace}", flush=True)
        if played.violation:
            failed.append(played)
            print(f"seed {played.seed} FAILED: {played.violation}", flush=True)
            print(f"  play it again: {_again(played, asked.plant)}", flush=True)
            if asked.plant:
                break
        if done % 20 == 0 or done == asked.seeds:
            pace = 60 * done / (time.perf_counter() - start)
            print(
                f"{done} of {asked.seeds} seeds, {pace:.0f} a minute, {len(failed)} failed",
                flush=True,
            )
    minutes = (time.perf_counter() - start) / 60
    if not asked.plant:
        REPORT.parent.mkdir(exist_ok=True)
        report = {
            "seeds": done,
            "steps": asked.steps,
            "minutes": round(minutes, 2),
            "seeds_per_minute": round(done / minutes),
            "messages_accepted": accepted,
            "steps_taken": dict(steps),
            "failed": [asdict(played) | {"lines": played.lines[-40:]} for played in failed],
        }
        REPORT.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    # Sets of identifiers have the same order in every run only if bytes have the same hash.
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONHASHSEED": "0"})
    sys.exit(main())
