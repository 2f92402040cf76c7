"""MLS at growing numbers of members, in the suites that the product uses."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from bench.figure import Figure, median_ms
from bench.mls_scene import Member, Scene
from mifeng_crypto.suite import SUITES

SIZES = (2, 10, 100, 1000, 3000)

# Targets at 1,000 members, in ms (and MB): suite 0x0001, suite 0xF002.
TARGETS: dict[str, tuple[float, float]] = {
    "KeyPackage": (0.3, 0.5),
    "add all the others": (400, 900),
    "the same, with the tree in the Welcome": (400, 900),
    "join": (110, 150),
    "add one, blank: create": (8, 12),
    "add one, blank: process": (2, 3),
    "remove one, blank: create": (90, 130),
    "remove one, blank: process": (3, 5),
    "update, full: create": (5, 8),
    "update, full: process": (2, 3),
    "message of 1 KiB: encrypt": (0.12, 0.12),
    "message of 1 KiB: decrypt": (0.12, 0.12),
    "load": (30, 50),
    "memory of one state": (3, 8),
}


def measure() -> Iterator[Figure]:
    """Measure both suites at all sizes."""
    for which, number in enumerate((0x0001, 0xF002)):
        suite = SUITES[number]
        members = [Member.number(i, suite) for i in range(max(SIZES))]
        for size in SIZES:
            for row, value in _measure(Scene(members[:size])):
                yield Figure(
                    table=f"MLS, suite 0x{number:04x} ({suite.name}), by number of members",
                    row=row,
                    column=f"{size:,}",
                    value=value,
                    unit="MB" if row.startswith("memory") else "ms",
                    target=TARGETS[row][which] if size == 1000 and row in TARGETS else None,
                )


def _measure(scene: Scene) -> Iterator[tuple[str, float]]:
    """Yield (row, milliseconds or MB) for one group."""
    few = 3 if len(scene.members) >= 1000 else 10
    for row, act in scene.beginning():
        yield row, median_ms(act, runs=50 if row == "KeyPackage" else few)
    yield "memory of one state", _memory_mb(scene)
    for row, act in scene.commits():
        yield row, median_ms(act, runs=15)
    for row, act in scene.messages():
        yield row, median_ms(act, runs=300)
    for row, act in scene.loading():
        yield row, median_ms(act, runs=few)


def _memory_mb(scene: Scene) -> float:
    tracemalloc.start()
    state = scene.join()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del state
    return size / 1e6
