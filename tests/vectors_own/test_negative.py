"""Each vector breaks one rule, and is refused by that rule; without the fault it passes."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

import mifeng_crypto.mls
from mifeng_crypto.errors import CodecError, MifengError, ProtocolError
from tests.vectors_own.files import NEGATIVE, Vector
from tests.vectors_own.reading import attempt, load_state

PATHS = sorted(NEGATIVE.glob("*.json"))


@cache
def passes(verb: str, state: str | None, control: str) -> bool:
    """Whether a control passes; many vectors share one."""
    return attempt(verb, state, json.loads(control)) is not None


def test_there_are_enough_of_them() -> None:
    assert len(PATHS) >= 200


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_vector_is_refused_by_its_rule_and_its_control_is_not(path: Path) -> None:
    vector = Vector.read(path)
    before = None if vector.state is None else load_state(vector.state).parts(None)
    with pytest.raises(MifengError) as caught:
        attempt(vector.verb, vector.state, vector.input)
    if vector.rule == "codec":
        assert isinstance(caught.value, CodecError)
    else:
        assert isinstance(caught.value, ProtocolError), caught.value
        assert caught.value.rule == vector.rule, caught.value
    # Whatever was refused has changed nothing.
    assert vector.state is None or load_state(vector.state).parts(None) == before
    control = dict(vector.control)
    state = control.pop("state", vector.state)  # what is wrong may be the state
    assert passes(vector.verb, state, json.dumps(control))


RAISED = re.compile(r'ProtocolError\(\s*f?"((?:RFC9420|KEY)-[0-9.]*-?[0-9]+)"')


def test_each_rule_of_the_engine_has_a_vector() -> None:
    source = Path(mifeng_crypto.mls.__file__).parent
    raised = {rule for path in source.rglob("*.py") for rule in RAISED.findall(path.read_text())}
    # Who is no member is refused an Update by other rules before this one is asked.
    assert raised - {Vector.read(path).rule for path in PATHS} <= {"RFC9420-12.1.2-1"}
