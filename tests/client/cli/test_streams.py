"""Streams that are closed, full, or not in UTF-8: one line and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = 'exec "$0" -m mifeng.cli.main "$@"'


def mifeng(*words: str, streams: str, given: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Run a command with its streams as a shell can have them; return code and errors."""
    done = subprocess.run(
        ["sh", "-c", f"{RUN} {streams}", sys.executable, *words],
        input=given,
        capture_output=True,
        env={**os.environ, "MIFENG_LANG": "en", **(env or {})},
        check=False,
    )
    return f"{done.returncode} {done.stderr.decode()}".strip()


def test_a_closed_standard_input_holds_nothing(tmp_path: Path) -> None:
    told = mifeng("--profile", str(tmp_path / "none"), "send", "Sales", "-", streams="<&-")
    assert told == "2 Error: there is nothing to send; write something"


def test_a_command_needs_no_stream_at_all(tmp_path: Path) -> None:
    streams = "<&- >&- 2>&-"
    assert mifeng("--profile", str(tmp_path / "none"), "whoami", streams=streams) == "6"


def test_input_that_is_not_utf_8_is_refused_where_it_is_used(tmp_path: Path) -> None:
    told = mifeng(
        *("--profile", str(tmp_path / "none"), "send", "Sales", "-"),
        streams="",
        given=b"caf\xe9",
        env={"PYTHONIOENCODING": "utf-8:strict"},
    )
    assert told.startswith("6 Error: there is no profile in")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_page_that_cannot_be_written_says_so() -> None:
    told = mifeng("--help", streams=">/dev/full")
    assert told == "6 Error: the system refused: No space left on device"
