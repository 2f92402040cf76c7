"""Files: upload, download; with a progress bar on a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.named import UnitName
from mifeng.cli.options import Options, opened, options, run
from mifeng.text import _, ngettext, size
from mifeng_crypto.errors import TransportError, UsageError

if TYPE_CHECKING:
    from mifeng import File, Message, SharedFile, Unit

__all__ = ["add_to"]

STILL_S = 4.0
"""After so long without a byte the bar says so, and not how long it will take."""


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Seal files and send them in one message."))(upload)
    app.command(help=_("Fetch a file and open it."))(download)
    app.command(help=_("List the live files of a unit, and how long each still lives."))(files)
    app.command(help=_("Post a live file again, so that its time starts anew."))(keep)


def upload(
    context: typer.Context,
    unit: UnitName,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help=_("The files, eight at most."))
    ] = None,
    caption: Annotated[str, typer.Option(help=_("A text above them."))] = "",
    *,
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata",
            help=_("Send pictures and films with the place and camera they name."),
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help=_("Go on with files whose way was interrupted."))
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help=_("Forget files whose way was interrupted."))
    ] = False,
) -> None:
    """Seal files and send them in one message, or go on with what was interrupted."""
    told = options(context)

    async def main() -> None:
        if sum((resume, give_up, bool(paths))) != 1:
            raise UsageError("name the files to send, or give --resume, or --give-up")
        async with opened(told) as me:
            where = me.unit(unit)
            if (resume or give_up) and not await where.unfinished():
                _say_nothing_waits(where, told)
            if give_up:
                for file in await where.unfinished():
                    await where.give_up(file)
                    _say_given_up(file, told)
                return
            try:
                if resume:
                    for file in await where.unfinished():
                        with _bar(file.name, quiet=told.json) as progress:
                            _sent(where, await where.resume(file, progress=progress), told)
                    return
                with _bar(", ".join(p.name for p in paths or ()), quiet=told.json) as progress:
                    message = await where.upload(
                        *(paths or ()),
                        caption=caption,
                        progress=progress,
                        keep_metadata=keep_metadata,
                    )
            except TransportError as err:
                if not await where.unfinished():
                    raise
                raise TransportError(
                    "the line is broken; what is sealed is kept for a day: "
                    "go on with `mifeng upload {unit} --resume`",
                    unit=where.title,
                ) from err
            except asyncio.CancelledError:
                if not told.json and await where.unfinished():
                    _say_kept(where)
                raise
            _sent(where, message, told)

    run(told, main)


def _say_nothing_waits(unit: Unit, told: Options) -> None:
    from mifeng.cli.show import say
    from mifeng.content import printable

    if not told.json:
        say(_("No file is on its way to {unit}.").format(unit=printable(unit.title)))


def _say_given_up(file: File, told: Options) -> None:
    from mifeng.cli.show import say
    from mifeng.content import printable

    if not told.json:
        say(_("Given up: {file}. Nothing of it is kept.").format(file=printable(file.name)))


def _say_kept(unit: Unit) -> None:
    from mifeng.content import printable

    sentence = _("What is sealed is kept for a day: go on with `mifeng upload {unit} --resume`.")
    typer.echo(sentence.format(unit=printable(unit.title)), err=True)


def _sent(unit: Unit, message: Message, told: Options) -> None:
    from mifeng.cli.show import as_json, message_facts, say
    from mifeng.content import printable

    if told.json:
        as_json({"file_id": message.files[0].id.hex(), **message_facts(unit, message)})
        return
    sentence = _("Sent {file} ({size}) to {unit}, as number {n}.")
    say(
        sentence.format(
            file=printable(", ".join(file.name for file in message.files)),
            size=size(sum(file.size for file in message.files)),
            unit=printable(unit.title),
            n=message.sequence,
        )
    )


def download(
    context: typer.Context,
    unit: UnitName,
    file: Annotated[
        str, typer.Argument(help=_("A file's name or id, or how one begins, or its number."))
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
        async with opened(told) as me:
            where = me.unit(unit)
            wanted = await where.find_file(file)
            if stream:
                await _pour(where, wanted)
                return
            with _bar(wanted.name, quiet=told.json) as progress:
                path = await where.download(wanted, to, overwrite=force, progress=progress)
        from mifeng.cli.show import as_json, file_facts, say  # not before unlocking

        if told.json:
            as_json({**file_facts(wanted), "path": str(path)})
        else:
            say(_("Saved {path} ({size}).").format(path=path, size=size(wanted.size)))

    run(told, main)


def files(
    context: typer.Context,
    unit: UnitName,
    readers: Annotated[
        bool, typer.Option("--readers", help=_("Ask the server who has fetched each."))
    ] = False,
) -> None:
    """List the live files of a unit."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json

        async with opened(told, local=True) as me:
            where = me.unit(unit)
            found = await where.files(with_readers=readers)
        if told.json:
            for shared in found:
                as_json(_facts(shared))
        else:
            _print_files(found)

    run(told, main)


def _facts(shared: SharedFile) -> dict[str, object]:
    from mifeng.cli.show import file_facts, person_facts

    sender, readers = shared.message.sender, shared.readers
    return {
        **file_facts(shared.file),
        "number": shared.message.sequence,
        "sender": person_facts(sender) if sender else None,
        "until": shared.until.isoformat(timespec="seconds"),
        "readers": None if readers is None else [person_facts(who) for who in readers],
    }


def _print_files(found: list[SharedFile]) -> None:
    from mifeng.cli.show import left, print_table, say

    if not found:
        say(_("There are no live files in this unit."))
        return
    headings = [_("number"), _("file"), _("size"), _("kind"), _("from"), _("lives for")]
    asked = found[0].readers is not None
    if asked:
        headings.append(_("fetched by"))
    rows = []
    for shared in found:
        file, sender = shared.file, shared.message.sender
        row = [f"#{shared.message.sequence}", file.name, size(file.size), _kind(file)]
        row += [sender.name if sender else "?", left(shared.until)]
        if asked:
            row.append(", ".join(who.name for who in shared.readers or ()) or "-")
        rows.append(row)
    print_table(headings, rows)


def _kind(file: File) -> str:
    """What it is, and how large or long."""
    kind, preview = _kind_of(file.content_type), file.preview
    if preview.duration_ms:
        minutes, seconds = divmod(preview.duration_ms // 1000, 60)
        return f"{kind}, {minutes}:{seconds:02}"
    if preview.width:
        return f"{kind}, {preview.width} x {preview.height}"
    if preview.pages:
        pages = ngettext("{n} page", "{n} pages", preview.pages).format(n=preview.pages)
        return f"{kind}, {pages}"
    return kind


def _kind_of(content_type: str) -> str:
    """A media type in a word; `--json` has the type itself."""
    if content_type == "application/pdf":
        return "PDF"
    if content_type.startswith(_DOCUMENTS):
        return _("document")
    if content_type.startswith(_ARCHIVES):
        return _("archive")
    match content_type.partition("/")[0]:
        case "image":
            return _("picture")
        case "video":
            return _("film")
        case "audio":
            return _("sound")
        case "text":
            return _("text")
        case _:
            return _("other")


_DOCUMENTS = (
    "application/vnd.openxmlformats",
    "application/vnd.oasis.opendocument",
    "application/x-ole-storage",
    "application/msword",
    "application/rtf",
    "application/epub+zip",
)
_ARCHIVES = (
    "application/zip",
    "application/gzip",
    "application/x-bzip2",
    "application/x-xz",
    "application/x-7z-compressed",
    "application/vnd.rar",
    "application/x-tar",
)


def keep(
    context: typer.Context,
    unit: UnitName,
    file: Annotated[
        str, typer.Argument(help=_("A file's name or id, or how one begins, or its number."))
    ],
) -> None:
    """Post a live file again."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, left, message_facts, say
        from mifeng.content import printable

        async with opened(told) as me:
            where = me.unit(unit)
            wanted = await where.find_file(file)
            message = await where.keep(wanted)
        if told.json:
            as_json(message_facts(where, message))
            return
        assert message.until is not None, "a message has an end"
        sentence = _("{file} is kept: as number {n} it lives for {time}.")
        say(
            sentence.format(
                file=printable(wanted.name), n=message.sequence, time=left(message.until)
            )
        )

    run(told, main)


async def _pour(unit: Unit, file: File) -> None:
    """Write a file to the standard output; the exit code says whether it was all of it."""
    try:
        async for piece in unit.stream(file):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever listened has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _bar(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal, and nothing elsewhere."""
    from mifeng.cli.show import console

    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column
    from rich.text import Text

    from mifeng.content import printable

    moved = [time.monotonic(), 0.0]

    class Done(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text()
            return Text(f"{size(task.completed)} / {size(task.total)}", style="progress.download")

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{size(speed)}/s" if speed else "", style="progress.data.speed")

    class Left(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            if task.total is not None and time.monotonic() - moved[0] > STILL_S:
                return Text(_("trying again"), style="yellow")
            return super().render(task)

    columns = (
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=32),
        ),
        BarColumn(),
        Done(table_column=Column(no_wrap=True)),
        Speed(table_column=Column(no_wrap=True)),
        Left(),
    )

    def show(done: int, total: int) -> None:
        if done > moved[1]:
            moved[:] = time.monotonic(), done
        bars.update(task, completed=done, total=total)

    with Progress(
        *columns, console=console(stderr=True), redirect_stdout=False, redirect_stderr=False
    ) as bars:
        task = bars.add_task(printable(name), total=None)
        try:
            yield show
        except BaseException:
            bars.live.transient = not moved[1]  # of what never began there is nothing to see
            raise
