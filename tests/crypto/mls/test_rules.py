"""Each rule that the engine names is broken on purpose by some test."""

from __future__ import annotations

import re
from pathlib import Path

import mifeng_crypto.mls

SOURCE = Path(mifeng_crypto.mls.__file__).parent
TESTS = Path(__file__).parent
RULE = re.compile(r'ProtocolError\(\s*f?"((?:RFC9420|KEY)-[0-9.]*-?[0-9]+)"')


def test_every_rule_that_is_raised_is_named_in_a_test() -> None:
    raised = {
        rule for path in SOURCE.rglob("*.py") for rule in RULE.findall(path.read_text("utf-8"))
    }
    tests = "\n".join(path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))
    untested = {rule for rule in raised if not re.search(re.escape(rule) + r"(?!\d)", tests)}
    assert len(raised) > 70
    assert untested == set()
