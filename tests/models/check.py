"""Check a Spin model exhaustively: spin -a, cc, pan. Used by pytest and by `make torture`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOOLS", "VARIANTS", "Checked", "check", "missing_tools"]

HERE = Path(__file__).resolve().parent
TOOLS = ("spin", "cc")
VARIANTS = ("MERGE_EARLY", "NO_CAS", "NEW_KEY", "UNSEAL_EARLY", "NOTIFY_EARLY")
"""Each takes out a rule of `ordering.pml`, which must fail then."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What pan said."""

    errors: int
    states: int
    said: str


def missing_tools() -> list[str]:
    """Return which tools are not on this machine."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def check(model: str, *defines: str, timeout_s: float = 300) -> Checked:
    """Explore all states of a model, to the first error."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*words: str) -> str:
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
            )
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
            return done.stdout

        run("spin", *(f"-D{name}" for name in defines), "-a", str(HERE / model))
        optimised = "-O0" if defines else "-O1"
        run("cc", optimised, "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=3000", "-o", "pan", "pan.c")
        said = run(str(Path(folder) / "pan"), "-m200000", "-n")
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored", said)
    assert errors is not None, said
    assert states is not None, said
    assert "max search depth too small" not in said, said
    return Checked(int(errors[1]), int(float(states[1])), said)
