"""The recovery sheet as its owner meets it on a terminal: shown, asked back, and typed in again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structlog

from tests.e2e.screen import OnScreen, on_screen
from tests.support.server import running_server

WORD = "correct horse battery staple"
CODE = re.compile(r"\b([0-9A-Z]{4}(?:-[0-9A-Z]{4}){6})\b")


@pytest.fixture(autouse=True)
def silent() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


async def _choose_passphrase(screen: OnScreen) -> None:
    await screen.wait_for("keyring): ")
    screen.type(WORD)
    await screen.wait_for("Once more: ")
    screen.type(WORD)


async def _keep(screen: OnScreen) -> tuple[str, str]:
    """Read the sheet off the screen and answer both questions, the first one wrongly at first."""
    code = ""
    for wrong in (True, False):
        asked = await screen.wait_for("of the code: ")
        number = int(re.findall(r"group (\d) of the code", asked)[-1])
        code = CODE.findall(screen.shown)[-1]
        if wrong:
            screen.type("0000")
            await screen.wait_for("That is not what stands on the sheet; look again.")
            await screen.wait_for("of the code: ")
        screen.type(code.split("-")[number - 1].lower())
    return code, re.findall(r"mifeng:recover#\S+", screen.shown)[-1]


async def test_a_sheet_is_asked_back_and_its_code_typed_on_a_terminal(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        found = "found", server.founding_link, "--name", "Ada"
        async with on_screen(tmp_path / "ada", *found) as screen:
            await _choose_passphrase(screen)
            code, link = await _keep(screen)
            await screen.wait_for("You are in, as Ada (owner)")
            assert await screen.end() == 0
        assert WORD not in screen.shown
        async with on_screen(tmp_path / "new", "recover", link) as screen:
            await _choose_passphrase(screen)
            await screen.wait_for("The sheet's code: ")
            screen.type(code.lower().replace("-", " "))
            following, _ = await _keep(screen)
            await screen.wait_for("You are back, as owner, and all your older devices are out.")
            assert await screen.end() == 0
        assert following != code
        assert code not in screen.shown
