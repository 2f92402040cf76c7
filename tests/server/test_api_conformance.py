"""The API keeps to its own document: a little of `make fuzz` in every run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load.parts import serve
from bench.load.stage import make_stage
from tests.server.fuzz import CALLERS, has_schemathesis, play


@pytest.mark.skipif(
    not has_schemathesis(), reason="schemathesis is not installed (scripts/ci_setup.sh installs it)"
)
def test_generated_requests_find_no_fault_and_no_way_in(tmp_path: Path) -> None:
    stage = make_stage(tmp_path / "data", 2, tls=False)
    with serve(stage, tls=False) as server:
        for caller in CALLERS:
            played = play(
                tmp_path, caller, seed=1, phases="fuzzing", examples=1, stage=stage, server=server
            )
            assert not played.failed, played.said[-4000:]
            assert played.cases > 30
