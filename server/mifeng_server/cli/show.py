"""Print what a command found: a table for people, or one JSON object a line for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import typer

from mifeng_server.cli.words import named
from mifeng_server.clock import utc

__all__ = ["show"]


def show(
    rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str], *, as_json: bool, title: str = ""
) -> None:
    """Print rows.

    Args:
        rows: by column.
        titles: which columns a table shows, and what stands above them.
        as_json: print all of each row, one a line.
        title: what stands above a table.
    """
    if as_json:
        for row in rows:
            typer.echo(msgspec.json.encode(row).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for name, heading in titles.items():
        table.add_column(heading, overflow="fold", no_wrap=name in _NARROW)
    for row in rows:
        # A fact says in its first column what its value is.
        table.add_row(*(_cell(row.get(name, ""), row.get("fact", name), name) for name in titles))
    # A pipe or a file says no width, and 80 columns cut the tables short.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


_NARROW = ("setting", "check", "state")
_TIMES = ("accepted_at", "rotated_at", "logged in until", "last_login", "made_at", "next to end")
_SIZES = ("bytes", "bytes of files", "file_bytes", "copied_bytes", "used", "limit")
_WORDS = ("fact", "check", "role", "kind", "of")


def _cell(value: Any, what: str, column: str) -> str:  # noqa: ANN401 - whatever was found
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and column in _WORDS:
        return named(value)
    if isinstance(value, int) and what.partition(":")[0] in _TIMES:
        return utc(value)
    if isinstance(value, int) and what in _SIZES:
        return size(value)
    return "" if value is None else str(value)


def size(count: int) -> str:
    """Return an amount of bytes as people read it."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} {_UNITS[0]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
