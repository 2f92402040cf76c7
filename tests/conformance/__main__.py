"""`python -m tests.conformance --vectors DIR`: a table, build/conformance.json, exit code."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conformance.run import Result, files_in, run_file

OUTPUT = Path(__file__).resolve().parent.parent.parent / "build" / "conformance.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "--vectors",
        type=Path,
        required=True,
        help="the folder `mls` of the public vectors, or the one that holds it and other sources",
    )
    vectors = parser.parse_args().vectors.resolve()
    names = files_in(vectors)
    if not names:
        Console(stderr=True).print(
            f"no vectors are in {vectors}: run `make vectors`", soft_wrap=True
        )
        return 2
    results = [run_file(vectors, name) for name in names]
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([result.as_json() for result in results], indent=2) + "\n")
    _print(results)
    return 1 if any(result.failed for result in results) else 0


def _print(results: list[Result]) -> None:
    table = Table(title="Conformance", title_justify="left")
    table.add_column("file", overflow="fold")
    for column in ("cases", "passed", "failed"):
        table.add_column(column, justify="right")
    table.add_column("skipped")
    for result in results:
        skipped = ", ".join(f"{n} ({reason})" for reason, n in result.skipped.items())
        row = (result.name, str(result.cases), str(result.passed), str(len(result.failed)), skipped)
        table.add_row(*row, style="red" if result.failed else "")
    total = [sum(r.cases for r in results), sum(r.passed for r in results)]
    failed = sum(len(r.failed) for r in results)
    skipped = str(sum(sum(r.skipped.values()) for r in results))
    table.add_section()
    table.add_row("all", *map(str, total), str(failed), skipped)
    console = Console()
    console.print(table)
    for result in results:
        for line in result.failed[:5]:
            console.print(f"{result.name} {line}", style="red", soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
