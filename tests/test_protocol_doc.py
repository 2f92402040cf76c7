"""protocol.md names what the code has: every rule, struct and problem, and tests that are there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import mifeng_crypto
from mifeng_crypto.api.problems import ProblemCode

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "protocol.md").read_text(encoding="utf-8")
KINDS = (
    "ALARM|API|AUDIT|CARD|CHARTER|CHECKPOINT|CLIENT|CONTENT|FILE|FOUND|GATE|HISTORY|KEY|KEYPACKAGE|LEDGER|LINK|LOG"
    "|LOGIN|NOTE|POLICY|RECEIPT|ROSTER|UNIT|UPLOAD|WELCOME"
    "|ANNOUNCE|APPROVAL|POLL|TIMELINE"
)
RULE = re.compile(rf"\b((?:{KINDS})-\d+)\b")


def _source() -> str:
    rooms = ("crypto", "client", "server")
    return "\n".join(p.read_text(encoding="utf-8") for r in rooms for p in (ROOT / r).rglob("*.py"))


def _ranges(text: str) -> set[str]:
    """Spell out `KEYPACKAGE-1 to 5` and `CONTENT-1 and 2`."""
    found = set(RULE.findall(text))
    for kind, first, last in re.findall(rf"\b({KINDS})-(\d+) (?:to|and) (\d+)\b", text):
        found |= {f"{kind}-{n}" for n in range(int(first), int(last) + 1)}
    return found


def test_every_rule_that_the_code_enforces_is_on_the_page() -> None:
    raised = set(re.findall(rf'"((?:{KINDS})-\d+)"', _source()))
    assert len(raised) > 80
    assert raised - _ranges(PAGE) == set()


def test_every_rule_on_the_page_is_in_the_code() -> None:
    assert _ranges(PAGE) - set(RULE.findall(_source())) == set()


def test_every_test_that_the_page_names_is_there() -> None:
    tests = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_cell_that_says_prevented_or_detected_names_a_test() -> None:
    table = PAGE[PAGE.index("**Adversary x goal.**") :]
    rows = [line for line in table[: table.index("\nWhoever ")].splitlines() if line[:1] == "|"]
    cells = [(row.split("|")[1], cell) for row in rows[2:] for cell in row.split("|")[2:-1]]
    assert len(cells) > 60
    for goal, cell in cells:
        what = cell.strip()
        assert what[0] in "PDN-" or what.startswith("alone P"), goal
        if re.search(r"\b[PD]\b", what):
            assert re.search(r"`test_\w+`", what), (goal, cell)


def test_every_struct_of_our_own_is_on_the_page() -> None:
    ours = set()
    for module in pkgutil.walk_packages(mifeng_crypto.__path__, "mifeng_crypto."):
        if module.name.startswith(("mifeng_crypto.mls", "mifeng_crypto.labels")):
            continue  # the RFC's own
        for name, value in vars(importlib.import_module(module.name)).items():
            here = getattr(value, "__module__", "") == module.name and name[0] != "_"
            if here and isinstance(value, type) and hasattr(value, "_tag_bytes"):
                ours.add(name)
    assert len(ours) > 20
    assert {name for name in ours if not re.search(rf"\b{name}\b", PAGE)} == set()


def test_every_problem_is_on_the_page() -> None:
    for problem in ProblemCode:
        assert f"| `{problem.code}` | {problem.status} |" in PAGE
