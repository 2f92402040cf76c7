"""`python -m bench.load [PART ...]`: measure, print, write build/load.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.load import alone, many, parts, pressure

PARTS = parts.PARTS | {
    "floor": alone.floor,
    "start": alone.start,
    "download": alone.download,
    "herd": many.herd,
    "renewals": many.renewals,
    "holiday": many.holiday,
    "overload": pressure.overload,
    "slow": pressure.slow,
    "backup": pressure.backup,
}
OUTPUT = Path(__file__).resolve().parents[2] / "build" / "load.json"


def main() -> int:
    """Run the parts that the command line names; all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"all of: {', '.join(PARTS)}")
    chosen = parser.parse_args().part or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}: choose from {', '.join(PARTS)}")
    console, figures = Console(), []
    for name in chosen:
        for figure in PARTS[name]():
            figures.append({"part": name} | figure)
            console.print(figures[-1])
    OUTPUT.parent.mkdir(exist_ok=True)
    report = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": os.getloadavg(),
        "figures": figures,
    }
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
