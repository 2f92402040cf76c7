"""The quickstart in the SDK's docstring, as it stands there, sends and receives."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

import mifeng
from mifeng.keychain import Passphrase
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server

WORDS = "a passphrase of one's own"


def quickstart() -> str:
    doc = mifeng.__doc__ or ""
    lines = [line for line in doc.splitlines() if not line or line.startswith("    ")]
    return textwrap.dedent("\n".join(lines)).strip()


async def test_the_quickstart_sends_and_receives(tmp_path: Path) -> None:
    code = quickstart()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    changed = code.replace('"~/.mifeng"', repr(str(tmp_path / "ada"))).replace('"..."', repr(WORDS))
    assert changed.count(str(tmp_path)) == changed.count(WORDS) == 1
    async with running_server(tmp_path) as server:
        async with mifeng.found(
            server.founding_link, profile=tmp_path / "ada", name="Ada", passphrase=WORDS
        ) as ada:
            link = (await ada.invite()).link
            unit = await ada.create_unit("Research")
            async with mifeng.join(
                link, profile=tmp_path / "ben", name="Ben", passphrase=Passphrase(WORDS)
            ) as ben:
                await ada.sync()
                await unit.grant(ada.person("Ben"))
                await ben.sync()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", changed, stdout=asyncio.subprocess.PIPE
        )
        async with (
            mifeng.open(tmp_path / "ben", passphrase=WORDS) as ben,
            asyncio.timeout(PATIENCE_S),
        ):
            async for message in ben.unit("Research").messages():
                assert (str(message.sender), message.text) == ("Ada", "Good morning")
                break
            await ben.unit("Research").send("Goodbye")
            out, _ = await process.communicate()
        assert out.decode().splitlines() == ["Ada Good morning", "Ben Goodbye"]
