"""`make expiry`: travel in time at length, print what was seen, write build/expiry.json.

    python -m tests.expiry [CASES]

Exits with 1 if a test fails, and says which were skipped and why.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.expiry import everywhere

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "build" / "expiry.json"
CASES = 500


class Recorder:
    """A pytest plugin: what the tests have counted, and what came of them."""

    def __init__(self) -> None:
        self.figures: dict[str, object] = {}
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid  # with its file: two files may have a test of one name
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome
            if report.skipped and isinstance(report.longrepr, tuple):
                self.outcomes[name] = f"skipped: {report.longrepr[2]}"
        if report.when == "call":
            self.figures.update(dict(report.user_properties))


def main(cases: int) -> int:
    """Run this folder, then all of `tests/e2e` with the lineage of keys; print, write."""
    os.environ["MIFENG_EXPIRY_CASES"] = str(cases)
    recorder, console = Recorder(), Console()
    # The journey takes minutes: what is hung in CI is not hung here.
    patient = ["-o", "faulthandler_timeout=0"]
    code = pytest.main([str(HERE), "-q", "-p", "no:cacheprovider", *patient], plugins=[recorder])
    suite = [str(HERE.parent / "e2e"), "-q", "-p", "no:cacheprovider", *patient]
    over_all = pytest.main(suite, plugins=[recorder, everywhere])
    recorder.figures["lineage over tests/e2e"] = everywhere.COUNTED
    OUTPUT.parent.mkdir(exist_ok=True)
    result = {"cases": cases, "figures": recorder.figures, "tests": recorder.outcomes}
    OUTPUT.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    console.print_json(data=recorder.figures, default=str)
    for name, outcome in recorder.outcomes.items():
        if outcome != "passed":
            console.print(f"{outcome}: {name}", markup=False)
    return int(code or over_all)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES))
