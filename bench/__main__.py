"""`python -m bench [SECTION ...]`: measure, print tables, write build/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table

from bench import (
    bots,
    catch_up,
    content,
    directory,
    e2e,
    expiry,
    files,
    history,
    ledgers,
    mls,
    offboarding,
    onboarding,
    peers,
    screen,
    shares,
)
from bench.figure import Figure

OUTPUT = Path(__file__).resolve().parent.parent / "build" / "bench.json"
WIDTH = 170
SECTIONS: dict[str, Callable[[], Iterator[Figure]]] = {
    "ledgers": ledgers.measure,
    "mls": mls.measure,
    "shares": shares.measure,
    "peers": peers.measure,
    "content": content.measure,
    "directory": directory.measure,
    "expiry": expiry.measure,
    "files": files.measure,
    "history": history.measure,
    "offboarding": offboarding.measure,
    "onboarding": onboarding.measure,
    "bots": bots.measure,
    "catch-up": catch_up.measure,
    "e2e": e2e.measure,
    "screen": screen.measure,
}


def main() -> int:
    """Run the sections that the command line names; all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("section", nargs="*", help=f"all of: {', '.join(SECTIONS)}")
    chosen = parser.parse_args().section or list(SECTIONS)
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]}: choose from {', '.join(SECTIONS)}")
    # What is installed has its bytecode; without it each command compiles a second of sources anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A pipe or a file says no width, and 80 columns cut the tables short.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    figures = list[Figure]()
    for name in chosen:
        measured = SECTIONS[name]()
        with console.status(f"measuring {name}"):
            figures += measured
    for title, rows in groupby(figures, key=lambda figure: figure.table):
        console.print(_table(title, list(rows)))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(_report(figures), indent=2) + "\n")
    return 0


def _report(figures: Iterable[Figure]) -> dict[str, object]:
    libraries = ("cryptography", "pynacl", "aiohttp", "SQLAlchemy")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "libraries": {name: version(name) for name in libraries},
        "figures": [asdict(figure) for figure in figures],
    }


def _table(title: str, figures: list[Figure]) -> Table:
    table = Table(title=title, title_justify="left")
    columns = list(dict.fromkeys(figure.column for figure in figures))
    table.add_column("", no_wrap=True)
    targets = ["target"] if any(figure.target is not None for figure in figures) else []
    for column in (*columns, *targets, "unit"):
        justify: JustifyMethod = "left" if column == "unit" else "right"
        table.add_column(column, justify=justify, overflow="fold")
    for row, cells in groupby(sorted(figures, key=_order(figures)), key=lambda cell: cell.row):
        by_column = {cell.column: cell for cell in cells}
        aim = next((cell.target for cell in by_column.values() if cell.target is not None), None)
        shown = [_cell(by_column[column]) if column in by_column else "" for column in columns]
        unit = next(iter(by_column.values())).unit
        table.add_row(row, *shown, *(["" if aim is None else f"{aim:g}"] if targets else []), unit)
    return table


def _order(figures: list[Figure]) -> Callable[[Figure], int]:
    """Rows in the order in which they were measured; a row may be absent in the first columns."""
    rows = list(dict.fromkeys(figure.row for figure in reversed(figures)))[::-1]
    return lambda figure: rows.index(figure.row)


def _cell(figure: Figure) -> str:
    if figure.value is None:
        return ""
    value = f"{figure.value:.3g}" if figure.value < 1000 else f"{figure.value:,.0f}"
    if figure.target is None:
        return value
    return f"[green]{value}[/]" if figure.value <= figure.target else f"[red]{value} ![/]"


if __name__ == "__main__":
    sys.exit(main())
