"""What every test may use: the hypothesis profiles and the public vectors.

The vectors are in `$MIFENG_VECTORS`, else in `../shared/vectors`, else in `build/vectors`, where
`make vectors` puts the MLS ones. Without them their tests skip, and the summary says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mifeng.text import use

ROOT = Path(__file__).resolve().parent.parent

# Shared machines are slow at times: a deadline would measure the neighbours.
settings.register_profile("dev", deadline=None)
# The same examples in every run: a red build is red again.
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _find_vectors() -> Path | None:
    named = os.environ.get("MIFENG_VECTORS")
    places = [Path(named)] if named else [ROOT.parent / "shared/vectors", ROOT / "build/vectors"]
    return next((place for place in places if place.is_dir()), None)


def _where_to_get_them() -> str:
    named = os.environ.get("MIFENG_VECTORS")
    if named:
        return f"MIFENG_VECTORS names {named}, which is not a folder"
    return "run `make vectors`, or name their folder in MIFENG_VECTORS"


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """The folder that holds the vectors, one folder a source (`mls`, `hpke-rfc9180`, ...)."""
    folder = _find_vectors()
    if folder is None:
        pytest.skip(f"public vectors are missing: {_where_to_get_them()}")
    return folder


@pytest.fixture(scope="session")
def vectors_of(vectors_dir: Path) -> Callable[[str], Path]:
    """`vectors_of("xwing")` is the folder of one source; skips where only others are there."""

    def folder_of(source: str) -> Path:
        folder = vectors_dir / source
        if not folder.is_dir():
            pytest.skip(f"public vectors are missing: {source} is not in {vectors_dir}")
        return folder

    return folder_of


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line that conformance was not checked: skips alone are easily overlooked."""
    if _find_vectors() is None:
        terminalreporter.write_line(
            f"public vectors are missing, their tests were skipped: {_where_to_get_them()}",
            yellow=True,
        )


@pytest.fixture(autouse=True)
def _in_english_again() -> Iterator[None]:
    """The language is the process's: whoever has switched it leaves it as the next one finds it."""
    yield
    use("en")
