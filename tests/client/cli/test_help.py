"""Every command has a page in both languages; its examples are taken; refusals are one line."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mifeng import text
from mifeng.cli.app import app
from mifeng.cli.manual import manual
from mifeng.cli.options import hoist
from mifeng.text import speaking


def walk(command: Any, *words: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own
    """Yield every command with its words, `mifeng` itself first."""
    yield " ".join(words) or "mifeng", command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, *words, name)


COMMANDS = dict(walk(get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*command.removeprefix("mifeng").split(), "--help"]
    assert COMMANDS["mifeng"].main(words, "mifeng", standalone_mode=False) == 0
    usage, _, told = capsys.readouterr().out.partition("\n")
    assert usage.startswith(f"Usage: mifeng {command.removeprefix('mifeng')}".rstrip())
    assert COMMANDS[command].help.split()[0] in told
    assert "Examples" in told


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_the_manual_has_all_commands_and_no_others(language: str) -> None:
    assert set(manual(language)) == set(COMMANDS)
    assert all(page.examples for page in manual(language).values())


def test_both_manuals_say_the_same_of_the_same() -> None:
    english, chinese = manual("en"), manual("zh_CN")
    for command, page in english.items():
        assert len(page.prose) == len(chinese[command].prose), command
        assert len(page.examples) == len(chinese[command].examples), command


@pytest.mark.parametrize("language", text.LANGUAGES)
def test_every_example_is_a_line_that_is_taken(language: str) -> None:
    for page in manual(language).values():
        for line in page.examples:
            words = shlex.split(line.rpartition("| ")[2])
            assert words[0] == "mifeng", line
            command, context = COMMANDS["mifeng"], None
            left = hoist(words[1:])
            while left or context is None:
                context = command.make_context(
                    "mifeng", left, parent=context, resilient_parsing="--help" in left
                )
                left = [*context._protected_args, *context.args]
                if not left or "--help" in left:
                    break
                command, left = command.commands[left[0]], left[1:]


def test_a_page_is_in_the_language_of_its_reader() -> None:
    code = (
        "import sys; from mifeng.cli.main import main; sys.argv = ['mifeng', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, "send", "--lang", "zh_CN", "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for word in ("用法：", "参数", "选项", "示例", "显示此页。", "命令返回时"):
        assert word in out
    assert "Show this" not in out


def test_the_version_is_told_without_a_profile() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"mifeng {version('mifeng')}\n")


def refused(*words: str) -> str:
    done = CliRunner().invoke(app, hoist(words))
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("send", "UNIT is missing"),
        ("send Sales", "TEXT is missing"),
        ("send Sales a b", "this is too much: b; put a text of several words into quotes"),
        ("read Sales --last x", "--last takes a whole number from 1 on"),
        ("read Sales --last", "--last takes a value"),
        ("read Sales --lsat 3", "there is no option --lsat; there is --last"),
        ("unit create x --kind crowd", "--kind takes one of business, group, channel"),
        ("announce A b c --cascade=1", "--cascade takes no value"),
        ("sned", "No such command 'sned'. Did you mean 'send'?"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_one(line: str, told: str) -> None:
    first, *hint = refused(*line.split()).splitlines()
    assert first == f"Error: {told}"
    assert all(word.startswith("See `mifeng") for word in hint)
    error = json.loads(refused(*line.split(), "--json"))
    assert error == {"error": "UsageError", "message": told, "exit_code": 2}


def test_it_is_said_in_the_language_of_its_reader() -> None:
    with speaking("zh_CN"):
        assert refused("send") == "错误：缺少 UNIT\n请看 `mifeng send --help`。\n"


def test_help_loads_neither_network_nor_cryptography() -> None:
    heavy = "aiohttp", "cryptography", "aiosqlite", "nacl", "rich.progress"
    code = (
        "import sys; from mifeng.cli.app import app\n"
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
