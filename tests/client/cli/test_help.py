"""Every command explains itself, and quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mifeng.cli.main import app

COMMANDS = [
    *("found", "join", "invite", "invites", "invites revoke", "remove", "offboarding", "whoami"),
    *("recover", "link", "device", "device list", "device add", "device rename", "device revoke"),
    *("role", "role set", "roster", "server", "server show", "server set"),
    *("people", "profile", "profile set", "verify", "org"),
    *("send", "read", "tail", "upload", "download", "doctor"),
    *("unit", "unit create", "unit grant", "unit revoke", "unit list", "unit members"),
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_help_loads_neither_network_nor_cryptography() -> None:
    heavy = "aiohttp", "cryptography", "aiosqlite", "nacl", "rich.progress"
    code = (
        "import sys; from mifeng.cli.main import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_shell_completes_commands_and_their_options() -> None:
    asked = {"_MIFENG_COMPLETE": "complete_bash", "COMP_WORDS": "mifeng conf", "COMP_CWORD": "1"}
    done = CliRunner().invoke(app, [], env=asked, prog_name="mifeng")
    assert done.output.split() == ["confirm", "confirmations"]
    asked |= {"COMP_WORDS": "mifeng upload --re", "COMP_CWORD": "2"}
    done = CliRunner().invoke(app, [], env=asked, prog_name="mifeng")
    assert done.output.split() == ["--resume"]


def test_help_off_a_terminal_has_no_colours() -> None:
    command = [sys.executable, "-m", "mifeng.cli.main", "send", "--help"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"\x1b" not in done.stdout
