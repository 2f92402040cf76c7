"""The lines that open the page without typer, and what they load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mifeng.cli.opening import Opening, opening_in
from mifeng.cli.options import hoist

LINK = "mifeng:join#abc"


def read(line: str) -> Opening | None:
    return opening_in(hoist(line.split()))


def test_a_plain_line_is_read_as_typer_reads_it() -> None:
    plain = read("ui")
    assert plain is not None
    assert (plain.told.profile, plain.told.passphrase_fd, plain.link, plain.window) == (
        None, None, "", True,
    )  # fmt: skip
    full = read(f"ui --profile /a/b {LINK} --no-window --passphrase-fd 5 --lang en")
    assert full is not None
    assert (full.told.profile, full.told.passphrase_fd, full.link, full.window) == (
        Path("/a/b"), 5, LINK, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "", "units", "ui --help", "ui -h", "ui --install", "ui --uninstall", "ui --json",
        "ui --nowindow",
        "ui somewhere", f"ui {LINK} {LINK}", "ui --profile", "ui --passphrase-fd five", "--help ui",
        "ui --no-window --no-window", f"ui -- {LINK}", "ui --profile=/a/b",
    ],
)  # fmt: skip
def test_whatever_is_odd_is_left_to_typer(line: str) -> None:
    assert read(line) is None


LOOK = """
import os, sys
import mifeng.web.running

async def look(*_):
    print("loaded:", *sorted({"typer", "pydantic", "rich", "mifeng.cli.app", "mifeng.sdk"} & set(sys.modules)))
    return True

mifeng.web.running.handed_over = look
sys.argv = ["mifeng", *sys.argv[1:]]
from mifeng.cli.main import main
main()
"""  # noqa: E501 - a program


def test_the_page_is_opened_without_what_parses_other_commands(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOK, "--profile", str(tmp_path), "ui"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["loaded:"], done.stderr
