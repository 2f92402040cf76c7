"""Export: all that one can read of a unit, in open formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mifeng.cli.named import UnitName
from mifeng.cli.options import opened, options, run
from mifeng.text import _

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command(help=_("Write all that you can read of a unit: HTML, JSON lines and files."))(
        export
    )


def export(
    context: typer.Context,
    unit: UnitName,
    folder: Annotated[Path, typer.Argument(help=_("A folder that is empty, or not there yet."))],
    no_files: Annotated[
        bool, typer.Option("--no-files", help=_("Only what was said, not the files."))
    ] = False,
) -> None:
    """Export a unit."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            done = await me.unit(unit).export(folder, with_files=not no_files)
        if told.json:
            as_json(
                {
                    "path": str(done.folder),
                    "messages": done.messages,
                    "files": done.files,
                    "missing": [{"name": name, "reason": why} for name, why in done.missing],
                }
            )
            return
        sentence = _("Wrote {n} messages and {files} files to {path}; they are in the clear.")
        say(sentence.format(n=done.messages, files=done.files, path=done.folder))
        for name, why in done.missing:
            say(_("Not in it: {name} ({reason})").format(name=printable(name), reason=why))

    run(told, main)
