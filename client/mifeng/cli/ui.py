"""`mifeng ui`: the workspace in the browser, served by this process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import Options, options, run
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng.web.server import Screen

__all__ = ["add_to", "is_desktop"]


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command(help=_("Open the workspace in the browser."))(ui)


def is_desktop() -> bool:
    """Whether somebody sits before a screen: then `mifeng` alone opens the page."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or (
        sys.platform == "darwin" and sys.stdout.isatty()
    )


def ui(
    context: typer.Context,
    link: Annotated[
        str | None, typer.Argument(metavar="LINK", help=_("An invite to begin with."))
    ] = None,
    no_window: Annotated[
        bool, typer.Option("--no-window", help=_("Serve, and open no window yet."))
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help=_("Put it into the desktop's menu and its start."))
    ] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help=_("Take it out of there again."))
    ] = False,
) -> None:
    """Open the workspace in the browser."""
    told = options(context)
    if install or uninstall:
        run(told, lambda: _install(remove=uninstall))
    else:
        run(told, lambda: _serve(told, link, window=not no_window))


async def _install(*, remove: bool) -> None:
    from mifeng.cli.show import say
    from mifeng.web.desktop import Desktop

    desktop = Desktop.of_user()
    if remove:
        desktop.remove()
        say(_("Mifeng is out of the desktop's menu and start."))
        return
    for path in desktop.install():
        say(_("Wrote {path}.").format(path=path))


async def _serve(told: Options, link: str | None, *, window: bool) -> None:
    import platformdirs

    gc.disable()  # what is loaded now stays: nobody need look through it, now or later
    from mifeng.cli.lent import lending
    from mifeng.web.browser import open_page, runtime_folder
    from mifeng.web.running import ask_for_a_window, serving_windows
    from mifeng.web.server import screen

    gc.freeze()
    gc.enable()
    runtime = runtime_folder()
    if await ask_for_a_window(runtime):
        return
    config = Path(platformdirs.user_config_dir("mifeng", appauthor=False)) / "ui.json"
    async with screen([told.folder], config, lending=lending) as shown:
        shown.house.invited = link or ""

        async def open_window() -> None:
            path, opened = await open_page(shown, runtime)
            if not opened:
                note = _("Open this file in your browser, within a minute: {path}")
                typer.echo(note.format(path=path))

        async with serving_windows(runtime, open_window):
            # While the browser starts the profile opens; the page waits for both.
            unlocking = asyncio.create_task(_unlock(told, shown))
            if window:
                await open_window()
            await unlocking
            typer.echo(_("The page is open until you stop this with Ctrl-C."), err=True)
            await _until_told_to_end()


async def _until_told_to_end() -> None:
    """Ctrl-C ends by itself; an end of the session has to be asked for."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


async def _unlock(told: Options, shown: Screen) -> None:
    """Open at once what needs no passphrase, or whose passphrase came by a file descriptor."""
    from mifeng.cli.options import passphrase_for

    keeper = next(iter(shown.house.keepers.values()))
    if told.passphrase_fd is not None:
        word = await asyncio.to_thread(passphrase_for, told, new=False)
        if keeper.exists:
            await keeper.open(word)
    elif keeper.exists and not await keeper.needs_passphrase():
        await keeper.open(None)
