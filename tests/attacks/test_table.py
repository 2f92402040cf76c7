"""The table is honest: no row is green without a test, and every test is of a row."""

from __future__ import annotations

import re
from pathlib import Path

from tests.attacks.__main__ import Played, outcome_of
from tests.attacks.rows import ROWS, Row

HERE = Path(__file__).resolve().parent
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
TESTED = {name.upper() for name in re.findall(r"def test_([a-i]\d+)_", SOURCES)}
SIZES = {"A": 20, "B": 35, "C": 16, "D": 20, "E": 14, "F": 10, "G": 12, "H": 8, "I": 5}


def test_every_row_is_there_once_and_in_order() -> None:
    expected = [f"{group}{n}" for group, size in SIZES.items() for n in range(1, size + 1)]
    assert [row.name for row in ROWS] == expected


def test_exactly_the_rows_with_tests_say_so() -> None:
    assert {row.name for row in ROWS if row.status == "test"} == TESTED


def test_a_row_without_a_test_says_why() -> None:
    assert all(row.why for row in ROWS if row.status != "test")


def test_a_row_is_never_green_without_a_test_that_passed() -> None:
    row = Row("A1", "somebody tries")
    assert outcome_of(row, None)[0] == "missing"
    assert outcome_of(row, Played())[0] == "missing"
    assert outcome_of(row, Played(failed=["x"], tests={"x"}))[0] == "FAILED"
    assert outcome_of(row, Played(passed=1, tests={"x"}))[0] == "refused"
    assert outcome_of(Row("A1", "", "open", "later"), Played(passed=1, tests={"x"}))[0] == "FAILED"


def test_every_row_of_trust_is_played_without_its_check_too() -> None:
    """Groups A, B and E: with the misbehaviour off, on, and with what refuses it taken out."""
    defined = re.findall(r"((?:@.*\n|    .*\n|\)\n)*)(?:async )?def (test_[abe]\d+_\w+)\(", SOURCES)
    assert len(defined) > 60
    assert [name for above, name in defined if "@attack()" in above] == []


def test_every_test_of_a_row_is_played_in_all_runs() -> None:
    defined = re.findall(r"((?:@.*\n|    .*\n|\)\n)*)(?:async )?def (test_[a-i]\d+_\w+)\(", SOURCES)
    assert len(defined) == len(re.findall(r"def test_[a-i]\d+_", SOURCES))
    assert [name for above, name in defined if "@attack(" not in above] == []
