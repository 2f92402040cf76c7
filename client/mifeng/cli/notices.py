"""What everybody in a unit has to know of it at all times, in front of what is said there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from mifeng import Governed, Unit

__all__ = ["notices", "print_ending", "print_notices", "print_unsent"]


def notices(unit: Governed) -> list[str]:
    """Return the lines for people."""
    from mifeng.cli.show import local_time
    from mifeng.content import printable

    lines = []
    for archive in unit.archives():
        sentence = _("! {name} keeps what is said here, from {time} on.")
        name = printable(archive.person.name)
        lines.append(sentence.format(name=name, time=local_time(archive.since)))
    if unit.end is not None and unit.closed_by is not None:
        sentence = (
            _("! Closed by {name} on {time}; what was said here is deleted.")
            if unit.end.deletes
            else _("! Closed by {name} on {time}; nothing more is sent here.")
        )
        name = printable(unit.closed_by.name)
        lines.append(sentence.format(name=name, time=local_time(unit.end.time)))
    return lines


async def print_ending(unit: Unit) -> None:
    """Print which files will be gone within a day, and that one has not fetched them."""
    from mifeng.cli.show import left
    from mifeng.content import printable

    for shared in await unit.ending():
        sentence = _("! {file} (number {n}) is gone in {time}: download it, or keep it.")
        typer.secho(
            sentence.format(
                file=printable(shared.file.name), n=shared.message.sequence, time=left(shared.until)
            ),
            fg="yellow",
        )


def print_notices(unit: Governed) -> None:
    """Print them, so that they are never taken for what somebody said."""
    for line in notices(unit):
        typer.secho(line, fg="yellow")


def print_unsent(unit: Unit) -> None:
    """Print how much of what one has said in it was refused."""
    n = len(unit.unsent())
    sentence = ngettext(
        "! {n} message of yours was refused by the server: `mifeng outbox` says why.",
        "! {n} messages of yours were refused by the server: `mifeng outbox` says why.",
        n,
    )
    if n:
        typer.secho(sentence.format(n=n), fg="yellow")
