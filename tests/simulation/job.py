"""One seed as a job for a process of its own."""

from __future__ import annotations

import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.simulation.planted import planted
from tests.simulation.world import play

__all__ = ["Played", "play_job"]


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a seed. `trace` is the hash of its schedule."""

    seed: int
    trace: str
    violation: str
    accepted: int
    seconds: float
    steps: dict[str, int]
    lines: tuple[str, ...]


def play_job(job: tuple[int, int, str]) -> Played:
    seed, steps, plant = job
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, planted(plant):
        world = play(seed, steps=steps, folder=Path(folder))
    violation = world.violation
    lines = list(world.lines)
    if violation is not None:
        lines += traceback.format_exception(violation)
    return Played(
        seed=seed,
        trace=world.trace.hexdigest(),
        violation=str(violation) if violation is not None else "",
        accepted=len(world.oracles.accepted),
        seconds=time.perf_counter() - start,
        steps=world.counts,
        lines=tuple(lines),
    )
