"""Files: upload, download; with a progress bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.cli.units import UnitName
from mifeng.errors import NotFoundError
from mifeng.text import _
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import File, Unit

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Seal a file and send it."))(upload)
    app.command(help=_("Fetch a file and open it."))(download)


def upload(
    context: typer.Context,
    unit: UnitName,
    path: Annotated[Path, typer.Argument(help=_("The file."))],
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata", help=_("Send a picture with the place and camera that it names.")
        ),
    ] = False,
) -> None:
    """Seal a file and send it."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, say, size
        from mifeng.content import printable

        async with opened(told) as me:
            where = me.unit(unit)
            with _bar(path.name, quiet=told.json) as progress:
                message = await where.upload(path, progress=progress, keep_metadata=keep_metadata)
            if told.json:
                as_json({"file_id": message.files[0].id.hex(), **message_facts(where, message)})
                return
        sentence = _("Sent {file} ({size}) to {unit}, as number {n}.")
        say(
            sentence.format(
                file=printable(path.name),
                size=size(message.files[0].size),
                unit=printable(where.title),
                n=message.sequence,
            )
        )

    run(told, main)


def download(
    context: typer.Context,
    unit: UnitName,
    file: Annotated[
        str, typer.Argument(help=_("A file's name, the beginning of its id, or its number."))
    ],
    to: Annotated[
        Path, typer.Option(metavar="PATH", help=_("A folder, or the file to write."))
    ] = Path(),
    *,
    force: Annotated[
        bool, typer.Option("--force", help=_("Replace a file that is there already."))
    ] = False,
    stream: Annotated[
        bool,
        typer.Option("--stream", help=_("Write to the standard output as it comes, for a player.")),
    ] = False,
) -> None:
    """Fetch a file and open it."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, file_facts, say, size

        async with opened(told) as me:
            where = me.unit(unit)
            wanted = await _find(where, file)
            if stream:
                await _pour(where, wanted)
                return
            with _bar(wanted.name, quiet=told.json) as progress:
                path = await where.download(wanted, to, overwrite=force, progress=progress)
        if told.json:
            as_json({**file_facts(wanted), "path": str(path)})
        else:
            say(_("Saved {path} ({size}).").format(path=path, size=size(wanted.size)))

    run(told, main)


async def _pour(unit: Unit, file: File) -> None:
    """Write a file to the standard output; the exit code says whether it was all of it."""
    try:
        async for piece in unit.stream(file):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever listened has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _find(unit: Unit, wanted: str) -> File:
    """Return the newest file of this name, id or message number."""
    shown = [(m.sequence, file) for m in await unit.history() for file in m.files]
    found = [file for n, file in shown if wanted in (file.name, file.id.hex(), str(n))] or [
        file for _n, file in shown if file.id.hex().startswith(wanted)
    ]
    if not found:
        unit.check_access()
        raise NotFoundError("there is no file {name} in this unit; see `mifeng read`", name=wanted)
    if len({file.id for file in found}) > 1 and wanted != found[-1].name:
        raise UsageError("{name} could be several files; write more of the id", name=wanted)
    return found[-1]


@contextlib.contextmanager
def _bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from mifeng.content import printable

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(printable(name), total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
