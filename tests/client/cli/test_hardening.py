"""What others of this machine are shown of a process that was started with a link."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from pathlib import Path
from mifeng.cli import main
def look(words):
    print(Path("/proc/self/cmdline").read_text(), words[-1], sep="\\n")
    sys.exit()
main.opening_in = look
main.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_link_is_struck_out_where_others_see_it_and_still_there_for_the_command() -> None:
    link = "mifeng:join#QUJDREVGR0g"
    command = [sys.executable, "-c", LOOK, "ui", link]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    line, word = told.stdout.splitlines()[-2:]
    assert line.rstrip("\0").endswith("\0ui\0mifeng:join#" + "*" * 11)
    assert word == link
