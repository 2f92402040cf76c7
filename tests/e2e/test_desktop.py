"""What `mifeng ui --install` puts into a desktop, and that it works there, by real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.dom.minidom
from collections.abc import AsyncIterator
from pathlib import Path

import keyring
import pytest

import mifeng
from mifeng.web.desktop import Desktop
from tests.e2e.people import PASSPHRASE
from tests.support.desktop import desktop
from tests.support.keyring_file import InFile
from tests.support.patience import until
from tests.support.server import running_server

ROOT = Path(__file__).resolve().parent.parent.parent


class Session:
    """A desktop session of somebody whose folders are all in one place."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "run").mkdir(mode=0o700, parents=True)
        self.opened = home / "opened"
        opener = home / "browser"
        opener.write_text(
            f'#!/bin/sh\ncp "${{1#file://}}" {home}/new && mv {home}/new {self.opened}\n'
        )
        opener.chmod(0o700)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "BROWSER": f"{opener} %s",
            "MIFENG_LANG": "en",
            "KEYRING_FILE": str(home / "keyring"),
            "PYTHON_KEYRING_BACKEND": "tests.support.keyring_file.InFile",
            "PYTHONUTF8": "1",
        }

    @property
    def desktop(self) -> Desktop:
        return Desktop(self.home / "data", self.home / "config")

    async def run(self, command: list[str], **more: str) -> str:
        """Run a command to its end, which must be a good one."""
        process = await asyncio.create_subprocess_exec(
            *command, env={**self.environment, **more}, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said
        return said.decode()

    @contextlib.asynccontextmanager
    async def running(self, command: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
        """Keep a command running, and end it as the end of a session does."""
        process = await asyncio.create_subprocess_exec(*command, env=self.environment)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0

    async def window(self) -> str:
        """Wait until the browser was asked for a window; return the address in it."""
        await until(self.opened.exists)
        found = re.search(r'url=(http[^"]+)"', self.opened.read_text())
        self.opened.unlink()
        assert found is not None
        return found[1]


def command_of(entry: Path, url: str | None = None) -> list[str]:
    """The words of `Exec`, as a desktop reads them (Desktop Entry Specification)."""
    line = next(line for line in entry.read_text().splitlines() if line.startswith("Exec="))
    value = line.removeprefix("Exec=").replace("\\\\", "\\")
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', value)
    words = [re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in found]
    given = [] if url is None else [url]
    return [one for word in words for one in (given if word == "%u" else [word.replace("%%", "%")])]


@contextlib.asynccontextmanager
async def listening(me: mifeng.Workspace) -> AsyncIterator[None]:
    """Be online while this is entered."""

    async def listen() -> None:
        with me.events() as events:
            async for _ in events:
                pass

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "home")


async def test_it_installs_an_entry_an_icon_and_a_start_and_takes_them_away(
    session: Session,
) -> None:
    mifeng_ui = [sys.executable, "-m", "mifeng.cli.main", "ui"]
    told = await session.run([*mifeng_ui, "--install"])
    entry, icon, autostart = session.desktop.files
    assert all(str(path) in told for path in (entry, icon, autostart))
    assert command_of(entry) == mifeng_ui
    assert command_of(entry, "mifeng:join#abc") == [*mifeng_ui, "mifeng:join#abc"]
    assert command_of(autostart) == [*mifeng_ui, "--no-window"]
    assert xml.dom.minidom.parse(str(icon)).getElementsByTagName("svg")
    assert "MimeType=x-scheme-handler/mifeng;" in entry.read_text().splitlines()
    assert "Comment[zh_CN]=" in entry.read_text()
    if shutil.which("update-desktop-database"):
        known = (entry.parent / "mimeinfo.cache").read_text()
        assert "x-scheme-handler/mifeng=mifeng.desktop" in known
    await session.run([*mifeng_ui, "--uninstall"])
    assert [path for path in (entry, icon, autostart) if path.exists()] == []


def test_the_entries_are_valid_and_start_what_they_mean_wherever_the_profile_lies(
    session: Session,
) -> None:
    odd = session.home / 'a "b" $c `d` \\e 100% 档案'
    entry, _, autostart = session.desktop.install(odd)
    start = [sys.executable, "-m", "mifeng.cli.main", "--profile", str(odd), "ui"]
    assert command_of(entry) == start
    assert command_of(autostart) == [*start, "--no-window"]
    check = shutil.which("desktop-file-validate")
    if check is None:
        pytest.skip("desktop-file-validate is missing: run scripts/ci_setup.sh")
    for path in (entry, autostart):
        told = subprocess.run([check, path], check=False, capture_output=True, text=True)
        assert (told.returncode, told.stdout) == (0, "")


async def test_the_start_at_login_works_without_a_window_and_says_that_something_came(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets people in, hears what is said, says so without a word of it, and opens on a press."""
    monkeypatch.setenv("KEYRING_FILE", session.environment["KEYRING_FILE"])
    before = keyring.get_keyring()
    keyring.set_keyring(InFile())
    canary = "zephyr quartz"
    try:
        async with running_server(tmp_path) as server, desktop(tmp_path) as shown:
            session.environment["DBUS_SESSION_BUS_ADDRESS"] = shown.address
            profile = session.home / "data" / "mifeng"
            async with mifeng.found(
                server.founding_link, profile=profile, name="Ada", passphrase=None
            ) as ada:
                unit = await ada.create_unit("Research")
                invitation = await ada.invite()
                await unit.grant(invitation.person)
            session.desktop.install()
            entry, _, autostart = session.desktop.files
            async with (
                session.running(command_of(autostart)) as background,
                mifeng.join(
                    invitation.link, profile=tmp_path / "ben", name="Ben", passphrase=PASSPHRASE
                ) as ben,
                listening(ben),
            ):
                await until(lambda: any(one.is_member for one in ben.units()))
                await ben.unit("Research").send(canary)
                told = await shown.next()
                assert (told["title"], told["body"]) == (
                    "Mifeng 密封",
                    "Something new has come.",
                )
                assert canary not in str(told)
                assert "Ben" not in str(told)
                assert not session.opened.exists(), "it opens no window by itself"
                await shown.press()
                assert (await session.window()).startswith("http://127.0.0.1:")
                # The menu, `mifeng` alone and one more login find the process that runs.
                await session.run(command_of(entry))
                await session.window()
                await session.run([sys.executable, "-m", "mifeng.cli.main"], DISPLAY=":0")
                await session.window()
                await session.run(command_of(autostart))
                assert not session.opened.exists(), "a start at login asks for no window"
                assert background.returncode is None
    finally:
        keyring.set_keyring(before)
