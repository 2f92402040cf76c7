"""The simulation as a test: a few seeds, replayed exactly, and some of the bugs that it must find.

Many seeds are `make simulate SEEDS=...`. A seed takes about a second of a processor's time, so here
are as many as a test suite of minutes can bear. Each run is a process of its own: sets of bytes
have the same order only with a fixed hash.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHUNKS = ((1, 5), (6, 5))


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--processes", "1", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def traces(said: str) -> dict[str, str]:
    return dict(re.findall(r"^seed (\d+) trace (\w+)$", said, re.MULTILINE))


@pytest.mark.parametrize(("first", "seeds"), CHUNKS)
def test_nothing_is_lost_doubled_or_stuck_in_any_seed(first: int, seeds: int) -> None:
    done = simulate("--first", str(first), "--seeds", str(seeds))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_the_same_after_another_and_alone() -> None:
    after = traces(simulate("--first", "5", "--seeds", "2", "--steps", "80", "--traces").stdout)
    alone = traces(simulate("--first", "6", "--seeds", "1", "--steps", "80", "--traces").stdout)
    assert after["6"] == alone["6"]
    assert after["5"] != after["6"]


@pytest.mark.parametrize(
    "plant", ["seal-anew-after-lost-answer", "notify-before-commit", "torn-write"]
)
def test_a_bug_that_was_put_in_is_found(plant: str) -> None:
    done = simulate("--plant", plant, "--seeds", "10")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" in done.stdout
