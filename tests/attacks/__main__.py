"""`make attack`: play every attack that has a test, print the table, write build/attacks.json.

Exits with 1 if a test of a row fails, or a row that should have a test has none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.attacks.rows import ROWS, Row

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "build" / "attacks.json"
NAMED = re.compile(r"::test_([a-i]\d+)_(\w+)")


@dataclass
class Played:
    """What the tests of one row have shown."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    tests: set[str] = field(default_factory=set)
    refused_by: set[str] = field(default_factory=set)
    without: dict[str, str] = field(default_factory=dict)


class Recorder:
    """A pytest plugin: by row, what passed and how it was refused."""

    def __init__(self) -> None:
        self.rows: dict[str, Played] = defaultdict(Played)
        self.strays: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed and report.when != "teardown":
            return  # the properties are complete once it is torn down
        found = NAMED.search(report.nodeid)
        if found is None:
            if report.failed:
                self.strays.append(report.nodeid)
            return
        row = self.rows[found[1].upper()]
        row.tests.add(f"test_{found[1]}_{found[2]}")
        if report.failed:
            row.failed.append(report.nodeid)
        elif report.when == "teardown" and report.nodeid not in row.failed:
            row.passed += 1
            said = dict(report.user_properties)
            run, outcome = str(said.get("run", "")), str(said.get("outcome", ""))
            if run == "attacked":
                row.refused_by |= set(outcome.split(", ")) - {""}
            elif run.startswith("without "):
                row.without[run] = outcome


def outcome_of(row: Row, played: Played | None) -> tuple[str, str]:
    """Return the outcome of a row in a word, and a sentence about it."""
    if played is None or not played.tests:
        return ("missing", "there is no test") if row.status == "test" else (row.status, row.why)
    if played.failed:
        return "FAILED", ", ".join(sorted(set(played.failed)))
    if row.status != "test":
        return "FAILED", f"there is a test, and the table says {row.status}"
    return "refused", ", ".join(sorted(played.refused_by))


def main() -> int:
    recorder, said = Recorder(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main([str(HERE), "-q", "-p", "no:cacheprovider"], plugins=[recorder])
    table = Table(title="Attacks", title_justify="left")
    for column in ("row", "attack", "outcome", "how"):
        table.add_column(column, overflow="fold")
    results, counts = [], dict[str, int]()
    for row in ROWS:
        played = recorder.rows.get(row.name)
        outcome, how = outcome_of(row, played)
        counts[outcome] = counts.get(outcome, 0) + 1
        style = {"refused": "green", "open": "yellow", "none": "dim"}.get(outcome, "bold red")
        table.add_row(row.name, row.attack, f"[{style}]{outcome}[/]", how)
        results.append(
            dataclasses.asdict(row)
            | {"outcome": outcome, "how": how}
            | {"runs": played.passed if played else 0}
            | {"tests": sorted(played.tests) if played else []}
            | {"without": played.without if played else {}}
        )
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(results, indent=2) + "\n")
    console = Console()
    console.print(table)
    console.print(", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())))
    bad = code != 0 or recorder.strays or counts.get("FAILED") or counts.get("missing")
    if bad:
        console.print(said.getvalue()[-4000:], markup=False, soft_wrap=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
