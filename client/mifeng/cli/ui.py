"""`mifeng ui`: the workspace in the browser, served by this process (opening.py)."""

from __future__ import annotations

from typing import Annotated

import typer

from mifeng.cli.opening import Opening, serve
from mifeng.cli.options import Options, options, run
from mifeng.text import _

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command(help=_("Open the workspace in the browser."))(ui)


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
        run(told, lambda: _install(told, remove=uninstall))
    else:
        run(told, lambda: serve(Opening(told, link or "", window=not no_window)))


async def _install(told: Options, *, remove: bool) -> None:
    from mifeng.cli.show import say
    from mifeng.web.desktop import Desktop

    desktop = Desktop.of_user()
    if remove:
        desktop.remove()
        say(_("Mifeng is out of the desktop's menu and start."))
        return
    for path in desktop.install(told.chosen_folder):
        say(_("Wrote {path}.").format(path=path))
