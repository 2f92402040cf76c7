"""One measured figure, and how it is measured."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A cell of a table.

    Attributes:
        table: its title; figures of one table follow each other.
        row: what was measured.
        column: under which circumstances, for example the number of members.
        value: None where there was nothing to measure.
        target: what was aimed at, in the same unit; smaller is better.
    """

    table: str
    row: str
    column: str
    value: float | None
    unit: str
    target: float | None = None


def median_ms(act: Callable[[], object], *, runs: int) -> float:
    """Return the median duration of `act` in milliseconds, after one run that is not counted."""
    act()
    gc.collect()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000
