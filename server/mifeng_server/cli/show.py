"""Print what a command found: a table for people, or one JSON object a line for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

__all__ = ["show", "utc"]


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
        table.add_row(*(_cell(row.get(name, "")) for name in titles))
    # A pipe or a file says no width, and 80 columns cut the tables short.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


def utc(at: int) -> str:
    """Return a time of Unix milliseconds as people read it."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


_NARROW = ("setting", "check", "state")


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever was found
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value)
