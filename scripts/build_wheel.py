"""Build the wheel twice, from two copies of what git tracks, and keep it if both are the same.

The copies differ in folder, times, umask and time zone: what is in a wheel may depend on none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["build", "main"]

ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path, *, zone: str, umask: int) -> Path:
    """Build in a copy inside of `folder`; return the wheel."""
    source = folder / "source"
    command = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    before = os.umask(umask)
    try:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, source / name)
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            check=True,
            capture_output=True,
            cwd=source,
            env={**os.environ, "TZ": zone, "SOURCE_DATE_EPOCH": "1767225600"},
        )
    finally:
        os.umask(before)
    return next(folder.glob("*.whl"))


def main() -> int:
    """Build both, compare, and put one into dist/."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first = build(Path(one), zone="UTC", umask=0o022)
        second = build(Path(two), zone="Asia/Shanghai", umask=0o077)
        if first.read_bytes() != second.read_bytes():
            print("the two wheels differ", file=sys.stderr)
            return 1
        dist = ROOT / "dist"
        dist.mkdir(exist_ok=True)
        shutil.copyfile(first, dist / first.name)
        print(f"{hashlib.sha256(first.read_bytes()).hexdigest()}  dist/{first.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
