"""The checks of `make conformance`, as tests: one for each file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.run import CHECKS, run_file, sources_root


@pytest.mark.parametrize("name", CHECKS)
def test_every_case_of_the_file_passes(vectors_dir: Path, name: str) -> None:
    if not (sources_root(vectors_dir) / name).is_file():
        pytest.skip(f"public vectors are missing: {name} is not in {vectors_dir}")
    result = run_file(vectors_dir, name)
    assert result.failed == []
    assert result.passed, "a file of which every case is skipped proves nothing"
