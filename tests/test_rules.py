"""Each rule of protocol.md that code enforces has a test that carries its id in its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = (
    *("ALARM", "AUDIT", "CARD", "CHARTER", "CHECKPOINT", "CLIENT", "CONTENT", "FILE"),
    *("GATE", "HISTORY", "LEDGER", "LINK", "LOG", "NOTE", "POLICY", "RECEIPT", "ROSTER"),
    *("ANNOUNCE", "APPROVAL", "POLL", "TIMELINE"),
)
RAISED = re.compile(rf'Error\(\s*"((?:{"|".join(OURS)})-\d+)"')
NAMED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def _texts(folder: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob("*.py"))]


def _rules() -> list[str]:
    source = "\n".join([*_texts("crypto/mifeng_crypto"), *_texts("client/mifeng")])
    # Those that classes of their own raise are named.
    found = {*RAISED.findall(source), "LEDGER-9", "CLIENT-11"}
    return sorted(found, key=lambda rule: (rule.split("-")[0], int(rule.split("-")[1])))


RULES = _rules()
TESTS = [name for text in _texts("tests") for name in NAMED.findall(text)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_test_that_carries_its_id(rule: str) -> None:
    suffix = "_" + rule.lower().replace("-", "_")
    assert any(name.endswith(suffix) or f"{suffix}_" in name for name in TESTS), rule


@pytest.mark.parametrize("kind", OURS)
def test_the_rules_of_a_kind_are_numbered_without_a_gap(kind: str) -> None:
    numbers = [int(rule.split("-")[1]) for rule in RULES if rule.split("-")[0] == kind]
    assert numbers == list(range(1, len(numbers) + 1))
